/** Thousands follow one question over WebSockets: how soon after an event each of them has the new number, and what that takes. */
import { setTimeout as delay } from 'node:timers/promises';
import { SECOND_MS } from '@tidemark/core';
import { askNumber, requestJson } from '../asking.ts';
import { type MemoryUse, watchMemory } from '../memory.ts';
import type { Profile } from '../profile.ts';
import { EVENT_TYPE } from '../sample-events.ts';
import { percentile } from '../statistics.ts';
import { startSystem, type System } from '../system.ts';
import { startWorker, type Worker } from '../workers/start.ts';

/** The subscribers are spread over so many processes: one would measure itself. */
const WORKERS = 2;
const ROUNDS = 20;
const WARM_UP_ROUNDS = 3;
/** Longer than the feed waits between two answers, and no multiple of it. */
const PAUSE_MS = 1_300;
/** From the event's being stored to the last subscriber's having the number. */
const TOLD_MS_MAX = SECOND_MS;

const QUERY = { metrics: ['llm.requests'], from: 'now-1d', to: 'now+1h' } as const;

export interface LiveOptions {
  readonly profile: Profile;
  readonly subscribers: number;
  readonly log: (line: string) => void;
}

/** Ms of one event. */
interface Round {
  /** Until it was stored and visible, as ingest says. */
  readonly storedMs: number;
  /** From then until the first, the median and the last subscriber had it; below 0 when they had it before ingest said so. */
  readonly firstMs: number;
  readonly medianMs: number;
  readonly lastMs: number;
}

/** True when the last subscriber was told in time (p95 of the rounds). The figures go to `log`. */
export async function runLive({ profile, subscribers, log }: LiveOptions): Promise<boolean> {
  const system = await startSystem(profile, log);
  const workers = Array.from({ length: WORKERS }, () => startWorker('followers'));
  const watch = watchMemory(system.servers);
  try {
    let sent = await askNumber(system, QUERY);
    // So that there is a number to begin with.
    sent = await sendOne(system, sent);
    const openedAtMs = performance.now();
    await openAll(system, workers, subscribers);
    log(
      `${profile}: ${subscribers} subscribers after ${((performance.now() - openedAtMs) / SECOND_MS).toFixed(1)} s`,
    );
    const rounds: Round[] = [];
    for (let round = 0; round < WARM_UP_ROUNDS + ROUNDS; round += 1) {
      await delay(PAUSE_MS);
      const found = await playRound(system, workers, sent + 1);
      sent += 1;
      if (round >= WARM_UP_ROUNDS) rounds.push(found);
    }
    return report(rounds, await watch.stop(), log);
  } finally {
    await watch.stop();
    await Promise.all(workers.map((worker) => worker.stop()));
    await system.remove();
  }
}

async function openAll(
  { query: { url, headers } }: System,
  workers: readonly Worker<'followers'>[],
  subscribers: number,
): Promise<void> {
  const socketUrl = url.replace(/^http/, 'ws').replace('/api/v1/query', '/api/v1/ws/analytics/default');
  await Promise.all(
    workers.map((worker, index) =>
      worker.ask({
        kind: 'open',
        url: socketUrl,
        headers: { authorization: headers['authorization'] ?? '' },
        subscribers: Math.floor((subscribers + index) / workers.length),
        query: QUERY,
      }),
    ),
  );
}

async function playRound(
  system: System,
  workers: readonly Worker<'followers'>[],
  value: number,
): Promise<Round> {
  await Promise.all(workers.map((worker) => worker.ask({ kind: 'expect', value })));
  const sentAtMs = performance.timeOrigin + performance.now();
  const collecting = Promise.all(workers.map((worker) => worker.ask({ kind: 'collect' })));
  await sendOne(system, value - 1);
  const storedAtMs = performance.timeOrigin + performance.now();
  const receivedAtMs = (await collecting).flatMap((answer) => answer.receivedAtMs);
  const sinceMs = (share: number) => percentile(receivedAtMs, share) - storedAtMs;
  return {
    storedMs: storedAtMs - sentAtMs,
    firstMs: Math.min(...receivedAtMs) - storedAtMs,
    medianMs: sinceMs(0.5),
    lastMs: Math.max(...receivedAtMs) - storedAtMs,
  };
}

/** Returns how many there are then. */
async function sendOne({ events }: System, before: number): Promise<number> {
  const event = { specversion: '1.0', id: `live-${before}`, source: '/bench/live', type: EVENT_TYPE };
  const target = { ...events, url: `${events.url}?wait=visible&timeout=30` };
  await requestJson(target, JSON.stringify({ ...event, data: {} }));
  return before + 1;
}

function report(
  rounds: readonly Round[],
  memory: readonly MemoryUse[],
  log: (line: string) => void,
): boolean {
  const line = (what: string, of: (round: Round) => number) => {
    const values = rounds.map(of);
    const [p50, p95] = [0.5, 0.95].map((share) => percentile(values, share).toFixed(0));
    log(
      `  ${what}: p50 ${p50} ms, p95 ${p95} ms, max ${Math.max(...values).toFixed(0)} ms of ${rounds.length} events`,
    );
  };
  line('from sending to stored', ({ storedMs }) => storedMs);
  line('from stored to the first subscriber', ({ firstMs }) => firstMs);
  line('from stored to half of them', ({ medianMs }) => medianMs);
  line('from stored to the last', ({ lastMs }) => lastMs);
  line('from the first to the last', ({ firstMs, lastMs }) => lastMs - firstMs);
  line('from sending to the last', ({ storedMs, lastMs }) => storedMs + lastMs);
  for (const { process, startMib, peakMib, endMib } of memory) {
    log(`  memory of ${process}: ${startMib} MiB at the start, ${peakMib} at most, ${endMib} at the end`);
  }
  const p95 = percentile(
    rounds.map(({ lastMs }) => lastMs),
    0.95,
  );
  const held = p95 <= TOLD_MS_MAX;
  log(
    `  ${held ? 'pass' : 'FAIL'}  the last was told ${p95.toFixed(0)} ms after the event was stored (p95), at most ${TOLD_MS_MAX}`,
  );
  return held;
}
