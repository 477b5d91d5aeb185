/** Executes the commands of the partition machine over the ports, one at a time, until the partition is lost. */
import { AppError, assertNever, isAppError, MINUTE_MS, SECOND_MS } from '@tidemark/core';
import type { Clock } from '@tidemark/core';
import type { AssignedPartition, Bus, CommittedOffset } from '@tidemark/bus';
import type { Ledger, PipelineState } from '@tidemark/catalog';
import { DEAD_LETTERS_TOPIC, encodeDeadLetter, encodeFlush, FLUSHES_TOPIC } from '@tidemark/contracts';
import type { EventBatch, EventStore } from '@tidemark/warehouse';
import type { Logger } from '@tidemark/runtime';
import { minutesByOrganization, touchedMinutes } from '../domain/batch.ts';
import type { Batch, Poison, TouchedMinute } from '../domain/batch.ts';
import { insertToken, intentOf, toAccount } from '../domain/batch-work.ts';
import type { Intent, Work } from '../domain/batch-work.ts';
import { identityKey, identityText } from '../domain/identity.ts';
import { bucketsOf, MarkMemory } from '../domain/marks.ts';
import {
  evolve,
  initialState,
  isReplayDisplaced,
  nextCommand,
  startOf,
} from '../domain/partition-machine.ts';
import type { MachineLimits, State } from '../domain/partition-machine.ts';
import type { Command, Outcome } from '../domain/partition-messages.ts';
import { SeenIdentities } from '../domain/seen-identities.ts';
import { commitMetadataText, ownRow, toDeadLetter, toEventBatch } from './partition-records.ts';
import { assertNoInsertRuns, inheritSeen, recoverPartition } from './partition-recovery.ts';
import type { ProgressRecorder } from './progress-recorder.ts';
import { retryUntilLost } from './retry.ts';

export interface DriverOptions extends MachineLimits {
  readonly batchRecordsMax: number;
  /** How long a batch is collected for: the price of fewer, larger inserts. */
  readonly batchWaitMs: number;
  readonly dedupeWindowMs: number;
  /** Millions of identities remembered for the window, 1.5 MiB each. */
  readonly dedupeBlocksMax: number;
  /** Identities in one of them, when it is not a million: a simulation fills them sooner. */
  readonly dedupeBlockCapacity?: number;
}

/** `hold` is a part of `insert`. */
export type Step = Exclude<Command['kind'], 'halt'> | 'hold';

/** What became of the records of a batch; `conflict` is a part of `duplicate`, the others sum to the number of records. */
export interface Tally {
  readonly stored: number;
  readonly duplicate: number;
  readonly conflict: number;
  readonly dead: number;
}

export interface DriverDependencies {
  readonly bus: Pick<Bus, 'publish'>;
  readonly events: EventStore;
  readonly pipeline: Pick<PipelineState, 'holdDirty' | 'markDirty' | 'progress'>;
  readonly ledger: Pick<Ledger, 'account' | 'accountedThrough'>;
  readonly progress: ProgressRecorder;
  readonly clock: Clock;
  readonly log: Logger;
  /** [0, 1): jitter of pauses. */
  readonly random: () => number;
  readonly onBatch: (tally: Tally) => void;
  readonly onRetry: (command: Command['kind']) => void;
  /** After each step that succeeded, with the pauses of those of its tries that did not. */
  readonly onStep: (step: Step, durationMs: number) => void;
}

/** Far below the time in which the engine forgets a token (`EVENTS_TOKENS_REMEMBERED`), above that of a slow commit. */
const INTENT_FRESH_MS = 5 * SECOND_MS;
/** Longer than the marking of a large batch on a slow catalog. */
const HOLD_FRESH_MS = 20 * SECOND_MS;
/** Longer than an insert lives that nobody waits for any more: its time-out in the engine, and the way there. */
const INSERT_LIFE_MS = MINUTE_MS;
/** Longer than an insert can land after its buckets were held, with room for clocks that differ. */
const HOLD_MS = INSERT_LIFE_MS + HOLD_FRESH_MS + 10 * SECOND_MS;
/** How long raw is believed to hold what it held, while nothing fails. */
const RAW_SEEN_MS = 10 * SECOND_MS;
/** Minutes named in one flush message. */
const FLUSH_MINUTES_MAX = 5_000;

