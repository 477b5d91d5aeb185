/** Waiting for events that are durable in the bus to be stored. */
import type { Coordinate } from '@tidemark/bus';
import type { Ledger, PipelineState } from '@tidemark/catalog';
import { EVENTS_TOPIC } from '@tidemark/contracts';
import { AppError, isAppError, type Clock } from '@tidemark/core';
import type { Logger, Telemetry } from '@tidemark/runtime';
import { isOfNewLog, type StoredOffsets } from '../domain/log-progress.ts';

/** One question to the catalog for all who wait, and only while somebody does. */
const POLL_INTERVAL_MS = 100;
/** What the ledger takes in one question. */
const COORDINATES_PER_QUESTION_MAX = 10_000;
const RETRY_AFTER_SECONDS = 1;

export interface WatchLimits {
  readonly requestsMax: number;
  /** Items of all waiting requests, about 250 bytes each: their coordinates, ids and rejects. */
  readonly itemsMax: number;
}

export const DEFAULT_WATCH_LIMITS: WatchLimits = { requestsMax: 1_000, itemsMax: 200_000 };

export interface WatchDependencies {
  readonly pipeline: Pick<PipelineState, 'progress'>;
  readonly ledger: Pick<Ledger, 'deadAmong'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly telemetry: Telemetry;
  readonly limits: WatchLimits;
}

/** A place among those who may wait. Whoever holds one must release it. */
export interface WatchPlace {
  /**
   * Call before publishing: notes what is stored by then, which what is published later must lie behind. Never rejects for a catalog that
   * does not answer: what was noted last holds then.
   */
  lookBefore(): Promise<void>;
  /**
   * Resolves with those of the coordinates that became dead letters once all are stored; with null when the time is over, the
   * signal aborts or the watch is closed before that. Never rejects for a catalog that does not answer: that is waited for. With null at
   * once when it cannot be told: the log was made anew, or nothing is known of what was stored before.
   */
  untilStored(
    coordinates: readonly Coordinate[],
    timeoutMs: number,
    gone: AbortSignal,
  ): Promise<readonly Coordinate[] | null>;
  /** Idempotent. */
  release(): void;
}

export interface StoredWatch {
  /** Whoever is refused has sent nothing. @throws overloaded */
  reserve(items: number): WatchPlace;
  /** Ends every wait. Idempotent. */
  close(): void;
}

/** Next offsets by partition that must be stored. */
type Target = ReadonlyMap<number, number>;

export function createStoredWatch(dependencies: WatchDependencies): StoredWatch {
  const { clock, telemetry, limits } = dependencies;
  /** Of the waits under way. */
  const ends = new Set<() => void>();
  let isClosed = false;
  const poller = createPoller(dependencies);
  /** Partitions of which it is in the log of this process already. */
  const toldAnew = new Set<number>();
  let requests = 0;
  let items = 0;

  function change(requestsBy: number, itemsBy: number): void {
    requests += requestsBy;
    items += itemsBy;
    telemetry.set('tidemark_ingest_waiting_requests', requests);
  }

  function tellAnew({ partition, offset }: Coordinate, before: StoredOffsets): void {
    if (toldAnew.has(partition)) return;
    toldAnew.add(partition);
    const stored = before.get(partition);
    dependencies.log.error(
      { partition, offset, stored },
      'progress is beyond the log, which was made anew: no wait is reached',
    );
  }

  async function untilStored(
    coordinates: readonly Coordinate[],
    before: StoredOffsets | null,
    over: AbortSignal,
  ): Promise<readonly Coordinate[] | null> {
    if (before === null) return null;
    const anew = coordinates.find((coordinate) => isOfNewLog(coordinate, before));
    if (anew !== undefined) {
      tellAnew(anew, before);
      return null;
    }
    await poller.reached(toTarget(coordinates), over);
    while (!over.aborted) {
      const dead = await findDead(coordinates, dependencies);
      if (dead !== null) return dead;
      await clock.sleep(POLL_INTERVAL_MS, over);
    }
    return null;
  }

  return {
    reserve(count) {
      if (requests >= limits.requestsMax || items + count > limits.itemsMax) {
        telemetry.increment('tidemark_ingest_backpressure_refusals_total', 1, { reason: 'waits' });
        throw new AppError('overloaded', 'too many requests wait already; send it without `wait`, or later', {
          retryAfterSeconds: RETRY_AFTER_SECONDS,
        });
      }
      change(1, count);
      let isReleased = false;
      let before: StoredOffsets | null = null;
      return {
        async lookBefore() {
          before = await poller.look();
        },
        async untilStored(coordinates, timeoutMs, gone) {
          const over = new AbortController();
          const end = () => over.abort();
          ends.add(end);
          gone.addEventListener('abort', end, { once: true });
          if (isClosed || gone.aborted) end();
          void clock.sleep(timeoutMs, over.signal).then(end);
          try {
            const dead = await untilStored(coordinates, before, over.signal);
            const outcome = dead === null ? 'given-up' : 'reached';
            telemetry.increment('tidemark_ingest_waits_total', 1, { outcome });
            return dead;
          } finally {
            end();
            ends.delete(end);
            gone.removeEventListener('abort', end);
          }
        },
        release() {
          if (isReleased) return;
          isReleased = true;
          change(-1, -count);
        },
      };
    },
    close() {
      isClosed = true;
      for (const end of ends) end();
    },
  };
}

