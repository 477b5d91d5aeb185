/**
 * The flush feed over the bus. Every process reads all partitions of the flush topic, in a consumer group of its own that never
 * commits: brokers and the embedded log keep nothing of a group without offsets once its member has gone.
 */
import {
  type AssignedPartition,
  type Bus,
  type BusRecord,
  type Consumer,
  partitionOfKey,
} from '@tidemark/bus';
import { parseFlush } from '@tidemark/contracts';
import { type Clock, isAppError, type OrganizationId, SECOND_MS } from '@tidemark/core';
import type { Logger, Telemetry } from '@tidemark/runtime';
import { FlushIndex } from './flush-index.ts';
import type { Flush, FlushFeed } from './port.ts';

/**
 * Where an index begins: at a multiple of this many records, so that processes started about the same time begin alike and find each
 * other's answers; and so many records are read at a start.
 */
const BEGIN_STEP_RECORDS = 10_000;
/** Days, minutes and organizations held over all partitions: about 60 MiB. */
const INDEX_ENTRIES_MAX = 400_000;
const READ_RECORDS_MAX = 500;
const READ_WAIT_MS = SECOND_MS;
/** Of one partition, fetched ahead; a flush holds at most 5,000 minutes. */
const BUFFERED_BYTES_MAX = 2 * 1024 * 1024;
/** How often the log is asked where it ends. */
const CHECK_INTERVAL_MS = SECOND_MS;
/** A partition that has not been read to an end asked for this recently is not known. */
const CURRENT_MS = 5 * SECOND_MS;
const RETRY_MS = SECOND_MS;
const RESTART_MS = 5 * SECOND_MS;

export interface FlushFeedOptions {
  readonly bus: Pick<Bus, 'bounds' | 'consume'>;
  readonly topic: string;
  /** Unique to this run of this process. */
  readonly instance: string;
  readonly clock: Clock;
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
  readonly telemetry: Pick<Telemetry, 'increment' | 'set'>;
}

interface Partition {
  /** Null before the first spell. */
  index: FlushIndex | null;
  /** The next record to take in. */
  position: number;
  /** An end of the log, and when it was asked for. */
  end: { readonly offset: number; readonly askedAtMs: number } | null;
  /** Everything that was in the log at this instant has been taken in. */
  currentAtMs: number;
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
  #partitions: readonly Partition[] = [];
  #closed: Promise<void> | null = null;