/** A partition that must not go on: its reason is for people. */
export class PartitionHalted extends Error {
  constructor(partition: AssignedPartition, reason: string) {
    super(`Partition ${partition.topic}/${partition.partition} stopped: ${reason}`);
    this.name = 'PartitionHalted';
  }
}

/**
 * Resolves when the partition is lost.
 * @throws PartitionHalted when going on could lose or double events; any other Error is a bug
 */
export async function drivePartition(
  partition: AssignedPartition,
  dependencies: DriverDependencies,
  options: DriverOptions,
): Promise<void> {
  const driver = new PartitionDriver(partition, dependencies, options);
  await driver.run();
}

class PartitionDriver {
  private readonly partition: AssignedPartition;
  private readonly on: DriverDependencies;
  private readonly options: DriverOptions;
  private seen: SeenIdentities;
  private readonly marks = new MarkMemory();
  /** Everything before this offset is stored, buried or a copy. */
  private settledThrough = 0;
  private committed: CommittedOffset | null;
  /** When the group was last asked to take our word of what is about to be inserted; -Infinity: not in this spell. */
  private intendedAtMs = Number.NEGATIVE_INFINITY;
  /** When raw was last seen to hold its last row of ours; -Infinity: it must be looked at, the warehouse has been away. */
  private rawSeenAtMs = Number.NEGATIVE_INFINITY;
  /** Behind the last row in raw, and what earlier commits have vouched for. */
  private rawThrough = 0;
  private vouchedThrough = 0;

  constructor(partition: AssignedPartition, dependencies: DriverDependencies, options: DriverOptions) {
    this.partition = partition;
    this.on = dependencies;
    this.options = options;
    this.seen = this.createSeen();
    this.committed = partition.committed;
  }

  private createSeen(): SeenIdentities {
    const { dedupeWindowMs: windowMs, dedupeBlocksMax: blocksMax, dedupeBlockCapacity } = this.options;
    const capacity = dedupeBlockCapacity === undefined ? {} : { blockCapacity: dedupeBlockCapacity };
    return new SeenIdentities({ windowMs, blocksMax, ...capacity });
  }

  async run(): Promise<void> {
    let state: State = initialState;
    while (!this.partition.lost.aborted) {
      const command = nextCommand(state);
      if (command.kind === 'halt') {
        if (await this.isOurs()) throw new PartitionHalted(this.partition, command.reason);
        return;
      }
      const startedAtMs = this.on.clock.nowMs();
      const done = await this.untilDone(command.kind, () => this.execute(command));
      if (done === null) return;
      this.on.onStep(command.kind, this.on.clock.nowMs() - startedAtMs);
      state = evolve(state, done.value, this.options);
    }
  }

  /**
   * What looks impossible to a stale owner, which does not know yet that it is one, is what its successor has done meanwhile. Only the
   * owner can commit; what is committed already, to change nothing.
   */
  private async isOurs(): Promise<boolean> {
    const { committed } = this;
    if (committed === null) return true;
    return (await this.untilDone('commit', () => this.partition.commit(committed))) !== null;
  }

  /** Null when the partition was lost. */
  private untilDone<T>(
    command: Command['kind'],
    step: () => Promise<T>,
  ): Promise<{ readonly value: T } | null> {
    const { clock, random, log, onRetry } = this.on;
    return retryUntilLost(step, {
      clock,
      random,
      lost: this.partition.lost,
      onRetry: (error, failures, pauseMs) => {
        onRetry(command);
        // What comes back may be a backup.
        this.rawSeenAtMs = Number.NEGATIVE_INFINITY;
        log.warn(
          { err: error, partition: this.partition.partition, command, failures, pauseMs },
          'a step of the pipeline failed; it is tried again',
        );
      },
    });
  }

