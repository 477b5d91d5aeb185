import { type Clock, isAppError, SECOND_MS } from '@tidemark/core';
import type { Admin, Kafka } from 'kafkajs';
import { partitionCountConflict, topicNotFound } from '../bus-errors.ts';
import type { BusLog, CommittedOffset, PartitionBounds, TopicSpec } from '../port.ts';
import { settledWithin, withDeadline } from '../waiting.ts';
import { hasProtocolType, isPassing, isUnknownTopic, toBusFault } from './faults.ts';

/** Every question is answered or refused within this time. */
const ADMIN_TIMEOUT_MS = 5 * SECOND_MS;
const PASSING_RETRY_MS = 100;
/** The broker's own default for the number of replicas. */
const BROKER_DEFAULT_REPLICATION = -1;

export interface KafkaAdminOptions {
  readonly kafka: Kafka;
  readonly clock: Clock;
  readonly log: BusLog;
  readonly replicationFactor?: number;
  readonly minInsyncReplicas?: number;
}

/** What the adapter asks the cluster. Connects when first asked, and anew after a failure. */
export class KafkaAdmin {
  readonly #options: KafkaAdminOptions;
  readonly #partitionCounts = new Map<string, Promise<number>>();
  #connected: Promise<Admin> | null = null;

  constructor(options: KafkaAdminOptions) {
    this.#options = options;
  }

  /** @throws conflict, bus-unavailable */
  async ensureTopics(specs: readonly TopicSpec[]): Promise<void> {
    const existing = new Set(await this.#ask('listTopics', (admin) => admin.listTopics()));
    const missing = specs.filter(({ name }) => !existing.has(name));
    if (missing.length > 0) await this.#createTopics(missing);
    for (const { name } of missing) await this.#waitForLeaders(name);
    for (const { name, partitions } of specs) {
      const found = await this.#countPartitions(name);
      if (found !== partitions) throw partitionCountConflict(name, found, partitions);
    }
  }

  /** Asked once per topic and remembered: the number never changes. @throws not-found, bus-unavailable */
  partitionCount(topic: string): Promise<number> {
    let count = this.#partitionCounts.get(topic);
    if (count === undefined) {
      count = this.#countPartitions(topic);
      this.#partitionCounts.set(topic, count);
      count.catch(() => this.#partitionCounts.delete(topic));
    }
    return count;
  }

  /** @throws not-found, bus-unavailable */
  async bounds(topic: string): Promise<readonly PartitionBounds[]> {
    const offsets = await this.#askAbout(topic, 'fetchTopicOffsets', (admin) =>
      admin.fetchTopicOffsets(topic),
    );
    return offsets
      .map(({ partition, low, high }) => ({ partition, startOffset: Number(low), endOffset: Number(high) }))
      .sort((a, b) => a.partition - b.partition);
  }

  /** @throws not-found, bus-unavailable */
  async committed(group: string, topic: string): Promise<ReadonlyMap<number, CommittedOffset>> {
    const [answer] = await this.#askAbout(topic, 'fetchOffsets', (admin) =>
      admin.fetchOffsets({ groupId: group, topics: [topic] }),
    );
    const committed = new Map<number, CommittedOffset>();
    for (const { partition, offset, metadata } of answer?.partitions ?? []) {
      // -1 is "never"; kafkajs itself commits -2 ("the oldest") when its offset fell out of the log.
      if (Number(offset) >= 0) committed.set(partition, { offset: Number(offset), metadata: metadata ?? '' });
    }
    return committed;
  }

  /** @throws bus-unavailable */
  async ping(): Promise<void> {
    await this.#ask('describeCluster', (admin) => admin.describeCluster());
  }

