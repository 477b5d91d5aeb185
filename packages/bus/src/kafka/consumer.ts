import { type Clock, SECOND_MS } from '@tidemark/core';
import type { Consumer as KafkaJsConsumer, ConsumerConfig, EachBatchPayload, Kafka } from 'kafkajs';
import { topicNotFound } from '../bus-errors.ts';
import type { BusLog, Consumer, ConsumerOptions } from '../port.ts';
import { announce, letGo } from '../revocation.ts';
import { settledWithin } from '../waiting.ts';
import type { KafkaAdmin } from './admin.ts';
import {
  beginSpell,
  type HeldPartition,
  loadTopics,
  type SpellFactoryOptions,
  type TopicPartition,
} from './assignments.ts';
import { CommitConfirmations } from './commit.ts';
import { isUnknownTopic, toBusFault } from './faults.ts';
import { gatedRoundRobin } from './join-gate.ts';
import { ProgressWatchdog } from './progress-watchdog.ts';

const DEFAULT_MAX_BUFFERED_BYTES = 8 * 1024 * 1024;
const FETCH_BYTES_MAX = 1024 * 1024;
/** A paused or idle partition is looked at again this often; a fetch with records does not wait. */
const FETCH_WAIT_MS = 200;
const HEARTBEAT_INTERVAL_MS_MAX = 3 * SECOND_MS;
const HEARTBEATS_PER_SESSION = 10;
const JOIN_RETRY_MS_MAX = 500;
const CHECKS_PER_STALL = 6;

export interface KafkaConsumerOptions {
  readonly kafka: Kafka;
  readonly admin: KafkaAdmin;
  readonly clock: Clock;
  readonly log: BusLog;
  readonly sessionTimeoutMs: number;
  readonly stallMs: number;
  readonly options: ConsumerOptions;
}

/**
 * A member of a consumer group. kafkajs fetches and keeps the membership; everything about ownership is decided here:
 *
 *     joined ──load offsets──> spells live ──rebalance, crash, fenced, lease over, close──> spells ended ──> joined …
 *
 * `eachBatch` only appends to a bounded buffer and returns, so heartbeats never wait for a reader. Every end of
 * spells moves `epoch`, which is what an asynchronous step compares before it acts.
 */
export class KafkaConsumer implements Consumer {
  readonly #settings: KafkaConsumerOptions;
  readonly #kafka: KafkaJsConsumer;
  readonly #factory: SpellFactoryOptions;
  readonly #heartbeatIntervalMs: number;
  readonly #confirmations = new CommitConfirmations();
  readonly #watchdog: ProgressWatchdog;
  readonly #closing = new AbortController();
  #held = new Map<string, HeldPartition>();
  #assigned: readonly TopicPartition[] = [];
  #epoch = new AbortController();
  #revocations = new Set<Promise<void>>();
  #lastAliveMs: number;
  #mustRejoin = false;
  #isJoined = false;
  #closed: Promise<void> | null = null;

