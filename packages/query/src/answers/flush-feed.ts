/**
 * The flush feed over the bus. Every process reads all partitions of the flush topic, in a consumer group of its own that never
 * commits: brokers and the embedded log keep nothing of a group without offsets once its member has gone.
 */
import { type AssignedPartition, type Bus, type Consumer, partitionOfKey } from '@tidemark/bus';
import { type Clock, isAppError, type OrganizationId, SECOND_MS } from '@tidemark/core';
import type { Logger, Telemetry } from '@tidemark/runtime';
import { FollowedPartition } from './followed-partition.ts';
import type { Flush, FlushFeed } from './port.ts';
import { SharedRun } from './shared-run.ts';

/** Days, minutes and organizations held over all partitions: about 60 MiB. */
const INDEX_ENTRIES_MAX = 400_000;
const READ_RECORDS_MAX = 500;
const READ_WAIT_MS = SECOND_MS;
/** Of one partition, fetched ahead; a flush holds at most 5,000 minutes. */
const BUFFERED_BYTES_MAX = 2 * 1024 * 1024;
/** How often the log is asked where it ends, if no question asks. */
const CHECK_INTERVAL_MS = SECOND_MS;
/** How long a question waits for the newest flushes: a broker takes milliseconds, unless it is as busy as the warehouse. */
const DEFAULT_CATCH_UP_MS = SECOND_MS;
/** After a wait in vain nobody waits for so long. */
const AWAY_MS = SECOND_MS;
const RETRY_MS = SECOND_MS;
const RESTART_MS = 5 * SECOND_MS;
/** Without a reason of its own every abort makes a DOMException with a stack. */
const WAITED = new Error('nobody waits any more');

export interface FlushFeedOptions {
  readonly bus: Pick<Bus, 'bounds' | 'consume'>;
  readonly topic: string;
  /** Unique to this run of this process. */
  readonly instance: string;
  readonly clock: Clock;
  readonly log: Pick<Logger, 'warn'>;
  readonly telemetry: Pick<Telemetry, 'increment' | 'set'>;
  /** The longest wait of `caughtUp`; 1 s when absent. */
  readonly catchUpMs?: number;
}

/** Begins at once, in the background: versions are null until it has caught up. */
export function createFlushFeed(options: FlushFeedOptions): FlushFeed {
  return new BusFlushFeed(options);
}

class BusFlushFeed implements FlushFeed {
  readonly #options: FlushFeedOptions;
  readonly #listeners = new Set<(flush: Flush) => void>();
  readonly #closing = new AbortController();
  readonly #running: Promise<unknown>;
  /** The ends of the partitions, or null when they cannot be had. */
  readonly #ends = new SharedRun(() => this.#askEnds());
  #partitions: readonly FollowedPartition[] = [];
  #awayUntilMs = Number.NEGATIVE_INFINITY;
  #restart: (reason: Error) => void = () => undefined;
  #closed: Promise<void> | null = null;