  private execute(command: Exclude<Command, { kind: 'halt' }>): Promise<Outcome> {
    switch (command.kind) {
      case 'recover':
        return this.recover();
      case 'read':
        return this.read();
      case 'find-own':
        return this.findOwn(command.batch);
      case 'find-stored':
        return this.findStored(command.batch);
      case 'bury':
        return this.bury(command.poison);
      case 'intend':
        return this.intend(command.intent);
      case 'insert':
        return this.insert(command.work);
      case 'probe-own':
        return this.probe(toEventBatch(this.partition, [ownRow(this.on.clock.nowMs())]));
      case 'probe':
        return this.probe(toEventBatch(this.partition, command.rows));
      case 'verify':
        return this.verify(command.work.batch);
      case 'mark':
        return this.mark(command.minutes);
      case 'announce':
        return this.announce(command.minutes, command.batch);
      case 'account':
        return this.account(command.work, command.from);
      case 'commit':
        return this.commit(command.work);
      default:
        return assertNever(command);
    }
  }

  private async recover(): Promise<Outcome> {
    const { topic, partition } = this.partition;
    let outcome = await recoverPartition(this.partition, this.committed, this.on);
    if (isReplayDisplaced(outcome)) {
      await this.on.clock.sleep(INSERT_LIFE_MS, this.partition.lost);
      outcome = await recoverPartition(this.partition, this.committed, this.on);
    }
    this.seen = this.createSeen();
    const arrivedThroughMs = await inheritSeen(
      this.partition,
      this.seen,
      this.options.dedupeWindowMs,
      this.on,
    );
    // Buckets that the progress of an earlier owner has closed may have been claimed: their marks are not to be spared.
    this.marks.progressed(arrivedThroughMs);
    const { storedThrough, vouchedThrough, startOffset, accountedThrough, committed, endOffset } = outcome;
    const start = startOf(outcome);
    if (storedThrough < vouchedThrough) {
      const fields = { topic, partition, storedThrough, vouchedThrough };
      this.on.log.error(fields, 'raw has lost rows: the log is read again');
    }
    if (start > (accountedThrough ?? committed)) {
      const fields = { topic, partition, accountedThrough, committed, startOffset };
      this.on.log.error(fields, 'the log has dropped records that were not stored');
    }
    this.rawThrough = storedThrough;
    this.vouchedThrough = vouchedThrough;
    this.settledThrough = start;
    if (start <= endOffset) this.partition.seek(start);
    return outcome;
  }

  private async read(): Promise<Outcome> {
    const records = await this.partition.read({
      maxRecords: this.options.batchRecordsMax,
      maxWaitMs: this.options.batchWaitMs,
    });
    if (records.length === 0) await this.noteIdle();
    return { kind: 'records', records };
  }

  /** A partition without anything to read is as far as the clock: an idle one must not hold the others' buckets open. */
  private async noteIdle(): Promise<void> {
    const askedAtMs = this.on.clock.nowMs();
    const { startOffset, endOffset } = await this.partition.bounds();
    // What retention has dropped is nowhere to be read from any more.
    if (Math.max(this.settledThrough, startOffset) < endOffset) return;
    // An earlier owner has kept the books and died before it committed; no batch may come that commits it.
    if (this.settledThrough > (this.committed?.offset ?? 0)) await this.write(this.settledThrough, null);
    this.marks.progressed(askedAtMs);
    const { topic, partition } = this.partition;
    this.on.progress.record({ topic, partition, nextOffset: endOffset, arrivedThroughMs: askedAtMs });
  }

  private async findOwn({ from, to, candidates }: Batch): Promise<Outcome> {
    const own = await this.on.events.identitiesWithin(this.partition, from, to);
    const identities = new Set(own.map((row) => row.identity));
    const present = candidates.filter((candidate) => identities.has(identityText(candidate.identity)));
    return { kind: 'own-found', keys: new Set(present.map((candidate) => candidate.key)) };
  }

