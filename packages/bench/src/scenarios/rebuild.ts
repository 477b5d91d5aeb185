/** A whole day of a million events made again from raw, while questions about it are asked: no answer may change. */
import { DAY_MS, MINUTE_MS, SECOND_MS } from '@tidemark/core';
import type { Query } from '@tidemark/core';
import { readStatus, requestJson, waitFor } from '../asking.ts';
import { sendUntilVisible } from '../phases/end-to-end.ts';
import type { Profile } from '../profile.ts';
import { startSystem } from '../system.ts';
import type { System } from '../system.ts';
import { startWorker } from '../workers/start.ts';

const REBUILD_MS_MAX = MINUTE_MS;
const ROLLUPS_DEADLINE_MS = 3 * MINUTE_MS;
/** Buckets of the running minute, quarter of an hour and day stay dirty: there are none in the past. */
const CHECK_INTERVAL_MS = 100;

export interface RebuildOptions {
  readonly profile: Profile;
  readonly events: number;
  readonly log: (line: string) => void;
}

/** True when the rebuild took less than a minute and changed nothing. */
export async function runRebuild({ profile, events, log }: RebuildOptions): Promise<boolean> {
  const system = await startSystem(profile, log);
  const load = startWorker('load');
  try {
    const endMs = Math.floor(Date.now() / DAY_MS) * DAY_MS - DAY_MS;
    log(`${profile}: storing ${events.toLocaleString('en')} events of one day`);
    const times = { kind: 'past-day', endMs, events } as const;
    await sendUntilVisible(system, load, { source: '/bench/rebuild', seed: 7, events, total: events, times });
    await untilClean(system);
    const range = { from: new Date(endMs - DAY_MS).toISOString(), to: new Date(endMs).toISOString() };
    const before = await askAll(system, range);
    const startedAt = performance.now();
    const { buckets } = (await requestJson(operation(system, 'aggregate'), JSON.stringify(range))) as {
      buckets: number;
    };
    let asked = 0;
    let changed = 0;
    await waitFor(
      'the rollups',
      ROLLUPS_DEADLINE_MS,
      async () => {
        if ((await askAll(system, range)) !== before) changed += 1;
        asked += 1;
        return (await dirtyWithin(system, range)) === 0;
      },
      CHECK_INTERVAL_MS,
    );
    const elapsedMs = performance.now() - startedAt;
    const after = await askAll(system, range);
    const { checkedBuckets, differences } = (await requestJson(
      operation(system, 'verify'),
      JSON.stringify(range),
    )) as { checkedBuckets: number; differences: readonly unknown[] };
    const checks = [
      [
        `${buckets} buckets made again in ${(elapsedMs / SECOND_MS).toFixed(1)} s`,
        buckets > 0 && elapsedMs < REBUILD_MS_MAX,
      ],
      [`the same answers ${asked} times meanwhile, ${changed} others`, changed === 0 && asked > 0],
      ['the same answers afterwards', after === before],
      [
        `rollups equal raw in ${checkedBuckets} buckets, ${differences.length} differences`,
        checkedBuckets > 0 && differences.length === 0,
      ],
    ] as const;
    for (const [text, held] of checks) log(`  ${held ? 'pass' : 'FAIL'}  ${text}`);
    return checks.every(([, held]) => held);
  } finally {
    await load.stop();
    await system.remove();
  }
}

interface Range {
  readonly from: string;
  readonly to: string;
}

/** Counts, exact money-like sums, extremes, percentiles and distinct counts, by minute, hour, day and groups. */
function questionsOf(range: Range): readonly Query[] {
  return [
    { ...range, metrics: ['llm.requests', 'llm.prompt_tokens', 'llm.users'], granularity: 'minute' },
    { ...range, metrics: ['llm.requests', 'llm.latency_p95'], granularity: 'hour', groupBy: ['model'] },
    { ...range, metrics: ['llm.requests', 'llm.completion_tokens'], groupBy: ['service', 'model'] },
    { ...range, metrics: ['llm.requests', 'llm.latency_p95', 'llm.users'], granularity: 'day' },
  ];
}

/** The values of all answers as one text; which tiers were read is left out, for that is what changes. */
async function askAll(system: System, range: Range): Promise<string> {
  const texts: string[] = [];
  for (const question of questionsOf(range)) {
    const answer = (await requestJson(system.queryAnew, JSON.stringify(question))) as { series: unknown };
    texts.push(JSON.stringify(answer.series));
  }
  return texts.join('\n');
}

async function untilClean(system: System): Promise<void> {
  await waitFor('the first rollups', ROLLUPS_DEADLINE_MS, async () => {
    const { lag, dirtyBuckets } = await readStatus(system);
    return lag === 0 && dirtyBuckets === 0;
  });
}

async function dirtyWithin(system: System, { from, to }: Range): Promise<number> {
  const { url, headers } = operation(system, 'aggregate');
  const target = { url: `${url}?${new URLSearchParams({ from, to }).toString()}`, headers };
  return ((await requestJson(target)) as { dirtyBuckets: number }).dirtyBuckets;
}

function operation({ query }: System, name: 'aggregate' | 'verify') {
  return { ...query, url: query.url.replace('/query', `/analytics/${name}`) };
}
