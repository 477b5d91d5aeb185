/**
 * The bus: a partitioned, durable log with consumer groups. Adapters: LMDB (embedded) and Kafka (distributed); one
 * conformance suite (`./conformance.ts`) says what both must do.
 *
 * Vocabulary. A *topic* has a fixed number of *partitions*; a partition is an ordered log of *records*, each at an
 * *offset*. A committed offset is always the NEXT offset to read. A *group* shares the partitions of its topics among
 * its live *consumers*; each partition has one owner at a time, and *epoch* names one spell of ownership.
 */
import type { Clock } from '@tidemark/core';

export interface TopicSpec {
  readonly name: string;
  /** Never changed once the topic exists: copies of an event meet on one partition by the hash of their key. */
  readonly partitions: number;
  /** Records older than this may be dropped, whether read or not. */
  readonly retentionMs: number;
}

export interface OutgoingRecord {
  /** Chooses the partition: equal keys meet on one partition, in order. */
  readonly key: string;
  readonly value: Buffer;
  readonly headers: Readonly<Record<string, string>>;
  /** Arrival (not event time), ms since the epoch. */
  readonly timestampMs: number;
}

export interface BusRecord extends OutgoingRecord {
  readonly offset: number;
}

export interface Coordinate {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

export interface CommittedOffset {
  /** The next offset to read. */
  readonly offset: number;
  /** Free text (at most 4,000 bytes) stored in the same atomic step as the offset; '' when none. */
  readonly metadata: string;
}

export interface PartitionBounds {
  readonly partition: number;
  /** The oldest offset still held. */
  readonly startOffset: number;
  /** The offset the next record will get; equal to startOffset when empty. */
  readonly endOffset: number;
}

/**
 * One spell of ownership of one partition by one consumer. Every call after the loss of the partition rejects with
 * `partition-lost`; `lost` aborts first, so loops end by themselves.
 */
export interface AssignedPartition {
  readonly topic: string;
  readonly partition: number;
  /** Aborts when the partition is revoked, the group fences this consumer, or the consumer closes. */
  readonly lost: AbortSignal;
  /** What the group had committed when the spell began; null when nothing ever was. Reading starts there (or at the start). */
  readonly committed: CommittedOffset | null;
  /**
   * Up to `maxRecords` records in offset order, without gaps other than those of the log itself. Resolves as soon as
   * `maxRecords` are at hand, else after `maxWaitMs` with what there is (perhaps nothing). Not reading IS the
   * back-pressure: the adapter buffers a bounded number of bytes and then stops fetching, and its group membership
   * stays alive however long the caller takes.
   * @throws partition-lost, bus-unavailable
   */
  read(options: { readonly maxRecords: number; readonly maxWaitMs: number }): Promise<readonly BusRecord[]>;
  /** The next read continues at this offset. */
  seek(offset: number): void;
  /**
   * Durable on return. Never moves another spell's offset: a stale owner gets `partition-lost`.
   * @throws partition-lost, bus-unavailable
   */
  commit(committed: CommittedOffset): Promise<void>;
  /**
   * Start and end of the log as the broker knows them now (one round trip).
   * @throws partition-lost, bus-unavailable
   */
  bounds(): Promise<PartitionBounds>;
}

export interface ConsumerOptions {
  readonly group: string;
  readonly topics: readonly string[];
  /** Called once per spell. May start a loop; must not block. */
  readonly onAssigned: (partition: AssignedPartition) => void;
  /**
   * Called after `lost` of these partitions has aborted and before anybody else may own them. Awaited, at most for
   * the session timeout: finish or abandon what is under way.
   */
  readonly onRevoked?: (partitions: readonly AssignedPartition[]) => Promise<void>;
  /** The consumer cannot go on by itself; the process should exit and be restarted. */
  readonly onFatal: (error: Error) => void;
  /** Upper bound of records fetched ahead per partition. */
  readonly maxBufferedBytesPerPartition?: number;
}

export interface Consumer {
  /** Stops taking, lets `onRevoked` finish, leaves the group. Idempotent; bounded by the session timeout. */
  close(): Promise<void>;
}

export interface Bus {
  /**
   * Creates what is missing. Idempotent.
   * @throws conflict when a topic exists with another number of partitions; bus-unavailable
   */
  ensureTopics(topics: readonly TopicSpec[]): Promise<void>;
  /**
   * Resolves when every record is durable (all in-sync replicas, or committed and flushed to disk); the coordinates
   * are in the order of the records. On rejection some may have been written. Within a bounded time either way.
   * @throws bus-unavailable
   */
  publish(topic: string, records: readonly OutgoingRecord[]): Promise<readonly Coordinate[]>;
  /** Joins the group. A group that never committed starts at the oldest record. */
  consume(options: ConsumerOptions): Promise<Consumer>;
  /** @throws bus-unavailable, not-found */
  bounds(topic: string): Promise<readonly PartitionBounds[]>;
  /** What a group has committed, by partition; a partition that was never committed is absent. */
  committed(group: string, topic: string): Promise<ReadonlyMap<number, CommittedOffset>>;
  /** Resolves when the bus answers. @throws bus-unavailable */
  ping(): Promise<void>;
  /** Closes consumers and producers. Idempotent. */
  close(): Promise<void>;
}

/** What every adapter takes beside its own options. */
export interface BusDependencies {
  readonly clock: Clock;
  readonly log: BusLog;
}

/** The part of a logger an adapter needs (pino fits). */
export interface BusLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** What a record weighs against bounds of memory: key, value and headers. */
export function recordBytes({
  key,
  value,
  headers,
}: Pick<OutgoingRecord, 'key' | 'value' | 'headers'>): number {
  let bytes = key.length + value.length;
  for (const name in headers) bytes += name.length + (headers[name]?.length ?? 0);
  return bytes;
}