  private async findStored({ candidates, from, to }: Batch): Promise<Outcome> {
    const doubtful = candidates.filter((candidate) =>
      this.seen.mayHave(candidate.identity, candidate.receivedAtMs),
    );
    if (doubtful.length === 0) return { kind: 'stored-found', contents: new Map() };
    const { topic, partition } = this.partition;
    const oldest = Math.min(...doubtful.map((candidate) => candidate.receivedAtMs));
    const found = await this.on.events.findStored(
      doubtful.map((candidate) => identityText(candidate.identity)),
      oldest - this.options.dedupeWindowMs,
      { topic, partition, from, to },
    );
    // The window of each event is its own: whatever else is in the batch, a replay decides the same.
    const arrivals = new Map(doubtful.map(({ key, receivedAtMs }) => [key, receivedAtMs]));
    const contents = new Map<string, number>();
    for (const row of found) {
      const key = identityKey(row.organization, row.source, row.id);
      const arrivedAtMs = arrivals.get(key) ?? Number.POSITIVE_INFINITY;
      if (row.receivedAtMs >= arrivedAtMs - this.options.dedupeWindowMs)
        contents.set(key, Number(row.content));
    }
    return { kind: 'stored-found', contents };
  }

  private async bury(poison: readonly Poison[]): Promise<Outcome> {
    const { topic, partition } = this.partition;
    const letters = poison.map((one) => toDeadLetter(this.partition, one));
    await this.on.bus.publish(
      DEAD_LETTERS_TOPIC,
      letters.map((letter) => ({
        key: letter.id,
        value: encodeDeadLetter(letter),
        headers: {},
        timestampMs: letter.arrivedAtMs,
      })),
    );
    this.on.log.warn(
      { topic, partition, count: letters.length, code: letters[0]?.code },
      'records became dead letters',
    );
    return { kind: 'buried' };
  }

  private async intend(intent: Intent): Promise<Outcome> {
    // Not when the answer is read: that may be minutes after the group gave it, by a process that was stopped.
    const askedAtMs = this.on.clock.nowMs();
    await this.write(intent.from, intent);
    this.intendedAtMs = askedAtMs;
    return { kind: 'intended' };
  }

  private async insert(work: Work): Promise<Outcome> {
    const { topic, partition } = this.partition;
    if (await this.hasRawLostRows()) {
      const { rawThrough } = this;
      this.on.log.error({ topic, partition, rawThrough }, 'raw has lost rows since the last insert');
      return { kind: 'raw-lost' };
    }
    try {
      const token = insertToken(topic, partition, work);
      const batch = toEventBatch(this.partition, work.rows);
      await this.on.events.insert(batch, token, () => this.beforeSend(work));
    } catch (error) {
      if (isAppError(error, 'insert-in-doubt')) {
        this.rawSeenAtMs = Number.NEGATIVE_INFINITY;
        return { kind: 'insert-in-doubt' };
      }
      if (isAppError(error, 'insert-refused')) return { kind: 'insert-refused', detail: error.message };
      throw error;
    }
    return { kind: 'inserted' };
  }

  /**
   * Holds the closed buckets of the rows: until they are marked again, an answer that has counted a row is not replaced by one made
   * without it. And a process that was stopped for long may have lost the partition without knowing it, while the engine forgets
   * tokens: what was written down a while ago is written down again, which only the owner can.
   */
  private async beforeSend(work: Work): Promise<void> {
    const askedAtMs = this.on.clock.nowMs();
    const buckets = this.marks.closable(bucketsOf(touchedMinutes(work.rows)), askedAtMs);
    if (buckets.length > 0) {
      const hold = { holder: this.holder, untilMs: askedAtMs + HOLD_MS };
      await this.on.pipeline.holdDirty(buckets, askedAtMs, hold);
      this.on.onStep('hold', this.on.clock.nowMs() - askedAtMs);
    }
    if (!this.isIntentFresh()) await this.intend(intentOf(work));
    if (!this.isIntentFresh() || !isWithin(askedAtMs, HOLD_FRESH_MS, this.on.clock.nowMs()))
      throw new AppError('bus-unavailable', 'what is to be sent was written down too long ago');
  }

  private isIntentFresh(): boolean {
    return isWithin(this.intendedAtMs, INTENT_FRESH_MS, this.on.clock.nowMs());
  }

  /** The same for every owner of the partition. */
  private get holder(): string {
    return `${this.partition.topic}/${this.partition.partition}`;
  }

  /** A row behind a hole would vouch for the hole. */
  private async hasRawLostRows(): Promise<boolean> {
    const nowMs = this.on.clock.nowMs();
    if (this.rawThrough === 0 || isWithin(this.rawSeenAtMs, RAW_SEEN_MS, nowMs)) return false;
    if ((await this.on.events.highWater(this.partition, this.rawThrough - 1)) === null) return true;
    this.rawSeenAtMs = nowMs;
    return false;
  }

