import { AppError, type Clock, SECOND_MS } from '@tidemark/core';
import { CompressionTypes, type Kafka, type Producer } from 'kafkajs';
import { busUnavailable } from '../bus-errors.ts';
import { partitionOfKey } from '../key-partition.ts';
import type { Coordinate, OutgoingRecord } from '../port.ts';
import { settledWithin, withDeadline } from '../waiting.ts';
import type { KafkaAdmin } from './admin.ts';
import { toBusFault } from './faults.ts';

/** Kafka refuses a partition's batch beyond `message.max.bytes` (1 MiB by default), overhead included. */
const PARTITION_BATCH_BYTES_MAX = 900_000;
/** One produce round, over all partitions. */
const ROUND_BYTES_MAX = 8 * 1024 * 1024;
/** Publishers are refused beyond this: the brokers are not keeping up. */
const QUEUED_BYTES_MAX = 64 * 1024 * 1024;
/** How long the leader may wait for its in-sync replicas; below the request timeout, so that the answer arrives. */
const ACK_TIMEOUT_MS = 2_500;
const CLOSE_TIMEOUT_MS = 5 * SECOND_MS;
const RECORD_OVERHEAD_BYTES = 32;

export interface KafkaPublisherOptions {
  readonly kafka: Kafka;
  readonly admin: KafkaAdmin;
  readonly clock: Clock;
  readonly publishTimeoutMs: number;
  readonly compression: 'none' | 'gzip';
}

/** One call of publish on its way. */
interface PendingPublish {
  readonly coordinates: Coordinate[];
  missing: number;
  isSettled: boolean;
  resolve: (coordinates: readonly Coordinate[]) => void;
  reject: (error: Error) => void;
}

interface QueuedRecord {
  readonly publish: PendingPublish;
  readonly index: number;
  readonly record: OutgoingRecord;
  readonly partition: number;
  readonly bytes: number;
}

interface TopicQueue {
  readonly topic: string;
  records: QueuedRecord[];
  running: Promise<void> | null;
}

/**
 * Publishes with acks=all, one produce round per topic at a time. While one round is under way the next gathers: batching
 * needs no timer, and a retried round can never overtake or be overtaken, so equal keys keep their order without the
 * idempotent producer (which kafkajs calls experimental, and which limits what may be in flight anyway). What a retry
 * repeats, because an acknowledgement was lost, is dropped by the reader's de-duplication.
 */
export class KafkaPublisher {
  readonly #options: KafkaPublisherOptions;
  readonly #producer: Producer;
  readonly #queues = new Map<string, TopicQueue>();
  #connected: Promise<void> | null = null;
  #queuedBytes = 0;
  #isClosed = false;