  constructor(options: FlushFeedOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  version(organization: OrganizationId, fromMs: number, toMs: number): string | null {
    const nowMs = this.#options.clock.nowMs();
    const mark = this.#partitionOf(organization)?.markOf(organization, [fromMs, toMs], nowMs) ?? null;
    return mark === null ? null : String(mark);
  }

  async caughtUp(organization: OrganizationId): Promise<boolean> {
    const { clock, catchUpMs = DEFAULT_CATCH_UP_MS } = this.#options;
    const partition = this.#partitionOf(organization);
    if (partition?.hasBegun !== true || clock.nowMs() < this.#awayUntilMs) return false;
    const waiting = new AbortController();
    const isReached = this.#reach(partition, waiting.signal);
    const isLate = clock.sleep(catchUpMs, waiting.signal).then(() => false);
    const isCaughtUp = await Promise.race([isReached, isLate]);
    waiting.abort(WAITED);
    if (!isCaughtUp) this.#awayUntilMs = clock.nowMs() + AWAY_MS;
    return isCaughtUp;
  }

  onFlush(listener: (flush: Flush) => void): () => void {
    const own = (flush: Flush) => listener(flush);
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  close(): Promise<void> {
    this.#closing.abort();
    this.#closed ??= this.#running.then(() => undefined);
    return this.#closed;
  }

  #partitionOf(organization: OrganizationId): FollowedPartition | undefined {
    const { length } = this.#partitions;
    return length === 0 ? undefined : this.#partitions[partitionOfKey(organization, length)];
  }

  async #reach(partition: FollowedPartition, signal: AbortSignal): Promise<boolean> {
    const ends = await this.#ends.run();
    const end = ends?.get(partition);
    if (end === undefined) return false;
    await partition.reached(end, signal);
    return !signal.aborted;
  }

  async #run(): Promise<void> {
    const { bus, topic, clock } = this.#options;
    const { signal } = this.#closing;
    while (!signal.aborted && this.#partitions.length === 0) {
      const bounds = await this.#attempt('the flush topic cannot be looked at', () => bus.bounds(topic));
      const entriesMax = Math.ceil(INDEX_ENTRIES_MAX / (bounds?.length ?? 1));
      this.#partitions = (bounds ?? []).map(() => new FollowedPartition(entriesMax));
      if (bounds === null) await clock.sleep(RETRY_MS, signal);
    }
    await Promise.all([this.#consume(), this.#watch()]);
  }

  /** Where a consumer cannot go on, another takes over; questions are answered meanwhile, only not from the cache. */
  async #consume(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#closing;
    while (!signal.aborted) {
      let consumer: Consumer | null = null;
      await this.#attempt('the flush feed cannot go on; it starts again', async () => {
        const ended = new Promise<void>((resolve, reject) => {
          signal.addEventListener('abort', () => resolve(), { once: true });
          this.#restart = reject;
        });
        // It may fail while the group is still being joined; what is awaited below is the same promise.
        ended.catch(() => undefined);
        consumer = await this.#join();
        if (!signal.aborted) await ended;
      });
      await (consumer as Consumer | null)?.close();
      if (!signal.aborted) await clock.sleep(RESTART_MS, signal);
    }
  }

  #join(): Promise<Consumer> {
    const { bus, topic, instance } = this.#options;
    return bus.consume({
      group: `tidemark-flush-feed-${instance}`,
      topics: [topic],
      maxBufferedBytesPerPartition: BUFFERED_BYTES_MAX,
      onAssigned: (spell) => void this.#follow(spell),
      onFatal: (error) => this.#restart(error),
    });
  }

  async #follow(spell: AssignedPartition): Promise<void> {
    const { clock } = this.#options;
    const partition = this.#partitions[spell.partition];
    if (partition === undefined) return;
    let hasBegun = false;
    while (!spell.lost.aborted) {
      const done = await this.#attempt(
        'a partition of the flush topic cannot be read; trying again',
        async () => {
          const askedAtMs = clock.nowMs();
          if (!hasBegun) spell.seek(partition.begin(await spell.bounds(), askedAtMs));
          hasBegun = true;
          await this.#read(partition, spell);
          return true;
        },
      );
      if (done === null) await clock.sleep(RETRY_MS, spell.lost);
    }
  }

  /** A read waits for as many as it is asked for: it asks for one first, so that a flush is known as soon as it is there. */
  async #read(partition: FollowedPartition, spell: AssignedPartition): Promise<void> {
    const first = await spell.read({ maxRecords: 1, maxWaitMs: READ_WAIT_MS });
    const others = first.length === 0 ? [] : await spell.read({ maxRecords: READ_RECORDS_MAX, maxWaitMs: 0 });
    for (const record of [...first, ...others]) {
      const flush = partition.take(record);
      if (flush !== null) for (const listener of this.#listeners) listener(flush);
    }
    partition.progressed();
  }

  async #watch(): Promise<void> {
    const { clock, telemetry } = this.#options;
    const { signal } = this.#closing;
    while (!signal.aborted) {
      const ends = await this.#ends.run();
      if (ends !== null) {
        const behind = [...ends].map(([{ position }, end]) => Math.max(0, end - position));
        telemetry.set(
          'tidemark_gateway_flush_lag_records',
          behind.reduce((sum, records) => sum + records, 0),
        );
      }
      const unknown = this.#partitions.filter((partition) => !partition.isCurrent(clock.nowMs()));
      telemetry.set('tidemark_gateway_flush_partitions_unknown', unknown.length);
      await clock.sleep(CHECK_INTERVAL_MS, signal);
    }
  }

  async #askEnds(): Promise<ReadonlyMap<FollowedPartition, number> | null> {
    const { bus, topic, clock } = this.#options;
    const askedAtMs = clock.nowMs();
    const before = this.#partitions.map(({ position }) => position);
    const bounds = await this.#attempt('the ends of the flush topic are not known', () => bus.bounds(topic));
    if (bounds === null) return null;
    const ends = new Map<FollowedPartition, number>();
    for (const { partition: number, endOffset } of bounds) {
      const partition = this.#partitions[number];
      if (partition === undefined) continue;
      if (partition.hasBegun && endOffset < (before[number] ?? 0)) {
        partition.abandon();
        this.#restart(new Error(`partition ${number} of the flushes ends before what was read of it`));
      } else {
        partition.noteEnd(endOffset, askedAtMs);
        ends.set(partition, endOffset);
      }
    }
    return ends;
  }

  /** Null when it failed for a reason that may pass, which is told unless it is only the end of a spell or of the feed. */
  async #attempt<T>(what: string, work: () => Promise<T>): Promise<T | null> {
    try {
      return await work();
    } catch (error) {
      if (!this.#closing.signal.aborted && !isAppError(error, 'partition-lost')) {
        this.#options.log.warn({ err: error, topic: this.#options.topic }, what);
        this.#options.telemetry.increment('tidemark_gateway_flush_feed_failures_total');
      }
      return null;
    }
  }
}
