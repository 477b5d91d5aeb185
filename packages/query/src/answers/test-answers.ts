/** Answers over an engine that counts rows, for this folder's tests. */
import type { Cache } from '@tidemark/cache';
import {
  type Answer,
  type Clock,
  MINUTE_MS,
  type OrganizationId,
  parseOrganizationId,
  type Query,
} from '@tidemark/core';
import type { QueryEngine } from '../engine.ts';
import { shopCatalogue } from '../testing/shop-pack.ts';
import { resolveQuery } from '../validate.ts';
import { type AnswersOptions, createAnswers } from './answers.ts';
import { FlushIndex } from './flush-index.ts';
import type { Answers, Asker, Flush } from './port.ts';

export const START_MS = Date.parse('2026-01-15T12:00:00Z');
const CATALOGUE = shopCatalogue();

export function organization(name: string): OrganizationId {
  const id = parseOrganizationId(name);
  if (id === null) throw new Error(`${name} is an organization id`);
  return id;
}

export const ACME: Asker = { organization: organization('acme'), role: 'viewer', user: null };

export interface Row {
  readonly organization: OrganizationId;
  readonly minuteMs: number;
}

/** What all processes share: the rows that are visible, the log of flushes, the progress. */
export class World {
  nowMs = START_MS;
  readonly rows: Row[] = [];
  readonly log: Flush[] = [];
  arrivedThroughMs = START_MS;
  readonly clock: Clock = { nowMs: () => this.nowMs, sleep: () => Promise.resolve() };

  insert(minuteMs: number, whose = ACME.organization): void {
    this.rows.push({ organization: whose, minuteMs });
  }

  flush(minutesMs: readonly number[], whose = ACME.organization): void {
    this.log.push({ organization: whose, minutesMs });
  }

  count(whose: OrganizationId, fromMs: number, toMs: number): number {
    return this.rows.filter(
      (row) => row.organization === whose && row.minuteMs >= fromMs && row.minuteMs < toMs,
    ).length;
  }
}

/** One question the engine is at: it reads when told to, and answers when told to. */
export interface Computation {
  readonly query: Query;
  readonly signal: AbortSignal | undefined;
  read(): void;
  finish(): void;
  fail(error: Error): void;
}

export interface Process {
  readonly answers: Answers;
  /** Those under way, oldest first. */
  readonly computations: Computation[];
  /** How many were ever begun. */
  begun: number;
  /** Of questions that do not say. */
  timeZone: string;
  /** In every answer, to make it large. */
  dimensionText: string;
  /** Whether versions are known. */
  isKnown: boolean;
  readonly counted: ReadonlyMap<string, number>;
  /** Takes the next flushes of the log in, at most so many. */
  follow(flushesMax?: number): void;
  /** From now on every question is read and answered at once. */
  answerAtOnce(): void;
}

export function createProcess(
  world: World,
  cache: Pick<Cache, 'get' | 'set' | 'deleteByPrefix'>,
  options: { readonly entriesMax?: number } = {},
): Process {
  const index = new FlushIndex(0, { entriesMax: options.entriesMax ?? 100_000 });
  const listeners = new Set<(flush: Flush) => void>();
  const computations: Computation[] = [];
  const counted = new Map<string, number>();
  let position = 0;
  let isAtOnce = false;
  const resolveNow = ({ role, user }: Asker, query: Query, nowMs: number) =>
    resolveQuery({ timeZone: process.timeZone, ...query }, { catalogue: CATALOGUE, role, user, nowMs });
  const engine: Pick<QueryEngine, 'ask' | 'resolve'> = {
    resolve: async (asker, query, nowMs) => resolveNow(asker, query, nowMs),
    ask(asker, query, { signal, nowMs = world.nowMs, resolved = resolveNow(asker, query, nowMs) } = {}) {
      process.begun += 1;
      const { fromMs, toMs, timeZone } = resolved;
      const completeThrough = new Date(world.arrivedThroughMs).toISOString();
      return new Promise<Answer>((resolve, reject) => {
        let value: number | null = null;
        const computation: Computation = {
          query,
          signal,
          read: () => {
            value ??= world.count(asker.organization, fromMs, toMs);
          },
          finish() {
            this.read();
            computations.splice(computations.indexOf(this), 1);
            const text = process.dimensionText;
            resolve(answerOf(value ?? 0, { fromMs, toMs, timeZone, completeThrough, text }));
          },
          fail(error) {
            computations.splice(computations.indexOf(this), 1);
            reject(error);
          },
        };
        computations.push(computation);
        if (isAtOnce) computation.finish();
      });
    },
  };
  const feed: AnswersOptions['feed'] = {
    async caughtUp() {
      const end = world.log.length;
      await nextTurn();
      process.follow(end - position);
      return process.isKnown;
    },
    version: (whose, fromMs, toMs) => (process.isKnown ? String(index.markOf(whose, fromMs, toMs)) : null),
    onFlush(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const answers = createAnswers({
    engine,
    feed,
    cache,
    pipeline: { progress: () => Promise.resolve([{ arrivedThroughMs: world.arrivedThroughMs }]) },
    eventsTopic: 'events',
    allowedLatenessMs: 0,
    clock: world.clock,
    log: { warn: () => undefined },
    telemetry: {
      increment: (name, by = 1, labels = {}) => {
        const id = [name.replace('tidemark_gateway_', ''), ...Object.values(labels)].join(' ');
        counted.set(id, (counted.get(id) ?? 0) + by);
      },
    },
  });
  const process: Process = {
    answers,
    computations,
    begun: 0,
    timeZone: 'UTC',
    dimensionText: '',
    isKnown: true,
    counted,
    follow(flushesMax = Number.POSITIVE_INFINITY) {
      for (let taken = 0; taken < flushesMax && position < world.log.length; taken += 1) {
        const flush = world.log[position] as Flush;
        index.take(flush.organization, position, flush.minutesMs);
        position += 1;
        for (const listener of listeners) listener(flush);
      }
    },
    answerAtOnce() {
      isAtOnce = true;
      for (const computation of [...computations]) computation.finish();
    },
  };
  return process;
}

function answerOf(
  value: number,
  options: { fromMs: number; toMs: number; timeZone: string; completeThrough: string; text: string },
): Answer {
  const { fromMs, toMs, timeZone, completeThrough, text } = options;
  const start = new Date(fromMs).toISOString();
  const end = new Date(toMs).toISOString();
  const partial = end > completeThrough;
  return {
    series: [{ metric: 'shop.orders', dimensions: { text }, points: [{ start, end, value, partial }] }],
    from: start,
    to: end,
    granularity: null,
    timeZone,
    completeThrough,
    tiersRead: ['raw'],
    estimates: [],
    groupsOmitted: 0,
    nextCursor: null,
  };
}

export function valueOf(answer: Answer): number {
  return Number(answer.series[0]?.points[0]?.value);
}

/** A question about whole minutes before START_MS. */
export function questionOf(fromMinute: number, toMinute: number): Query {
  const at = (minute: number) => new Date(START_MS + minute * MINUTE_MS).toISOString();
  return { metrics: ['shop.orders'], from: at(fromMinute), to: at(toMinute) };
}

/** Until everything has gone as far as it can without help from outside. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < SETTLE_TURNS; turn += 1) await nextTurn();
}

const SETTLE_TURNS = 4;

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