  constructor(options: KafkaPublisherOptions) {
    this.#options = options;
    this.#producer = options.kafka.producer({
      allowAutoTopicCreation: false,
      idempotent: false,
      // The partition is chosen here, by the same function as in the embedded profile.
      createPartitioner: () => (args) => args.message.partition as number,
      // 100 + 200 + 400 + 5 x 500 ms: about as long as a publish may take, and quick to see a broker that is back.
      retry: { initialRetryTime: 100, multiplier: 2, maxRetryTime: 500, retries: 8 },
    });
  }

  /** @throws bus-unavailable, not-found; event-too-large for a record no broker would take */
  async publish(topic: string, records: readonly OutgoingRecord[]): Promise<readonly Coordinate[]> {
    if (this.#isClosed) throw busUnavailable('the bus is closed');
    const { admin, clock, publishTimeoutMs } = this.#options;
    const { publish, outcome } = createPending(records.length);
    const work = admin.partitionCount(topic).then((partitions) => {
      this.#enqueue(topic, partitions, records, publish);
      return outcome;
    });
    try {
      return await withDeadline(clock, publishTimeoutMs, `publish to "${topic}"`, work);
    } finally {
      // Whatever is not sent yet is not sent any more: its publisher has its answer.
      publish.isSettled = true;
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const running = Promise.all([...this.#queues.values()].map(async (queue) => queue.running));
    await settledWithin(this.#options.clock, CLOSE_TIMEOUT_MS, running);
    await settledWithin(this.#options.clock, CLOSE_TIMEOUT_MS, this.#producer.disconnect());
  }

  #enqueue(
    topic: string,
    partitions: number,
    records: readonly OutgoingRecord[],
    publish: PendingPublish,
  ): void {
    if (publish.isSettled) return;
    if (records.length === 0) publish.resolve([]);
    const sizes = records.map(wireBytes);
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    if (this.#queuedBytes + bytes > QUEUED_BYTES_MAX) {
      throw busUnavailable(`${this.#queuedBytes} bytes wait for Kafka; at most ${QUEUED_BYTES_MAX} may`);
    }
    const queue = this.#queue(topic);
    for (const [index, record] of records.entries()) {
      const partition = partitionOfKey(record.key, partitions);
      queue.records.push({ publish, index, record, partition, bytes: sizes[index] as number });
    }
    this.#queuedBytes += bytes;
    queue.running ??= this.#drain(queue);
  }

  #queue(topic: string): TopicQueue {
    let queue = this.#queues.get(topic);
    if (queue === undefined) this.#queues.set(topic, (queue = { topic, records: [], running: null }));
    return queue;
  }

  async #drain(queue: TopicQueue): Promise<void> {
    // Publishes of the same turn of the event loop share the first round.
    await Promise.resolve();
    while (queue.records.length > 0) {
      const round = this.#takeRound(queue);
      if (round.length > 0) await this.#send(queue.topic, round);
    }
    queue.running = null;
  }

  /** From the head of the queue, up to the first record that does not fit: order is kept. */
  #takeRound(queue: TopicQueue): readonly QueuedRecord[] {
    const perPartition = new Map<number, number>();
    let total = 0;
    let count = 0;
    for (const { partition, bytes, publish } of queue.records) {
      if (!publish.isSettled) {
        const filled = (perPartition.get(partition) ?? 0) + bytes;
        if (count > 0 && (filled > PARTITION_BATCH_BYTES_MAX || total + bytes > ROUND_BYTES_MAX)) break;
        perPartition.set(partition, filled);
        total += bytes;
      }
      count++;
    }
    const taken = queue.records.splice(0, count);
    for (const { bytes } of taken) this.#queuedBytes -= bytes;
    return taken.filter(({ publish }) => !publish.isSettled);
  }

  async #send(topic: string, round: readonly QueuedRecord[]): Promise<void> {
    const { compression } = this.#options;
    try {
      await this.#connect();
      const answers = await this.#producer.send({
        topic,
        acks: -1,
        timeout: ACK_TIMEOUT_MS,
        compression: compression === 'gzip' ? CompressionTypes.GZIP : CompressionTypes.None,
        messages: round.map(({ record, partition }) => ({
          key: record.key,
          value: record.value,
          headers: record.headers,
          timestamp: String(record.timestampMs),
          partition,
        })),
      });
      const next = new Map(answers.map(({ partition, baseOffset }) => [partition, Number(baseOffset)]));
      for (const { publish, index, partition } of round) {
        const offset = next.get(partition);
        if (offset === undefined)
          throw busUnavailable(`Kafka did not say where partition ${partition} was written`);
        next.set(partition, offset + 1);
        publish.coordinates[index] = { topic, partition, offset };
        publish.missing--;
        if (publish.missing === 0) publish.resolve(publish.coordinates);
      }
    } catch (error) {
      const fault = toBusFault(`publish to "${topic}"`, error);
      for (const { publish } of round) {
        publish.isSettled = true;
        publish.reject(fault);
      }
    }
  }

  async #connect(): Promise<void> {
    this.#connected ??= this.#producer.connect();
    try {
      await this.#connected;
    } catch (error) {
      this.#connected = null;
      throw error;
    }
  }
}

function createPending(records: number): {
  readonly publish: PendingPublish;
  readonly outcome: Promise<readonly Coordinate[]>;
} {
  const publish: PendingPublish = {
    coordinates: [],
    missing: records,
    isSettled: false,
    resolve: () => undefined,
    reject: () => undefined,
  };
  const outcome = new Promise<readonly Coordinate[]>((resolve, reject) => {
    publish.resolve = resolve;
    publish.reject = reject;
  });
  return { publish, outcome };
}

/** @throws event-too-large */
function wireBytes(record: OutgoingRecord): number {
  let bytes = record.value.length + Buffer.byteLength(record.key) + RECORD_OVERHEAD_BYTES;
  for (const name in record.headers)
    bytes += name.length + Buffer.byteLength(record.headers[name] as string) + 4;
  if (bytes > PARTITION_BATCH_BYTES_MAX) {
    const detail = `a record of ${bytes} bytes; Kafka takes at most ${PARTITION_BATCH_BYTES_MAX}`;
    throw new AppError('event-too-large', detail);
  }
  return bytes;
}
