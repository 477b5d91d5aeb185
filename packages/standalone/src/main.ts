import path from 'node:path';
import { runService, systemClock } from '@tidemark/runtime';
import { STANDALONE_FIELDS } from './config.ts';
import { startStandalone } from './standalone.ts';
import { welcomeText } from './welcome.ts';

await runService({
  name: 'standalone',
  fields: STANDALONE_FIELDS,
  start: async (config, lifecycle, log) => {
    const { url, adminKey } = await startStandalone(config, lifecycle, log);
    const now = new Date(systemClock.nowMs()).toISOString();
    const dataDir = path.relative(process.cwd(), path.resolve(config.dataDir)) || '.';
    process.stdout.write(`${welcomeText({ url, adminKey, dataDir, now })}\n`);
  },
});
