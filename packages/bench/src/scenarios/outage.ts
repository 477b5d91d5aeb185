/**
 * The warehouse is away for minutes while producers go on: nothing may be refused, no process may grow, and afterwards the backlog is
 * worked off while they still go on, until an event is visible within two seconds again.
 */
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '@tidemark/core';
import { askNumber, readStatus, requestJson, waitFor } from '../asking.ts';
import { watchMemory } from '../memory.ts';
import type { MemoryUse } from '../memory.ts';
import { EVENT_TYPE } from '../sample-events.ts';
import { percentile } from '../statistics.ts';
import { startSystem } from '../system.ts';
import type { System } from '../system.ts';
import { startWorker } from '../workers/start.ts';
import type { Worker } from '../workers/start.ts';

const EVENTS_PER_REQUEST = 100;
const CONNECTIONS = 8;
const WARM_UP_MS = 20 * SECOND_MS;
/** The first part of the outage, in which buffers fill up; after it nothing may grow. */
const FILLING_MS = MINUTE_MS;
const CATCH_UP_STEP_MS = 5 * SECOND_MS;
const CATCH_UP_DEADLINE_MS = 30 * MINUTE_MS;
const VISIBLE_MS_MAX = 2_000;
const PROBES = 20;
const COUNTED_DEADLINE_MS = 2 * MINUTE_MS;
/** What a process may take more at the end of the outage than in its first minute: garbage not collected yet. */
const GROWTH_FACTOR_MAX = 1.2;
const GROWTH_MIB_MAX = 32;

export interface OutageOptions {
  readonly outageMs: number;
  readonly eventsPerSecond: number;
  readonly log: (line: string) => void;
}

interface Memory {
  readonly phase: string;
  readonly use: readonly MemoryUse[];
}

/** True when all that is promised held. The figures go to `log`. @throws Error at the first refused request, naming the answer */
export async function runOutage({ outageMs, eventsPerSecond, log }: OutageOptions): Promise<boolean> {
  const system = await startSystem('distributed', log);
  const load = startWorker('load');
  try {
    const run = new OutageRun(system, load, eventsPerSecond);
    await run.send('before the outage', WARM_UP_MS);
    const { clickhouse } = system.servers;
    if (clickhouse === undefined) throw new Error('the distributed profile has a warehouse of its own');
    log(`the warehouse is killed; ${eventsPerSecond} events/s go on for ${outageMs / SECOND_MS} s`);
    await clickhouse.kill();
    await run.send('outage, first minute', Math.min(FILLING_MS, outageMs));
    if (outageMs > FILLING_MS) await run.send('outage, the rest', outageMs - FILLING_MS);
    const { lag } = await readStatus(system);
    log(`lag at the end of the outage: ${lag.toLocaleString('en')} events; the warehouse comes back`);
    await clickhouse.start();
    const caughtUpMs = await run.catchUp(log);
    const visibleMs = await run.probe();
    const counted = await run.countAll();
    return report(run, { lag, caughtUpMs, visibleMs, counted }, log);
  } finally {
    await load.stop();
    await system.remove();
  }
}

class OutageRun {
  readonly memory: Memory[] = [];
  acknowledged = 0;
  readonly #system: System;
  readonly #load: Worker<'load'>;
  readonly #eventsPerSecond: number;
  #segment = 0;

  constructor(system: System, load: Worker<'load'>, eventsPerSecond: number) {
    this.#system = system;
    this.#load = load;
    this.#eventsPerSecond = eventsPerSecond;
  }

