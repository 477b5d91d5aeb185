import { type Clock } from '@tidemark/core';
import { busUnavailable } from '../bus-errors.ts';
import { partitionOfKey } from '../key-partition.ts';
import type { BusLog, Coordinate, OutgoingRecord } from '../port.ts';
import { withDeadline } from '../waiting.ts';
import { recordBytes } from './chunk-codec.ts';
import type { Append, LogPartition, LogStore, LogTopic } from './log-store.ts';

/** One transaction takes at most about this much; what waits longer is in the next one. */
const TRANSACTION_BYTES_MAX = 16 * 1024 * 1024;
/** Publishers are refused beyond this: the disk is not keeping up. */
const QUEUED_BYTES_MAX = 256 * 1024 * 1024;

interface QueuedPublish {
  readonly topic: LogTopic;
  readonly records: readonly OutgoingRecord[];
  readonly bytes: number;
  readonly resolve: (coordinates: readonly Coordinate[]) => void;
  readonly reject: (error: Error) => void;
}

export interface GroupCommitOptions {
  readonly store: LogStore;
  readonly clock: Clock;
  readonly log: BusLog;
  readonly publishTimeoutMs: number;
}

/**
 * Group commit: while one transaction is being fsynced, publishes gather for the next, so the price of an fsync is
 * shared by all that came meanwhile. Transactions are strictly one after the other: order and offsets need no lock.
 */
export class GroupCommit {
  readonly #options: GroupCommitOptions;
  #queue: QueuedPublish[] = [];
  #queuedBytes = 0;
  #running: Promise<void> | null = null;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
  }

  /** @throws bus-unavailable when the disk fails, is full, or does not answer in time */
  async publish(topic: LogTopic, records: readonly OutgoingRecord[]): Promise<readonly Coordinate[]> {
    if (records.length === 0) return [];
    let bytes = 0;
    for (const record of records) bytes += recordBytes(record);
    if (this.#queuedBytes + bytes > QUEUED_BYTES_MAX) {
      throw busUnavailable(`${this.#queuedBytes} bytes wait for the disk; at most ${QUEUED_BYTES_MAX} may`);
    }
    const outcome = new Promise<readonly Coordinate[]>((resolve, reject) => {
      this.#queue.push({ topic, records, bytes, resolve, reject });
    });
    this.#queuedBytes += bytes;
    this.#running ??= this.#drain();
    return withDeadline(
      this.#options.clock,
      this.#options.publishTimeoutMs,
      `publish to "${topic.name}"`,
      outcome,
    );
  }

  /** Resolves when nothing is queued or under way. */
  async settled(): Promise<void> {
    await this.#running;
  }

  async #drain(): Promise<void> {
    // Publishes of the same turn of the event loop share the first transaction.
    await Promise.resolve();
    while (this.#queue.length > 0) await this.#commit(this.#takeBatch());
    this.#running = null;
  }

  #takeBatch(): readonly QueuedPublish[] {
    let count = 0;
    for (let bytes = 0; count < this.#queue.length && bytes < TRANSACTION_BYTES_MAX; count++) {
      bytes += (this.#queue[count] as QueuedPublish).bytes;
    }
    return this.#queue.splice(0, count);
  }

  async #commit(batch: readonly QueuedPublish[]): Promise<void> {
    const { store, log } = this.#options;
    const grouped = new Map<LogPartition, OutgoingRecord[]>();
    const places = batch.map((publish) => placeRecords(publish, grouped));
    const appends: readonly Append[] = [...grouped].map(([partition, records]) => ({ partition, records }));
    try {
      const bases = await store.append(appends);
      const baseOf = new Map(appends.map(({ partition }, index) => [partition, bases[index] as number]));
      for (const [index, publish] of batch.entries()) {
        publish.resolve(toCoordinates(publish, places[index] as readonly Place[], baseOf));
      }
    } catch (error) {
      log.error({ err: error, publishes: batch.length }, 'the log on disk refused an append');
      store.reloadEnds(appends.map(({ partition }) => partition));
      for (const { reject } of batch) reject(busUnavailable('the log on disk refused the records', error));
    } finally {
      for (const { bytes } of batch) this.#queuedBytes -= bytes;
    }
  }
}

/** Where a record goes: the n-th of this transaction's records in its partition. */
interface Place {
  readonly partition: LogPartition;
  readonly index: number;
}

function placeRecords(
  { topic, records }: QueuedPublish,
  grouped: Map<LogPartition, OutgoingRecord[]>,
): readonly Place[] {
  return records.map((record) => {
    const partition = topic.partitions[partitionOfKey(record.key, topic.partitions.length)] as LogPartition;
    let group = grouped.get(partition);
    if (group === undefined) grouped.set(partition, (group = []));
    return { partition, index: group.push(record) - 1 };
  });
}

function toCoordinates(
  { topic }: QueuedPublish,
  places: readonly Place[],
  baseOf: ReadonlyMap<LogPartition, number>,
): readonly Coordinate[] {
  return places.map(({ partition, index }) => ({
    topic: topic.name,
    partition: partition.partition,
    offset: (baseOf.get(partition) as number) + index,
  }));
}