function toTarget(coordinates: readonly Coordinate[]): Target {
  const target = new Map<number, number>();
  for (const { partition, offset } of coordinates) {
    target.set(partition, Math.max(target.get(partition) ?? 0, offset + 1));
  }
  return target;
}

/** Runs while somebody waits. */
function createPoller({ pipeline, clock, telemetry }: WatchDependencies) {
  const waiting = new Set<{ readonly target: Target; readonly resolve: () => void }>();
  let isRunning = false;
  let known: StoredOffsets | null = null;
  let looking: Promise<void> | null = null;

  /** What cannot be read stays what it was. */
  async function read(): Promise<void> {
    try {
      const progress = await pipeline.progress(EVENTS_TOPIC);
      known = new Map(progress.map(({ partition, nextOffset }) => [partition, nextOffset]));
    } catch (error) {
      if (!isAppError(error)) throw error;
      telemetry.increment('tidemark_ingest_catalog_failures_total', 1, { task: 'wait' });
    }
  }

  /** One question for all who look at the same time. */
  function look(): Promise<void> {
    looking ??= read().finally(() => {
      looking = null;
    });
    return looking;
  }

  async function poll(): Promise<void> {
    await look();
    if (known === null) return;
    for (const { target, resolve } of waiting) if (isReached(target, known)) resolve();
  }

  async function run(): Promise<void> {
    isRunning = true;
    while (waiting.size > 0) {
      await poll();
      await clock.sleep(POLL_INTERVAL_MS);
    }
    isRunning = false;
  }

  return {
    /** What is stored, at least; null when that was never known. */
    look: async () => {
      await look();
      return known;
    },
    /** Resolves when the target is reached, or when the signal aborts. */
    reached: (target: Target, over: AbortSignal) =>
      new Promise<void>((resolve) => {
        const waiter = {
          target,
          resolve: () => {
            waiting.delete(waiter);
            over.removeEventListener('abort', waiter.resolve);
            resolve();
          },
        };
        if (over.aborted || target.size === 0) {
          resolve();
          return;
        }
        over.addEventListener('abort', waiter.resolve, { once: true });
        waiting.add(waiter);
        if (!isRunning) void run();
      }),
  };
}

function isReached(target: Target, stored: StoredOffsets): boolean {
  for (const [partition, nextOffset] of target) {
    if ((stored.get(partition) ?? 0) < nextOffset) return false;
  }
  return true;
}

/** Null when the catalog does not answer now. */
async function findDead(
  coordinates: readonly Coordinate[],
  { ledger, telemetry }: WatchDependencies,
): Promise<readonly Coordinate[] | null> {
  const dead: Coordinate[] = [];
  try {
    for (let start = 0; start < coordinates.length; start += COORDINATES_PER_QUESTION_MAX) {
      const part = coordinates.slice(start, start + COORDINATES_PER_QUESTION_MAX);
      const found = await ledger.deadAmong(EVENTS_TOPIC, part);
      dead.push(...found.map(({ partition, offset }) => ({ topic: EVENTS_TOPIC, partition, offset })));
    }
    return dead;
  } catch (error) {
    if (!isAppError(error)) throw error;
    telemetry.increment('tidemark_ingest_catalog_failures_total', 1, { task: 'wait' });
    return null;
  }
}