  async close(): Promise<void> {
    await settledWithin(this.#options.clock, ADMIN_TIMEOUT_MS, this.#disconnect());
  }

  async #createTopics(specs: readonly TopicSpec[]): Promise<void> {
    const { replicationFactor = BROKER_DEFAULT_REPLICATION, minInsyncReplicas } = this.#options;
    const topics = specs.map(({ name, partitions, retentionMs }) => ({
      topic: name,
      numPartitions: partitions,
      replicationFactor,
      configEntries: [
        { name: 'retention.ms', value: String(retentionMs) },
        { name: 'cleanup.policy', value: 'delete' },
        ...(minInsyncReplicas === undefined
          ? []
          : [{ name: 'min.insync.replicas', value: String(minInsyncReplicas) }]),
      ],
    }));
    await this.#ask('createTopics', async (admin) => {
      try {
        await admin.createTopics({ topics, waitForLeaders: false, timeout: ADMIN_TIMEOUT_MS });
      } catch (error) {
        // Another process was first; the count of partitions is compared in any case.
        if (!hasProtocolType(error, (type) => type === 'TOPIC_ALREADY_EXISTS')) throw error;
      }
    });
  }

  /**
   * A KRaft broker hears of a topic some time after the controller made it, and until then answers that there is none;
   * kafkajs' own `waitForLeaders` takes that for an answer.
   */
  async #waitForLeaders(topic: string): Promise<void> {
    const { clock } = this.#options;
    const deadlineMs = clock.nowMs() + ADMIN_TIMEOUT_MS;
    for (;;) {
      try {
        await this.bounds(topic);
        return;
      } catch (error) {
        if (!isAppError(error, 'not-found') || clock.nowMs() >= deadlineMs) throw error;
        await clock.sleep(PASSING_RETRY_MS);
      }
    }
  }

  async #countPartitions(topic: string): Promise<number> {
    const { topics } = await this.#askAbout(topic, 'fetchTopicMetadata', (admin) =>
      admin.fetchTopicMetadata({ topics: [topic] }),
    );
    const [found] = topics;
    if (found === undefined) throw topicNotFound(topic);
    return found.partitions.length;
  }

  async #askAbout<T>(topic: string, what: string, question: (admin: Admin) => Promise<T>): Promise<T> {
    return this.#ask(what, async (admin) => {
      try {
        return await question(admin);
      } catch (error) {
        if (isUnknownTopic(error)) throw topicNotFound(topic, error);
        throw error;
      }
    });
  }

  /** Asks again, with fresh metadata, while the cluster elects; within the deadline. */
  async #ask<T>(what: string, question: (admin: Admin) => Promise<T>): Promise<T> {
    const { clock } = this.#options;
    const deadlineMs = clock.nowMs() + ADMIN_TIMEOUT_MS;
    for (;;) {
      try {
        const work = this.#connect().then(question);
        return await withDeadline(clock, ADMIN_TIMEOUT_MS, `${what} of the Kafka admin`, work);
      } catch (error) {
        const fault = toBusFault(`${what} of the Kafka admin`, error);
        // A client that lost its brokers is not worth keeping: a new one starts from the seed list.
        if (fault.code === 'bus-unavailable') void this.#disconnect();
        if (!isPassing(error) || clock.nowMs() >= deadlineMs) throw fault;
        await clock.sleep(PASSING_RETRY_MS);
      }
    }
  }

  #connect(): Promise<Admin> {
    this.#connected ??= connectAdmin(this.#options.kafka);
    return this.#connected;
  }

  /** Never rejects. Not waited for while questions are asked: kafkajs waits for answers that may never come. */
  async #disconnect(): Promise<void> {
    const connected = this.#connected;
    this.#connected = null;
    if (connected === null) return;
    try {
      const admin = await connected;
      await admin.disconnect();
    } catch (error) {
      this.#options.log.info({ err: error }, 'a Kafka admin connection was given up');
    }
  }
}

async function connectAdmin(kafka: Kafka): Promise<Admin> {
  const admin = kafka.admin({ retry: { initialRetryTime: 100, maxRetryTime: 500, retries: 3 } });
  await admin.connect();
  return admin;
}