  constructor(settings: KafkaConsumerOptions) {
    const { kafka, admin, clock, log, options, sessionTimeoutMs } = settings;
    this.#settings = settings;
    this.#lastAliveMs = clock.nowMs();
    this.#heartbeatIntervalMs = Math.min(
      HEARTBEAT_INTERVAL_MS_MAX,
      sessionTimeoutMs / HEARTBEATS_PER_SESSION,
    );
    const maxBufferedBytes = options.maxBufferedBytesPerPartition ?? DEFAULT_MAX_BUFFERED_BYTES;
    const fetchBytes = Math.min(FETCH_BYTES_MAX, Math.ceil(maxBufferedBytes / 2));
    this.#kafka = kafka.consumer({
      ...memberConfig(options.group, sessionTimeoutMs, this.#heartbeatIntervalMs, fetchBytes),
      partitionAssigners: [gatedRoundRobin(() => this.#mayJoin())],
      retry: {
        initialRetryTime: 50,
        multiplier: 2,
        maxRetryTime: JOIN_RETRY_MS_MAX,
        // Enough tries for a join that is held back as long as a revocation may take.
        retries: 10 + Math.ceil(sessionTimeoutMs / JOIN_RETRY_MS_MAX),
        // A crash that was under way while we closed must not come back to life.
        restartOnFailure: async () => !this.#closing.signal.aborted,
      },
    });
    const onFenced = (): void => this.#loseMembership('a commit was refused: the generation is over');
    const confirmations = this.#confirmations;
    const consumer = this.#kafka;
    this.#factory = {
      consumer,
      options,
      admin,
      clock,
      log,
      confirmations,
      maxBufferedBytes,
      fetchBytes,
      onFenced,
    };
    this.#watchdog = new ProgressWatchdog({ clock, stallMs: settings.stallMs });
  }

  /** Joins the group. @throws bus-unavailable, not-found */
  async start(): Promise<void> {
    const { options } = this.#settings;
    this.#listen();
    try {
      await this.#kafka.connect();
      await this.#kafka.subscribe({ topics: [...options.topics], fromBeginning: true });
      await this.#run();
    } catch (error) {
      await this.close();
      if (isUnknownTopic(error)) throw topicNotFound(options.topics.join('", "'), error);
      throw toBusFault(`joining group "${options.group}"`, error);
    }
    void this.#watchLease();
    void this.#watchProgress();
  }

  #run(): Promise<void> {
    return this.#kafka.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      eachBatch: async (payload) => this.#append(payload),
    });
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const { clock, sessionTimeoutMs, log, options } = this.#settings;
    this.#closing.abort();
    this.#endSpells('the consumer closes');
    await Promise.all(this.#revocations);
    try {
      const left = await settledWithin(clock, sessionTimeoutMs, this.#kafka.disconnect());
      if (!left)
        log.warn({ group: options.group }, 'leaving the group took too long; the session will run out');
    } catch (error) {
      log.warn({ group: options.group, err: error }, 'leaving the group failed; the session will run out');
    }
  }

  #listen(): void {
    const { events } = this.#kafka;
    this.#kafka.on(events.REBALANCING, () => this.#endSpells('the group rebalances'));
    this.#kafka.on(events.GROUP_JOIN, ({ payload }) => {
      const assigned = Object.entries(payload.memberAssignment).flatMap(([topic, partitions]) =>
        partitions.map((partition) => ({ topic, partition })),
      );
      this.#onJoined(assigned);
    });
    this.#kafka.on(events.HEARTBEAT, () => this.#onAlive());
    this.#kafka.on(events.COMMIT_OFFSETS, ({ payload }) => {
      for (const { topic, partitions } of payload.topics) {
        for (const { partition, offset } of partitions)
          this.#confirmations.confirm(topic, partition, Number(offset));
      }
    });
    this.#kafka.on(events.CRASH, ({ payload }) => this.#onCrash(payload.error, payload.restart));
  }

  #onJoined(assigned: readonly TopicPartition[]): void {
    const { log, options } = this.#settings;
    log.info({ group: options.group, assigned }, 'joined the group');
    this.#endSpells('the group assigned anew');
    this.#assigned = assigned;
    this.#isJoined = true;
    this.#mustRejoin = false;
    this.#lastAliveMs = this.#settings.clock.nowMs();
    this.#pauseAssigned();
    void this.#beginSpells();
  }

  /** kafkajs starts again by itself after what may pass, for as long as it takes; only the first try is reported. */
  #onCrash(error: Error, restart: boolean): void {
    const { log, options } = this.#settings;
    this.#endSpells('the consumer crashed');
    if (!restart && !this.#closing.signal.aborted) {
      options.onFatal(error);
      return;
    }
    if (this.#isJoined)
      log.warn({ group: options.group, err: error }, 'the consumer lost the brokers; it tries again');
    this.#isJoined = false;
  }

  #onAlive(): void {
    this.#lastAliveMs = this.#settings.clock.nowMs();
    if (!this.#mustRejoin) return;
    this.#mustRejoin = false;
    void this.#rejoin();
  }

  /**
   * The coordinator still knows us, but the spells are over: leaves and joins, for a new generation. In the old one a
   * commit that hung in a socket could still land after the next spell has read where to start.
   */
  async #rejoin(): Promise<void> {
    const { options } = this.#settings;
    try {
      await Promise.all(this.#revocations);
      await this.#kafka.stop();
      if (!this.#closing.signal.aborted) await this.#run();
    } catch (error) {
      options.onFatal(toBusFault(`joining group "${options.group}" again`, error));
    }
  }

  async #beginSpells(): Promise<void> {
    const { options, log } = this.#settings;
    const epoch = this.#epoch.signal;
    await Promise.all(this.#revocations);
    const topics = [...new Set(this.#assigned.map(({ topic }) => topic))];
    const states = await loadTopics(topics, this.#factory, epoch);
    if (states === null || epoch.aborted || this.#closing.signal.aborted) return;
    try {
      for (const at of this.#assigned) {
        const state = states.get(at.topic);
        if (state === undefined) continue;
        const held = beginSpell(at, state, this.#factory);
        this.#held.set(key(at), held);
        this.#watchdog.progressed(held.buffer);
        this.#kafka.resume([{ topic: at.topic, partitions: [at.partition] }]);
      }
    } catch (error) {
      // It crashed meanwhile, and starts again by itself.
      log.info({ group: options.group, err: error }, 'the consumer has no group any more');
      this.#loseMembership('the consumer has no group any more');
      return;
    }
    const begun = [...this.#held.values()].map(({ spell }) => spell);
    announce(begun, options, log);
  }

  /** Somebody else may own the partitions. Were we a member after all, the next heartbeat tells, and we join again. */
  #loseMembership(reason: string): void {
    this.#endSpells(reason);
    this.#mustRejoin = true;
  }

  /** Ends all spells at once and lets their owners finish. Idempotent. */
  #endSpells(reason: string): void {
    const { options, log } = this.#settings;
    this.#epoch.abort();
    this.#epoch = new AbortController();
    const ended = [...this.#held.values()].map(({ spell }) => spell);
    this.#held = new Map();
    this.#watchdog.reset();
    if (ended.length === 0) return;
    log.info({ group: options.group, partitions: ended.length, reason }, 'partitions lost');
    this.#pauseAssigned();
    for (const spell of ended) spell.end();
    const { clock, sessionTimeoutMs } = this.#settings;
    // While our join is held back no heartbeat is sent; the session must not run out over it.
    const timeoutMs = sessionTimeoutMs - 2 * this.#heartbeatIntervalMs;
    const done = letGo(ended, { consumer: options, clock, log, timeoutMs });
    const revocation = done.finally(() => this.#revocations.delete(revocation));
    this.#revocations.add(revocation);
  }

  #mayJoin(): boolean {
    this.#endSpells('the group is joined again');
    return this.#revocations.size === 0;
  }

  /** Nothing is fetched while there is no spell to fetch for. */
  #pauseAssigned(): void {
    const targets = this.#assigned.map(({ topic, partition }) => ({ topic, partitions: [partition] }));
    try {
      if (targets.length > 0) this.#kafka.pause(targets);
    } catch (error) {
      // Only a consumer that has no group (crashed, closed) refuses; it fetches nothing either.
      this.#settings.log.info({ group: this.#settings.options.group, err: error }, 'nothing to pause');
    }
  }

  #append(payload: EachBatchPayload): void {
    const { batch } = payload;
    const held = this.#held.get(key(batch));
    const last = batch.messages.at(-1);
    if (held === undefined || last === undefined || payload.isStale()) return;
    const from = held.buffer.fetchPosition;
    const skipped = held.buffer.append(batch.messages);
    payload.resolveOffset(last.offset);
    this.#watchdog.progressed(held.buffer);
    if (skipped > 0) {
      const { topic, partition } = batch;
      this.#settings.log.error(
        { topic, partition, from, skipped },
        'records left the log before they were read',
      );
    }
  }

  async #watchLease(): Promise<void> {
    const { clock, sessionTimeoutMs } = this.#settings;
    const { signal } = this.#closing;
    const leaseMs = sessionTimeoutMs - this.#heartbeatIntervalMs;
    while (!signal.aborted) {
      await clock.sleep(this.#heartbeatIntervalMs, signal);
      if (this.#mustRejoin || this.#held.size === 0) continue;
      if (clock.nowMs() - this.#lastAliveMs > leaseMs) {
        this.#loseMembership('no heartbeat was answered for a session');
      }
    }
  }

  async #watchProgress(): Promise<void> {
    const { clock, stallMs, options } = this.#settings;
    const { signal } = this.#closing;
    while (!signal.aborted) {
      await clock.sleep(stallMs / CHECKS_PER_STALL, signal);
      const stuck = await this.#watchdog.findStuck([...this.#held.values()]);
      if (stuck === null || signal.aborted) continue;
      options.onFatal(new Error(`nothing was fetched of ${stuck} for ${stallMs} ms, and there is more`));
      return;
    }
  }
}

function memberConfig(
  groupId: string,
  sessionTimeout: number,
  heartbeatInterval: number,
  maxBytesPerPartition: number,
): ConsumerConfig {
  return {
    groupId,
    sessionTimeout,
    heartbeatInterval,
    maxBytesPerPartition,
    maxBytes: 10 * FETCH_BYTES_MAX,
    maxWaitTimeInMs: FETCH_WAIT_MS,
    // The others wait this long for our join, which the gate may hold back for almost a session.
    rebalanceTimeout: 2 * sessionTimeout,
    allowAutoTopicCreation: false,
  };
}

function key({ topic, partition }: TopicPartition): string {
  return JSON.stringify([topic, partition]);
}