  private async probe(batch: EventBatch): Promise<Outcome> {
    try {
      await this.on.events.probe(batch);
    } catch (error) {
      if (isAppError(error, 'insert-refused'))
        return { kind: 'probed', acceptable: false, detail: error.message };
      throw error;
    }
    return { kind: 'probed', acceptable: true, detail: '' };
  }

  private async verify({ from, to }: Batch): Promise<Outcome> {
    await assertNoInsertRuns(this.partition, this.on.events);
    return { kind: 'verified', rowCount: await this.on.events.countRange(this.partition, from, to) };
  }

  private async mark(minutes: readonly TouchedMinute[]): Promise<Outcome> {
    const nowMs = this.on.clock.nowMs();
    const needed = this.marks.needed(bucketsOf(minutes), nowMs);
    if (needed.length > 0) {
      await this.on.pipeline.markDirty(needed, nowMs, this.holder);
      this.marks.remember(needed);
    }
    return { kind: 'marked' };
  }

  private async announce(minutes: readonly TouchedMinute[], batch: Batch): Promise<Outcome> {
    const flushes = [...minutesByOrganization(minutes)].flatMap(([organization, starts]) =>
      chunks(starts, FLUSH_MINUTES_MAX).map((buckets) => ({ organization, buckets })),
    );
    if (flushes.length > 0) {
      const { partition } = this.partition;
      const reached = { partition, nextOffset: batch.to + 1, arrivedThroughMs: batch.arrivedThroughMs };
      await this.on.bus.publish(
        FLUSHES_TOPIC,
        flushes.map((flush) => ({
          key: flush.organization,
          value: encodeFlush({ ...flush, ...reached }),
          headers: {},
          timestampMs: this.on.clock.nowMs(),
        })),
      );
    }
    return { kind: 'announced' };
  }

  private async account(work: Work, from: number): Promise<Outcome> {
    const { topic, partition } = this.partition;
    // The books also tell how far the partition is stored: what may close buckets must be known here before.
    this.marks.progressed(work.batch.arrivedThroughMs);
    const through = await this.on.ledger.account(toAccount(topic, partition, work, from));
    return { kind: 'accounted', through };
  }

  private async commit(work: Work): Promise<Outcome> {
    const { batch, present, rows, copies, refused } = work;
    const last = Math.max(present.at(-1)?.offset ?? -1, rows.at(-1)?.offset ?? -1);
    const rawThrough = Math.max(this.rawThrough, last + 1);
    await this.write(batch.to + 1, null, rawThrough);
    this.rawThrough = rawThrough;
    this.settledThrough = batch.to + 1;
    // Those present may have landed after the window was read back.
    for (const row of [...present, ...rows]) this.seen.add(row.identity, row.receivedAtMs);
    this.on.onBatch({
      stored: present.length + rows.length,
      duplicate: copies.length,
      conflict: copies.filter((copy) => copy.isConflict).length,
      dead: batch.poison.length + refused.length,
    });
    return { kind: 'committed' };
  }

  /** A committed offset never goes back, nor does what a commit vouches for while raw is made whole again. */
  private async write(offset: number, intent: Intent | null, rawThrough = this.rawThrough): Promise<void> {
    const isWhole = offset >= this.vouchedThrough;
    const vouched = isWhole ? rawThrough : Math.max(rawThrough, this.vouchedThrough);
    const metadata = commitMetadataText({ rawThrough: vouched, intent });
    const committed = { offset: Math.max(offset, this.committed?.offset ?? 0), metadata };
    await this.partition.commit(committed);
    this.committed = committed;
  }
}

/** False also for an instant ahead of now: the clock was set back. */
function isWithin(atMs: number, durationMs: number, nowMs: number): boolean {
  return atMs <= nowMs && nowMs - atMs <= durationMs;
}

function chunks<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  const parts: (readonly T[])[] = [];
  for (let start = 0; start < items.length; start += size) parts.push(items.slice(start, start + size));
  return parts;
}
