/** Executes the commands of the partition machine over the ports, one at a time, until the partition is lost. */
import { AppError, assertNever, isAppError, MINUTE_MS } from '@tidemark/core';
import type { Clock } from '@tidemark/core';
import type { AssignedPartition, Bus } from '@tidemark/bus';
import type { PipelineState } from '@tidemark/catalog';
import {
  DEAD_LETTERS_TOPIC,
  deadLetterKey,
  encodeDeadLetter,
  encodeFlush,
  FLUSHES_TOPIC,
} from '@tidemark/contracts';
import type { EventBatch, EventStore } from '@tidemark/warehouse';
import type { Logger } from '@tidemark/runtime';
import { identityKey, identityText, parseIdentity } from '../domain/identity.ts';
import { minutesByOrganization } from '../domain/batch.ts';
import type { Candidate, Poison, TouchedMinute } from '../domain/batch.ts';
import { bucketsOf, MarkMemory } from '../domain/marks.ts';
import { evolve, initialState, nextCommand, tallyOf } from '../domain/partition-machine.ts';
import type { Command, Outcome, State, Tally } from '../domain/partition-machine.ts';
import { SeenIdentities } from '../domain/seen-identities.ts';
import { ownRow, parseVouchedFor, toDeadLetter, toEventBatch, vouchedForText } from './partition-records.ts';
import type { ProgressRecorder } from './progress-recorder.ts';

export interface DriverOptions {
  readonly batchRecordsMax: number;
  /** How long a batch is collected for: the price of fewer, larger inserts. */
  readonly batchWaitMs: number;
  readonly dedupeWindowMs: number;
  /** Millions of identities remembered for the window, 1.5 MiB each. */
  readonly dedupeBlocksMax: number;
}

export interface DriverDependencies {
  readonly bus: Bus;
  readonly events: EventStore;
  readonly pipeline: PipelineState;
  readonly progress: ProgressRecorder;
  readonly clock: Clock;
  readonly log: Logger;
  /** [0, 1): jitter of pauses. */
  readonly random: () => number;
  readonly onBatch: (tally: Tally) => void;
  readonly onRetry: (command: Command['kind']) => void;
}

