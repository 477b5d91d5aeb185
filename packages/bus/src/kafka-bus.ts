import { MINUTE_MS, SECOND_MS } from '@tidemark/core';
import type { Kafka, KafkaConfig } from 'kafkajs';
import { busUnavailable } from './bus-errors.ts';
import { KafkaAdmin } from './kafka/admin.ts';
import { createKafkaClient } from './kafka/client.ts';
import { KafkaConsumer } from './kafka/consumer.ts';
import { KafkaPublisher } from './kafka/publisher.ts';
import type {
  Bus,
  BusDependencies,
  CommittedOffset,
  Consumer,
  ConsumerOptions,
  Coordinate,
  OutgoingRecord,
  PartitionBounds,
  TopicSpec,
} from './port.ts';

const DEFAULT_SESSION_TIMEOUT_MS = 30 * SECOND_MS;
const DEFAULT_PUBLISH_TIMEOUT_MS = 4_500;

export interface KafkaBusOptions extends BusDependencies {
  /** `host:port`, at least one. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly ssl?: KafkaConfig['ssl'];
  readonly sasl?: KafkaConfig['sasl'];
  /** Of topics this bus creates; the brokers' default when absent. */
  readonly replicationFactor?: number;
  /** Of topics this bus creates; the brokers' default when absent. */
  readonly minInsyncReplicas?: number;
  /** After this long without heartbeats the group gives our partitions to others. The brokers allow 6 s to 30 min. */
  readonly sessionTimeoutMs?: number;
  /** A publish that takes longer rejects with `bus-unavailable`. */
  readonly publishTimeoutMs?: number;
  /** A consumer that fetches nothing for this long, although there is more, is reported by `onFatal`. */
  readonly stallMs?: number;
  readonly compression?: 'none' | 'gzip';
}

/** The bus on Kafka. Connects when first used. */
export function createKafkaBus(options: KafkaBusOptions): Bus {
  return new KafkaBus(options);
}

class KafkaBus implements Bus {
  readonly #options: KafkaBusOptions;
  readonly #admin: KafkaAdmin;
  readonly #publisher: KafkaPublisher;
  readonly #consumers = new Set<Consumer>();
  #closed: Promise<void> | null = null;

  constructor(options: KafkaBusOptions) {
    const { clock, log, replicationFactor, minInsyncReplicas } = options;
    this.#options = options;
    const kafka: Kafka = createKafkaClient(options);
    this.#admin = new KafkaAdmin({
      kafka,
      clock,
      log,
      ...(replicationFactor !== undefined && { replicationFactor }),
      ...(minInsyncReplicas !== undefined && { minInsyncReplicas }),
    });
    this.#publisher = new KafkaPublisher({
      kafka,
      admin: this.#admin,
      clock,
      publishTimeoutMs: options.publishTimeoutMs ?? DEFAULT_PUBLISH_TIMEOUT_MS,
      compression: options.compression ?? 'none',
    });
  }

  async ensureTopics(topics: readonly TopicSpec[]): Promise<void> {
    this.#assertOpen();
    await this.#admin.ensureTopics(topics);
  }

  async publish(topic: string, records: readonly OutgoingRecord[]): Promise<readonly Coordinate[]> {
    this.#assertOpen();
    return this.#publisher.publish(topic, records);
  }

  async consume(options: ConsumerOptions): Promise<Consumer> {
    this.#assertOpen();
    const { clock, log, sessionTimeoutMs = DEFAULT_SESSION_TIMEOUT_MS, stallMs = MINUTE_MS } = this.#options;
    // See createKafkaClient: consumers must not share a client.
    const kafka = createKafkaClient(this.#options);
    const member = new KafkaConsumer({
      kafka,
      admin: this.#admin,
      clock,
      log,
      sessionTimeoutMs,
      stallMs,
      options,
    });
    const consumer: Consumer = {
      close: async () => {
        this.#consumers.delete(consumer);
        await member.close();
      },
    };
    this.#consumers.add(consumer);
    try {
      await member.start();
    } catch (error) {
      this.#consumers.delete(consumer);
      throw error;
    }
    return consumer;
  }

  async bounds(topic: string): Promise<readonly PartitionBounds[]> {
    this.#assertOpen();
    return this.#admin.bounds(topic);
  }

  async committed(group: string, topic: string): Promise<ReadonlyMap<number, CommittedOffset>> {
    this.#assertOpen();
    return this.#admin.committed(group, topic);
  }

  async ping(): Promise<void> {
    this.#assertOpen();
    await this.#admin.ping();
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#consumers].map((consumer) => consumer.close()));
    await this.#publisher.close();
    await this.#admin.close();
  }

  #assertOpen(): void {
    if (this.#closed !== null) throw busUnavailable('the bus is closed');
  }
}
