/** The two audits of the books: against raw, and against what ingest has promised. */
import type { Bus } from '@tidemark/bus';
import type { AccountedPartition, Ledger } from '@tidemark/catalog';
import { EVENTS_TOPIC } from '@tidemark/contracts';
import { DAY_MS, HOUR_MS } from '@tidemark/core';
import type { Logger, Telemetry } from '@tidemark/runtime';
import type { EventStore } from '@tidemark/warehouse';
import { differencesWithRaw, hasReached, offsetsBeyond, rawResidueOf, residuesOf } from '../domain/books.ts';
import type { RawDay, RawDifference, ReceiptSample, Residue } from '../domain/books.ts';
import { Alarm } from './audit-alarm.ts';

/** The books of one moment, from a day of arrival on. */
export interface Books extends Awaited<ReturnType<Ledger['snapshot']>> {
  readonly sinceDayMs: number;
}

export interface BooksAuditDependencies {
  readonly ledger: Pick<Ledger, 'days' | 'snapshot'>;
  readonly bus: Pick<Bus, 'bounds'>;
  readonly events: Pick<EventStore, 'storedByDay'>;
  readonly log: Logger;
  readonly telemetry: Pick<Telemetry, 'set'>;
}

/** A row that is in raw twice, or not at all, shows here within one interval. */
export class RawAudit {
  private readonly on: BooksAuditDependencies;
  private readonly difference: Alarm;
  private readonly skipped: Alarm;
  /** Found so far; those of days that an audit leaves out stay until one covers them. */
  private differences: readonly RawDifference[] = [];

  constructor(on: BooksAuditDependencies) {
    this.on = on;
    this.difference = new Alarm(on.log, 'the books and raw disagree');
    this.skipped = new Alarm(on.log, 'the log had dropped records before they were read');
  }

  /** @param apart one question for each partition, which takes longer and bounds what is held in memory */
  async check({ partitions, days, sinceDayMs }: Books, apart: boolean): Promise<void> {
    const { events, telemetry } = this.on;
    this.checkSkipped(partitions);
    const ranges = partitions.map(({ partition, since, through }) => ({
      partition,
      from: since,
      to: through,
    }));
    const questions = apart ? ranges.map((range) => [range]) : [ranges];
    const raw: RawDay[] = [];
    for (const asked of questions) {
      if (asked.length > 0) raw.push(...(await events.storedByDay(EVENTS_TOPIC, sinceDayMs, asked)));
    }
    const kept = this.differences.filter(({ dayMs }) => dayMs < sinceDayMs);
    this.differences = [...kept, ...differencesWithRaw(days, raw)];
    const residue = rawResidueOf(this.differences);
    telemetry.set('tidemark_ledger_raw_residue_events', residue);
    this.difference.report(
      this.differences.map(({ dayMs, ...one }) => ({ day: dayText(dayMs), ...one })),
      { residue },
    );
  }

  /** Whether differences are known in days before the instant. */
  hasOpenBefore(dayMs: number): boolean {
    return this.differences.some((difference) => difference.dayMs < dayMs);
  }

  private checkSkipped(partitions: readonly AccountedPartition[]): void {
    const some = partitions.filter(({ skipped }) => skipped > 0);
    const total = some.reduce((sum, { skipped }) => sum + skipped, 0);
    this.on.telemetry.set('tidemark_ledger_skipped_offsets', total);
    this.skipped.report(some, { skipped: total });
  }
}

/** An audit that finds a residue alone is not believed: the next one must find it too. */
const AUDITS_WITH_RESIDUE = 2;
/** Days of arrival whose acknowledged events are looked for, today among them: whoever mends a loss has the week that the bus keeps events for. */
const RECEIPT_DAYS = 8;
/** How often the days before yesterday are looked at again: what ingest could not write down for long is written late. */
const OLD_DAYS_INTERVAL_MS = HOUR_MS;

/**
 * An acknowledged event that is nowhere shows here, once the log is read as far as it reached when it was acknowledged; see `residuesOf`
 * for what is found at once and what when its day is over. It stays as long as its day is looked at, whatever is sent afterwards.
 */
export class ReceiptAudit {
  private readonly on: BooksAuditDependencies;
  private readonly alarm: Alarm;
  private sample: ReceiptSample | null = null;
  private oldDaysDueAtMs = Number.NEGATIVE_INFINITY;
  private residues: readonly Residue[] = [];
  private withResidue = 0;

  constructor(on: BooksAuditDependencies) {
    this.on = on;
    this.alarm = new Alarm(on.log, 'acknowledged events are nowhere');
  }

  async check({ partitions }: Books, nowMs: number): Promise<void> {
    const todayMs = Math.floor(nowMs / DAY_MS) * DAY_MS;
    if (this.sample !== null) {
      // Behind a backlog the sample stays until the backlog of its moment is worked off.
      if (!hasReached(this.sample, partitions)) return;
      await this.compare(this.sample, todayMs);
    }
    // What was found once is looked for again whatever its day.
    const isWhole = nowMs >= this.oldDaysDueAtMs || this.withResidue === 1;
    const fromDayMs = isWhole ? oldestDayMs(todayMs) : todayMs - DAY_MS;
    const toDayMs = todayMs + DAY_MS;
    const days = await this.on.ledger.days(EVENTS_TOPIC, null, fromDayMs, toDayMs);
    // After the receipts: what they count was in the log by then.
    const bounds = await this.on.bus.bounds(EVENTS_TOPIC);
    this.sample = { fromDayMs, toDayMs, days, bounds };
    if (isWhole) this.oldDaysDueAtMs = nowMs + OLD_DAYS_INTERVAL_MS;
  }

  private async compare(sample: ReceiptSample, todayMs: number): Promise<void> {
    const { ledger, events, telemetry } = this.on;
    const { fromDayMs } = sample;
    const { partitions, days } = await ledger.snapshot(EVENTS_TOPIC, fromDayMs);
    const ranges = offsetsBeyond(sample, partitions);
    const beyond = ranges.length === 0 ? [] : await events.storedByDay(EVENTS_TOPIC, fromDayMs, ranges);
    const kept = this.residues.filter(({ dayMs }) => dayMs >= oldestDayMs(todayMs) && dayMs < fromDayMs);
    this.residues = [...kept, ...residuesOf(sample, days, beyond)];
    const residue = this.residues.reduce((sum, one) => sum + one.residue, 0);
    telemetry.set('tidemark_ledger_residue_events', residue);
    this.withResidue = residue === 0 ? 0 : this.withResidue + 1;
    const believed = this.withResidue >= AUDITS_WITH_RESIDUE ? this.residues : [];
    this.alarm.report(
      believed.map(({ dayMs, ...one }) => ({ day: dayText(dayMs), ...one })),
      { residue },
      // The figures of a day that runs are others at each audit.
      believed.map(({ organization, dayMs, residue: missing }) => [
        organization,
        dayMs,
        dayMs < todayMs ? missing : null,
      ]),
    );
  }
}

function oldestDayMs(todayMs: number): number {
  return todayMs - (RECEIPT_DAYS - 1) * DAY_MS;
}

/** A UTC day as people write it. */
export function dayText(dayMs: number): string {
  return new Date(dayMs).toISOString().slice(0, 10);
}