  async send(phase: string, elapsedMs: number): Promise<void> {
    const watch = watchMemory(this.#system.servers);
    try {
      await this.#sendFor(elapsedMs);
    } finally {
      this.memory.push({ phase, use: await watch.stop() });
    }
  }

  async #sendFor(elapsedMs: number): Promise<void> {
    this.#segment += 1;
    const answer = await this.#load.ask({
      target: this.#system.events,
      connections: CONNECTIONS,
      body: {
        kind: 'events',
        eventsPerRequest: EVENTS_PER_REQUEST,
        source: `/bench/outage/${this.#segment}`,
        seed: this.#segment,
        times: { kind: 'now' },
      },
      perSecond: this.#eventsPerSecond / EVENTS_PER_REQUEST,
      until: { elapsedMs },
    });
    this.acknowledged += answer.requests * EVENTS_PER_REQUEST;
  }

  /** Ms from the return of the warehouse until what is sent meanwhile is the only thing not stored. */
  async catchUp(log: (line: string) => void): Promise<number> {
    const watch = watchMemory(this.#system.servers);
    const startedAt = performance.now();
    try {
      for (;;) {
        await this.#sendFor(CATCH_UP_STEP_MS);
        const { lag } = await readStatus(this.#system);
        const elapsedMs = performance.now() - startedAt;
        log(`  ${(elapsedMs / SECOND_MS).toFixed(0)} s after its return: lag ${lag.toLocaleString('en')}`);
        if (lag <= 2 * this.#eventsPerSecond) return elapsedMs;
        if (elapsedMs > CATCH_UP_DEADLINE_MS) throw new Error(`not caught up after ${elapsedMs} ms`);
      }
    } finally {
      this.memory.push({ phase: 'catching up', use: await watch.stop() });
    }
  }

  /** Ms until single events are visible while the load goes on. */
  async probe(): Promise<readonly number[]> {
    const visibleMs: number[] = [];
    const loading = this.#sendFor(PROBES * SECOND_MS);
    for (let probe = 0; probe < PROBES; probe += 1) {
      const sentAt = performance.now();
      const target = { ...this.#system.events, url: `${this.#system.events.url}?wait=visible&timeout=30` };
      const event = { specversion: '1.0', id: `probe-${probe}`, source: '/bench/outage', type: EVENT_TYPE };
      await requestJson(target, JSON.stringify({ ...event, data: {} }));
      this.acknowledged += 1;
      visibleMs.push(performance.now() - sentAt);
    }
    await loading;
    return visibleMs;
  }

  async countAll(): Promise<number> {
    let counted = 0;
    await waitFor('everything to be counted', COUNTED_DEADLINE_MS, async () => {
      counted = await askNumber(this.#system, {
        metrics: ['llm.requests'],
        from: 'now-1d',
        to: new Date(Date.now() + HOUR_MS).toISOString(),
      });
      return counted >= this.acknowledged;
    });
    return counted;
  }
}

interface Result {
  readonly lag: number;
  readonly caughtUpMs: number;
  readonly visibleMs: readonly number[];
  readonly counted: number;
}

function report(run: OutageRun, result: Result, log: (line: string) => void): boolean {
  const processes = [...new Set(run.memory.flatMap(({ use }) => use.map((one) => one.process)))];
  log('resident memory, MiB: start, peak, end of each phase');
  for (const process of processes) {
    const cells = run.memory.map(({ phase, use }) => {
      const found = use.find((one) => one.process === process);
      return `${phase} ${found === undefined ? '-' : `${found.startMib}, ${found.peakMib}, ${found.endMib}`}`;
    });
    log(`  ${process}: ${cells.join(' · ')}`);
  }
  const p95 = percentile(result.visibleMs, 0.95);
  const checks = [
    [`${run.acknowledged.toLocaleString('en')} events acknowledged, none refused`, true],
    [
      `memory grew in the outage by no more than it may: ${grown(run.memory).join(', ') || 'nowhere'}`,
      grown(run.memory).length === 0,
    ],
    [
      `caught up ${(result.caughtUpMs / SECOND_MS).toFixed(0)} s after the return, from a lag of ${result.lag.toLocaleString('en')}`,
      true,
    ],
    [
      `then visible after ${p95.toFixed(0)} ms (p95 of ${PROBES}), at most ${VISIBLE_MS_MAX}`,
      p95 <= VISIBLE_MS_MAX,
    ],
    [`${result.counted.toLocaleString('en')} events counted`, result.counted === run.acknowledged],
  ] as const;
  for (const [text, held] of checks) log(`  ${held ? 'pass' : 'FAIL'}  ${text}`);
  return checks.every(([, held]) => held);
}

/** Processes that took more in the rest of the outage than in its first minute. */
function grown(memory: readonly Memory[]): readonly string[] {
  const first = memory.find(({ phase }) => phase === 'outage, first minute')?.use ?? [];
  const rest = memory.find(({ phase }) => phase === 'outage, the rest')?.use ?? [];
  return rest.flatMap(({ process, endMib }) => {
    const before = first.find((one) => one.process === process)?.peakMib ?? endMib;
    return endMib > before * GROWTH_FACTOR_MAX + GROWTH_MIB_MAX
      ? [`${process} ${before} to ${endMib} MiB`]
      : [];
  });
}