  constructor(options: FlushFeedOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  version(organization: OrganizationId, fromMs: number, toMs: number): string | null {
    if (this.#partitions.length === 0) return null;
    const partition = this.#partitions[partitionOfKey(organization, this.#partitions.length)];
    if (partition === undefined || !this.#isCurrent(partition)) return null;
    return partition.index === null ? null : String(partition.index.markOf(organization, fromMs, toMs));
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

  async #run(): Promise<void> {
    const { topic, clock } = this.#options;
    const { signal } = this.#closing;
    while (!signal.aborted && this.#partitions.length === 0) {
      const bounds = await this.#attempt('the flush topic cannot be looked at', () =>
        this.#options.bus.bounds(topic),
      );
      this.#partitions = (bounds ?? []).map(() => ({
        index: null,
        position: 0,
        end: null,
        currentAtMs: Number.NEGATIVE_INFINITY,
      }));
      if (bounds === null) await clock.sleep(RETRY_MS, signal);
    }
    await Promise.all([this.#consume(), this.#watch()]);
  }

  /** Where a consumer cannot go on, another takes over; questions are answered meanwhile, only not from the cache. */
  async #consume(): Promise<void> {
    const { bus, topic, instance, clock } = this.#options;
    const { signal } = this.#closing;
    while (!signal.aborted) {
      let consumer: Consumer | null = null;
      await this.#attempt('the flush feed cannot go on; it starts again', async () => {
        let fail: (error: Error) => void = () => undefined;
        const ended = new Promise<void>((resolve, reject) => {
          signal.addEventListener('abort', () => resolve(), { once: true });
          fail = reject;
        });
        // It may fail while the group is still being joined; what is awaited below is the same promise.
        ended.catch(() => undefined);
        consumer = await bus.consume({
          group: `tidemark-flush-feed-${instance}`,
          topics: [topic],
          maxBufferedBytesPerPartition: BUFFERED_BYTES_MAX,
          onAssigned: (spell) => void this.#follow(spell),
          onFatal: (error) => fail(error),
        });
        if (!signal.aborted) await ended;
      });
      await (consumer as Consumer | null)?.close();
      if (!signal.aborted) await clock.sleep(RESTART_MS, signal);
    }
  }

  async #follow(spell: AssignedPartition): Promise<void> {
    const partition = this.#partitions[spell.partition];
    if (partition === undefined) return;
    let isPlaced = false;
    while (!spell.lost.aborted) {
      const done = await this.#attempt(
        'a partition of the flush topic cannot be read; trying again',
        async () => {
          if (!isPlaced) await this.#place(partition, spell);
          isPlaced = true;
          await this.#read(partition, spell);
          return true;
        },
      );
      if (done === null) await this.#options.clock.sleep(RETRY_MS, spell.lost);
    }
  }

  /** A read waits for as many as it is asked for: it asks for one first, so that a flush is known as soon as it is there. */
  async #read(partition: Partition, spell: AssignedPartition): Promise<void> {
    for (const record of await spell.read({ maxRecords: 1, maxWaitMs: READ_WAIT_MS })) {
      this.#take(partition, record);
    }
    for (const record of await spell.read({ maxRecords: READ_RECORDS_MAX, maxWaitMs: 0 })) {
      this.#take(partition, record);
    }
    noteCurrent(partition);
  }

  /** Goes on where the last spell ended, if the log still holds that; else begins anew. */
  async #place(partition: Partition, spell: AssignedPartition): Promise<void> {
    const askedAtMs = this.#options.clock.nowMs();
    const { startOffset, endOffset } = await spell.bounds();
    const { index, position } = partition;
    if (index === null || position < startOffset || position > endOffset) {
      const begin = Math.floor(endOffset / BEGIN_STEP_RECORDS) * BEGIN_STEP_RECORDS;
      partition.position = Math.max(startOffset, begin);
      partition.currentAtMs = Number.NEGATIVE_INFINITY;
      partition.index = new FlushIndex(partition.position, {
        entriesMax: Math.ceil(INDEX_ENTRIES_MAX / this.#partitions.length),
      });
    }
    spell.seek(partition.position);
    partition.end = { offset: endOffset, askedAtMs };
    noteCurrent(partition);
  }

  #take(partition: Partition, { offset, value }: BusRecord): void {
    const { index } = partition;
    if (index === null || offset < partition.position) return;
    // Records that were dropped unread, or that say nothing, may have touched anything.
    if (offset > partition.position) index.takeUnknown(offset - 1);
    const flush = parseFlush(value);
    if (flush === null) index.takeUnknown(offset);
    else index.take(flush.organization, offset, flush.buckets);
    partition.position = offset + 1;
    if (flush === null) return;
    for (const listener of this.#listeners) {
      listener({ organization: flush.organization, minutesMs: flush.buckets });
    }
  }

  async #watch(): Promise<void> {
    const { bus, topic, clock, telemetry } = this.#options;
    const { signal } = this.#closing;
    while (!signal.aborted) {
      const askedAtMs = clock.nowMs();
      const bounds = await this.#attempt('the ends of the flush topic are not known', () =>
        bus.bounds(topic),
      );
      let behind = 0;
      for (const { partition: number, endOffset } of bounds ?? []) {
        const partition = this.#partitions[number];
        if (partition === undefined) continue;
        partition.end = { offset: endOffset, askedAtMs };
        noteCurrent(partition);
        behind += Math.max(0, endOffset - partition.position);
      }
      if (bounds !== null) telemetry.set('tidemark_gateway_flush_lag_records', behind);
      const unknown = this.#partitions.filter((partition) => !this.#isCurrent(partition)).length;
      telemetry.set('tidemark_gateway_flush_partitions_unknown', unknown);
      await clock.sleep(CHECK_INTERVAL_MS, signal);
    }
  }

  #isCurrent({ currentAtMs }: Partition): boolean {
    return this.#options.clock.nowMs() - currentAtMs <= CURRENT_MS;
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

/** An end that has been reached says that all before it was taken in. */
function noteCurrent(partition: Partition): void {
  const { end, index, position } = partition;
  if (end === null || index === null || position < end.offset) return;
  partition.currentAtMs = Math.max(partition.currentAtMs, end.askedAtMs);
}
