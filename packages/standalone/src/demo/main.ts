import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { DAY_MS } from '@tidemark/core';
import { mintApiKey, runService, Secret, systemClock } from '@tidemark/runtime';
import { STANDALONE_FIELDS } from '../config.ts';
import { startStandalone } from '../standalone.ts';
import { loadDemoState, saveDemoState } from './demo-state.ts';
import { demoText, historyText } from './demo-text.ts';
import { feedHistory, feedLive, HISTORY_DAYS } from './feed.ts';
import { createDemoStream } from './stream.ts';

const SEED = 'demo';
/** Apart from the data of `npm start`: nothing synthetic ever mixes with what is real. */
const DATA_DIR = './.tidemark-demo';

await runService({
  name: 'demo',
  fields: { ...STANDALONE_FIELDS, dataDir: { ...STANDALONE_FIELDS.dataDir, fallback: DATA_DIR } },
  start: async (config, lifecycle, log) => {
    const dataDir = path.resolve(config.dataDir);
    const known = await loadDemoState(dataDir);
    const key = config.bootstrapKey?.reveal() ?? known?.key ?? mintApiKey(randomBytes).key;
    const fedThroughMs = known?.fedThroughMs ?? null;
    await saveDemoState(dataDir, { key, fedThroughMs });
    const { url } = await startStandalone({ ...config, bootstrapKey: new Secret(key) }, lifecycle, log);

    const stream = createDemoStream(SEED);
    const feedOptions = {
      stream,
      url,
      key,
      clock: systemClock,
      fetch: globalThis.fetch,
      signal: lifecycle.stopping,
      fedThroughMs,
      onProgress: (throughMs: number) => saveDemoState(dataDir, { key, fedThroughMs: throughMs }),
    };
    const shownDir = path.relative(process.cwd(), dataDir) || '.';
    process.stdout.write(`${demoText({ url, key, dataDir: shownDir, historyDays: HISTORY_DAYS })}\n`);
    const feed = async (): Promise<void> => {
      const startedAtMs = systemClock.nowMs();
      const { events, throughMs } = await feedHistory(feedOptions);
      if (lifecycle.stopping.aborted) return;
      const seconds = (systemClock.nowMs() - startedAtMs) / 1_000;
      const incidents = stream.incidentsBetween(throughMs - HISTORY_DAYS * DAY_MS, throughMs);
      process.stdout.write(`${historyText(events, seconds, incidents)}\n`);
      await feedLive(feedOptions, throughMs);
    };
    const feeding = feed().catch((error: unknown) => {
      log.fatal({ err: error }, 'the demo cannot go on');
      process.exitCode = 1;
      // Not awaited: stopping waits for the feed in its turn.
      void lifecycle.stop('the demo cannot go on');
    });
    lifecycle.onStop('demo feed', () => feeding);
  },
});
