import { mkdir } from 'node:fs/promises';
import { type Clock, MINUTE_MS, SECOND_MS } from '@tidemark/core';
import { busUnavailable } from './bus-errors.ts';
import { ConsumerGroup, type Member } from './lmdb/consumer-group.ts';
import { lockDirectory, type DirectoryLock } from './lmdb/directory-lock.ts';
import { GroupCommit } from './lmdb/group-commit.ts';
import { LogStore } from './lmdb/log-store.ts';
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
const DEFAULT_MAX_READ_BYTES = 8 * 1024 * 1024;
/** One step of retention drops at most 64 chunks (4 MiB), then lets others run. */
const TRIM_CHUNKS_PER_STEP = 64;

export interface LmdbBusOptions extends BusDependencies {
  /** The directory of the log; created when missing. One process owns it at a time. */
  readonly path: string;
  /** How often old records are looked for. */
  readonly retentionIntervalMs?: number;
  /** How long a consumer may take to let go of its partitions. */
  readonly sessionTimeoutMs?: number;
  /** A publish that takes longer rejects with `bus-unavailable`. */
  readonly publishTimeoutMs?: number;
}

/**
 * The embedded bus: a durable log in a directory, consumer groups within this process.
 * @throws conflict when another process owns the directory
 */
export async function createLmdbBus(options: LmdbBusOptions): Promise<Bus> {
  await mkdir(options.path, { recursive: true });
  const lock = await lockDirectory(options.path);
  try {
    return new LmdbBus(options, lock, new LogStore(options.path));
  } catch (error) {
    await lock.release();
    throw error;
  }
}

class LmdbBus implements Bus {
  readonly #options: LmdbBusOptions;
  readonly #lock: DirectoryLock;
  readonly #store: LogStore;
  readonly #clock: Clock;
  readonly #commits: GroupCommit;
  readonly #groups = new Map<string, ConsumerGroup>();
  readonly #consumers = new Set<Consumer>();
  readonly #closing = new AbortController();
  readonly #retention: Promise<void>;
  #closed: Promise<void> | null = null;

  constructor(options: LmdbBusOptions, lock: DirectoryLock, store: LogStore) {
    this.#options = options;
    this.#lock = lock;
    this.#store = store;
    this.#clock = options.clock;
    const { clock, log, publishTimeoutMs = DEFAULT_PUBLISH_TIMEOUT_MS } = options;
    this.#commits = new GroupCommit({ store, clock, log, publishTimeoutMs });
    this.#retention = this.#trimForever(options.retentionIntervalMs ?? MINUTE_MS);
  }

  async ensureTopics(topics: readonly TopicSpec[]): Promise<void> {
    this.#assertOpen();
    await this.#store.ensureTopics(topics);
  }

  async publish(topic: string, records: readonly OutgoingRecord[]): Promise<readonly Coordinate[]> {
    this.#assertOpen();
    return this.#commits.publish(this.#store.topic(topic), records);
  }

  async consume(options: ConsumerOptions): Promise<Consumer> {
    this.#assertOpen();
    for (const topic of options.topics) this.#store.topic(topic);
    const maxReadBytes = options.maxBufferedBytesPerPartition ?? DEFAULT_MAX_READ_BYTES;
    const member: Member = { options, maxReadBytes, spells: [] };
    const group = this.#group(options.group);
    const consumer: Consumer = {
      close: async () => {
        this.#consumers.delete(consumer);
        await group.leave(member);
      },
    };
    this.#consumers.add(consumer);
    await group.join(member);
    return consumer;
  }

  async bounds(topic: string): Promise<readonly PartitionBounds[]> {
    this.#assertOpen();
    return this.#store.topic(topic).partitions.map((partition) => this.#store.bounds(partition));
  }

  async committed(group: string, topic: string): Promise<ReadonlyMap<number, CommittedOffset>> {
    this.#assertOpen();
    const found = new Map<number, CommittedOffset>();
    for (const { partition } of this.#store.topic(topic).partitions) {
      const committed = this.#store.committed(group, topic, partition);
      if (committed !== null) found.set(partition, committed);
    }
    return found;
  }

  async ping(): Promise<void> {
    this.#assertOpen();
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#closing.abort();
    await Promise.all([...this.#consumers].map((consumer) => consumer.close()));
    await this.#commits.settled();
    await this.#retention;
    await this.#store.close();
    await this.#lock.release();
  }

  #group(name: string): ConsumerGroup {
    let group = this.#groups.get(name);
    if (group === undefined) {
      const { clock, log, sessionTimeoutMs = DEFAULT_SESSION_TIMEOUT_MS } = this.#options;
      group = new ConsumerGroup({ group: name, store: this.#store, clock, log, sessionTimeoutMs });
      this.#groups.set(name, group);
    }
    return group;
  }

  #assertOpen(): void {
    if (this.#closing.signal.aborted) throw busUnavailable('the bus is closed');
  }

  async #trimForever(intervalMs: number): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      await this.#clock.sleep(intervalMs, signal);
      try {
        await this.#trimOnce(signal);
      } catch (error) {
        this.#options.log.error({ err: error }, 'retention failed; it is tried again at the next interval');
      }
    }
  }

  async #trimOnce(signal: AbortSignal): Promise<void> {
    for (const { partitions, retentionMs } of this.#store.topics()) {
      const horizonMs = this.#clock.nowMs() - retentionMs;
      for (const partition of partitions) {
        while (!signal.aborted && (await this.#store.trim(partition, horizonMs, TRIM_CHUNKS_PER_STEP)));
      }
    }
  }
}