const RETRY_FIRST_MS = 100;
const RETRY_LONGEST_MS = 5_000;
/** Offsets whose identities are fetched at a time when the window is read back after an assignment. */
const WARM_UP_OFFSETS = 250_000;
/** How far the arrivals of neighbouring records may be out of order: clocks of several ingests, publishes under way. */
const ARRIVAL_JITTER_MS = MINUTE_MS;
/** How long the record that raw was last made from is waited for. */
const LOG_CHECK_WAIT_MS = 5_000;
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
  private storedThrough = 0;
  private committedOffset = 0;
  /** Behind the last row of ours in raw: what a commit vouches for. */
  private rawThrough = 0;
  /** What the last insert carried, until it is known to have landed. */
  private inFlight: readonly Candidate[] = [];

  constructor(partition: AssignedPartition, dependencies: DriverDependencies, options: DriverOptions) {
    this.partition = partition;
    this.on = dependencies;
    this.options = options;
    this.seen = this.createSeen();
  }

  private createSeen(): SeenIdentities {
    const { dedupeWindowMs: windowMs, dedupeBlocksMax: blocksMax } = this.options;
    return new SeenIdentities({ windowMs, blocksMax });
  }

  async run(): Promise<void> {
    let state: State = initialState;
    let failures = 0;
    while (!this.partition.lost.aborted) {
      const command = nextCommand(state);
      if (command.kind === 'halt') throw new PartitionHalted(this.partition, command.reason);
      let outcome: Outcome;
      try {
        outcome = await this.execute(command);
      } catch (error) {
        if (this.partition.lost.aborted || isAppError(error, 'partition-lost')) return;
        if (!isAppError(error) || !error.retryable) throw error;
        failures += 1;
        await this.pause(command, failures, error);
        continue;
      }
      failures = 0;
      const tally = tallyOf(state);
      state = evolve(state, outcome);
      if (tally !== null) this.committed(tally);
    }
  }

  private async pause(command: Command, failures: number, error: Error): Promise<void> {
    const ceiling = Math.min(RETRY_LONGEST_MS, RETRY_FIRST_MS * 2 ** Math.min(failures - 1, 10));
    const pauseMs = ceiling * (0.5 + this.on.random() / 2);
    this.on.onRetry(command.kind);
    this.on.log.warn(
      { err: error, partition: this.partition.partition, command: command.kind, failures, pauseMs },
      'a step of the pipeline failed; it is tried again',
    );
    await this.on.clock.sleep(pauseMs, this.partition.lost);
  }

  private committed(tally: Tally & { readonly nextOffset: number; readonly arrivedThroughMs: number }): void {
    this.storedThrough = tally.nextOffset;
    this.on.onBatch(tally);
    this.progressed(tally.nextOffset, tally.arrivedThroughMs);
  }

  private progressed(nextOffset: number, arrivedThroughMs: number): void {
    const { topic, partition } = this.partition;
    this.marks.progressed(arrivedThroughMs);
    this.on.progress.record({ topic, partition, nextOffset, arrivedThroughMs });
  }

  private execute(command: Exclude<Command, { kind: 'halt' }>): Promise<Outcome> {
    switch (command.kind) {
      case 'recover':
        return this.recover();
      case 'read':
        return this.read();
      case 'find-stored':
        return this.findStored(command.candidates);
      case 'bury':
        return this.bury(command.poison);
      case 'insert':
        return this.insert(command.rows);
      case 'probe-own':
        return this.probe(toEventBatch(this.partition, [ownRow(this.on.clock.nowMs())]));
      case 'probe':
        return this.probe(toEventBatch(this.partition, command.rows));
      case 'verify':
        return this.verify(command.from, command.to);
      case 'mark':
        return this.mark(command.minutes);
      case 'announce':
        return this.announce(command);
      case 'commit':
        return this.commit(command.offset);
      default:
        return assertNever(command);
    }
  }

  private async recover(): Promise<Outcome> {
    const { events, log } = this.on;
    const { topic, partition, committed } = this.partition;
    const nextOffset = committed?.offset ?? 0;
    const vouchedFor = parseVouchedFor(committed?.metadata ?? '');
    // What an earlier owner still writes must have landed before we look.
    await this.assertNoInsertRuns();
    const highWater =
      (await events.highWater(this.partition, Math.max(0, vouchedFor - 1))) ??
      (await events.highWater(this.partition, 0));
    const storedThrough = highWater === null ? 0 : highWater.offset + 1;
    const { startOffset, endOffset } = await this.partition.bounds();
    const isSameLog =
      highWater === null ||
      highWater.offset < startOffset ||
      highWater.offset >= endOffset ||
      (await this.isInLog(highWater));
    const unmarked = storedThrough > nextOffset ? await events.minutesFrom(this.partition, nextOffset) : [];
    await this.inherit();
    // Behind what raw holds there may be copies and dead letters, which are not read again; unless raw has lost rows.
    const isWhole = storedThrough >= vouchedFor;
    const wanted = isWhole ? Math.max(storedThrough, nextOffset) : storedThrough;
    if (!isWhole)
      log.error({ topic, partition, storedThrough, vouchedFor }, 'raw has lost rows: the log is read again');
    if (wanted < startOffset)
      log.error(
        { topic, partition, wanted, startOffset },
        'the log has dropped records that were not stored',
      );
    this.rawThrough = storedThrough;
    this.storedThrough = Math.max(wanted, startOffset);
    this.committedOffset = nextOffset;
    if (storedThrough <= endOffset) this.partition.seek(this.storedThrough);
    return { kind: 'recovered', nextOffset, storedThrough, endOffset, isSameLog, unmarked };
  }

  /** Whether the log holds, at the offset of the last row in raw, the record that row was made from. */
  private async isInLog(row: { readonly offset: number; readonly receivedAtMs: number }): Promise<boolean> {
    this.partition.seek(row.offset);
    const [record] = await this.partition.read({ maxRecords: 1, maxWaitMs: LOG_CHECK_WAIT_MS });
    if (record === undefined)
      throw new AppError('bus-unavailable', `the record at offset ${row.offset} does not come`);
    return record.offset === row.offset && record.timestampMs === row.receivedAtMs;
  }

  /** @throws warehouse-unavailable while an insert of this partition runs, so that the step is tried again */
  private async assertNoInsertRuns(): Promise<void> {
    if (!(await this.on.events.insertRunning(this.partition))) return;
    throw new AppError('warehouse-unavailable', 'an insert of this partition is still running');
  }

  /**
   * Takes over what earlier owners have said and stored: buckets that their progress has closed may have been claimed, so their
   * marks are not to be spared; and with the identities of the window read back, a new event costs no look-up from the first
   * batch on. The window is that of the oldest event not stored yet, not that of this moment: there may be a backlog.
   */
  private async inherit(): Promise<void> {
    const { events, pipeline, clock } = this.on;
    const { topic, partition } = this.partition;
    const known = (await pipeline.progress(topic)).find((entry) => entry.partition === partition);
    const arrivedThroughMs = known?.arrivedThroughMs ?? 0;
    this.marks.progressed(arrivedThroughMs);
    const oldestMs = Math.min(clock.nowMs(), arrivedThroughMs) - ARRIVAL_JITTER_MS;
    const sinceMs = Math.max(0, oldestMs - this.options.dedupeWindowMs);
    this.seen = this.createSeen();
    this.seen.assumeCompleteSince(sinceMs);
    const range = await events.offsetsSince(this.partition, sinceMs);
    if (range === null) return;
    for (let from = range.from; from <= range.to; from += WARM_UP_OFFSETS) {
      if (this.partition.lost.aborted) return;
      const page = await events.identitiesWithin(this.partition, from, from + WARM_UP_OFFSETS - 1);
      for (const row of page) this.seen.add(parseIdentity(row.identity), row.receivedAtMs);
    }
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
    if (Math.max(this.storedThrough, startOffset) >= endOffset) this.progressed(endOffset, askedAtMs);
  }

  private async findStored(candidates: readonly Candidate[]): Promise<Outcome> {
    const doubtful = candidates.filter((candidate) =>
      this.seen.mayHave(candidate.identity, candidate.receivedAtMs),
    );
    if (doubtful.length === 0) return { kind: 'stored-found', keys: new Set() };
    const oldest = Math.min(...doubtful.map((candidate) => candidate.receivedAtMs));
    const found = await this.on.events.findStored(
      doubtful.map((candidate) => identityText(candidate.identity)),
      oldest - this.options.dedupeWindowMs,
    );
    return {
      kind: 'stored-found',
      keys: new Set(found.map((row) => identityKey(row.organization, row.source, row.id))),
    };
  }

  private async bury(poison: readonly Poison[]): Promise<Outcome> {
    const { topic, partition } = this.partition;
    const letters = poison.map((one) => toDeadLetter(this.partition, one));
    await this.on.bus.publish(
      DEAD_LETTERS_TOPIC,
      letters.map((letter) => ({
        key: deadLetterKey(letter.coordinate),
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

  private async insert(rows: readonly Candidate[]): Promise<Outcome> {
    this.inFlight = rows;
    try {
      await this.on.events.insert(toEventBatch(this.partition, rows));
    } catch (error) {
      if (isAppError(error, 'insert-in-doubt')) return { kind: 'insert-in-doubt' };
      if (isAppError(error, 'insert-refused')) return { kind: 'insert-refused', detail: error.message };
      throw error;
    }
    this.landed();
    return { kind: 'inserted' };
  }

  private landed(): void {
    for (const row of this.inFlight) this.seen.add(row.identity, row.receivedAtMs);
    const last = this.inFlight.at(-1);
    if (last !== undefined) this.rawThrough = last.offset + 1;
    this.inFlight = [];
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

  private async verify(from: number, to: number): Promise<Outcome> {
    await this.assertNoInsertRuns();
    const rowCount = await this.on.events.countRange(this.partition, from, to);
    if (rowCount === this.inFlight.length) this.landed();
    return { kind: 'verified', rowCount };
  }

  private async mark(minutes: readonly TouchedMinute[]): Promise<Outcome> {
    const nowMs = this.on.clock.nowMs();
    const needed = this.marks.needed(bucketsOf(minutes), nowMs);
    if (needed.length > 0) {
      await this.on.pipeline.markDirty(needed, nowMs);
      this.marks.remember(needed);
    }
    return { kind: 'marked' };
  }

  private async announce(command: Extract<Command, { kind: 'announce' }>): Promise<Outcome> {
    const flushes = [...minutesByOrganization(command.minutes)].flatMap(([organization, minutes]) =>
      chunks(minutes, FLUSH_MINUTES_MAX).map((buckets) => ({ organization, buckets })),
    );
    if (flushes.length > 0) {
      const { partition } = this.partition;
      const { nextOffset, arrivedThroughMs } = command;
      await this.on.bus.publish(
        FLUSHES_TOPIC,
        flushes.map((flush) => ({
          key: flush.organization,
          value: encodeFlush({ ...flush, partition, nextOffset, arrivedThroughMs }),
          headers: {},
          timestampMs: this.on.clock.nowMs(),
        })),
      );
    }
    return { kind: 'announced' };
  }

  private async commit(offset: number): Promise<Outcome> {
    // What was read again lies below what is committed; a committed offset never goes back.
    if (offset > this.committedOffset) {
      await this.partition.commit({ offset, metadata: vouchedForText(this.rawThrough) });
      this.committedOffset = offset;
    }
    return { kind: 'committed' };
  }
}

function chunks<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  const parts: (readonly T[])[] = [];
  for (let start = 0; start < items.length; start += size) parts.push(items.slice(start, start + size));
  return parts;
}
