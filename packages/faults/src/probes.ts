/** What is asked all the time, faults or not: tenant walls, closed buckets, offsets, memory. */
import { setTimeout as delay } from 'node:timers/promises';
import { isAppError, MINUTE_MS } from '@tidemark/core';
import { residentMib } from '@tidemark/testkit/cluster';
import { checkTenant, type ClosedBuckets, REQUESTS_METRIC } from './check-answers.ts';
import type { Findings } from './findings.ts';
import { ProcessCheck } from './check-processes.ts';
import type { Questions } from './questions.ts';
import type { Random } from './random.ts';
import { ORGANIZATION_NAMES } from './slots.ts';
import type { System } from './system.ts';

const QUESTION_INTERVAL_MS = 300;
const OFFSETS_INTERVAL_MS = 1_000;
const MEMORY_INTERVAL_MS = 1_000;
/** How far back closed buckets are looked at. */
const CLOSED_MINUTES = 20;

export interface ProbeOptions {
  readonly system: Pick<System, 'processes' | 'committed'>;
  readonly questions: Questions;
  readonly closed: ClosedBuckets;
  readonly findings: Findings;
  readonly random: Random;
  readonly nowMs: () => number;
}

export class Probes {
  readonly #on: ProbeOptions;
  readonly #processes: ProcessCheck;
  readonly #reached = new Map<string, number>();
  #ending = false;
  #loops: Promise<unknown> | null = null;

  constructor(options: ProbeOptions) {
    this.#on = options;
    this.#processes = new ProcessCheck(options.findings);
  }

  start(): void {
    this.#loops ??= Promise.all([
      this.#repeat(QUESTION_INTERVAL_MS, () => this.#question()),
      this.#repeat(OFFSETS_INTERVAL_MS, () => this.#offsets()),
      this.#repeat(MEMORY_INTERVAL_MS, () => this.#memory()),
    ]);
  }

  async close(): Promise<void> {
    this.#ending = true;
    await this.#loops;
  }

  async #repeat(intervalMs: number, body: () => Promise<void>): Promise<void> {
    while (!this.#ending) {
      await delay(intervalMs);
      await body();
    }
  }

  async #question(): Promise<void> {
    const { random, closed, findings, questions, nowMs } = this.#on;
    const organization = random.integer(0, ORGANIZATION_NAMES.length - 1);
    const toMs = Math.ceil(nowMs() / MINUTE_MS) * MINUTE_MS;
    const range = (minutes: number) => ({
      metrics: [REQUESTS_METRIC],
      from: new Date(toMs - minutes * MINUTE_MS).toISOString(),
      to: new Date(toMs).toISOString(),
    });
    if (random.chance(0.5)) {
      const answer = await questions.ask(organization, {
        ...range(random.integer(1, 4_000)),
        groupBy: ['service'],
      });
      if (answer !== null) checkTenant(answer, organization, findings);
    } else {
      const answer = await questions.ask(organization, { ...range(CLOSED_MINUTES), granularity: 'minute' });
      if (answer !== null) closed.take(answer, organization);
    }
  }

  /** What the product says and, where it can be asked, what the log itself says. */
  async #offsets(): Promise<void> {
    const status = await this.#on.questions.status();
    for (const entry of (status?.['partitions'] ?? []) as { partition: number; nextOffset: number }[]) {
      this.#reach('stored', entry.partition, entry.nextOffset);
    }
    const { committed } = this.#on.system;
    if (committed === null) return;
    let offsets: ReadonlyMap<number, number>;
    try {
      offsets = await committed();
    } catch (error) {
      // The log is down, and nothing can be said about it.
      if (isAppError(error, 'bus-unavailable')) return;
      throw error;
    }
    for (const [partition, offset] of offsets) this.#reach('committed', partition, offset);
  }

  #reach(what: 'stored' | 'committed', partition: number, offset: number): void {
    const { findings } = this.#on;
    const place = JSON.stringify([what, partition]);
    const before = this.#reached.get(place) ?? 0;
    findings.checked('I5');
    if (offset < before)
      findings.violated('I5', `a ${what} offset went back`, { partition, from: before, to: offset });
    this.#reached.set(place, offset);
  }

  /** Greatest committed offset seen, by partition. */
  committedSeen(): ReadonlyMap<number, number> {
    return new Map(
      [...this.#reached].flatMap(([place, offset]) => {
        const [what, partition] = JSON.parse(place) as [string, number];
        return what === 'committed' ? [[partition, offset] as const] : [];
      }),
    );
  }

  async #memory(): Promise<void> {
    for (const one of this.#on.system.processes) {
      const mib = await residentMib(one.server.pid());
      if (mib !== null) one.noteResidentMib(mib);
      this.#processes.take(one, mib);
    }
  }
}
