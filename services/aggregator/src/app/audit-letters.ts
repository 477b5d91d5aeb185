/** The audit of dead letters: whatever the books call dead can be found in the store. */
import type { Bus } from '@tidemark/bus';
import type { AccountedDay, AccountedPartition } from '@tidemark/catalog';
import { DEAD_LETTERS_RETENTION_MS, DEAD_LETTERS_TOPIC, EVENTS_TOPIC } from '@tidemark/contracts';
import { DAY_MS } from '@tidemark/core';
import type { Logger, Telemetry } from '@tidemark/runtime';
import type { LetterBooks } from '@tidemark/warehouse';
import { hasReached, missingLettersOf } from '../domain/books.ts';
import type { LogEnds, MissingLetters } from '../domain/books.ts';
import { Alarm } from './audit-alarm.ts';
import { dayText } from './audit-books.ts';
import type { Books } from './audit-books.ts';
import { LETTERS_GROUP } from './letter-keeper.ts';

/** Days before today whose letters the store still has; fewer than it keeps, for it drops them by its own clock. */
const LETTER_DAYS = DEAD_LETTERS_RETENTION_MS / DAY_MS - 2;

export interface LettersAuditDependencies {
  readonly bus: Pick<Bus, 'bounds' | 'committed'>;
  readonly letters: LetterBooks;
  readonly log: Logger;
  readonly telemetry: Pick<Telemetry, 'set'>;
}

/** What the books called dead at one moment, and how far the topic of letters reached AFTER that: a letter is there before its account. */
interface DeadSample extends LogEnds {
  readonly sinceDayMs: number;
  readonly partitions: readonly AccountedPartition[];
  readonly days: readonly AccountedDay[];
}

/** A letter that was lost on its way into the store, or has gone from it, shows here once the keeper has read what there was. */
export class LettersAudit {
  private readonly on: LettersAuditDependencies;
  private readonly alarm: Alarm;
  private sample: DeadSample | null = null;
  /** Found so far; those of days that an audit leaves out stay until one covers them. */
  private missing: readonly MissingLetters[] = [];

  constructor(on: LettersAuditDependencies) {
    this.on = on;
    this.alarm = new Alarm(on.log, 'dead letters are missing');
  }

  async check({ partitions, days, sinceDayMs }: Books, todayMs: number): Promise<void> {
    const oldestMs = todayMs - LETTER_DAYS * DAY_MS;
    const since = Math.max(sinceDayMs, oldestMs);
    if (this.sample === null || since < this.sample.sinceDayMs) {
      const within = days.filter(({ dead, dayMs }) => dead > 0 && dayMs >= since && dayMs < todayMs + DAY_MS);
      const bounds = await this.on.bus.bounds(DEAD_LETTERS_TOPIC);
      this.sample = { sinceDayMs: since, partitions, days: within, bounds };
    }
    const committed = await this.on.bus.committed(LETTERS_GROUP, DEAD_LETTERS_TOPIC);
    const kept = [...committed].map(([partition, { offset }]) => ({ partition, through: offset }));
    // While the keeper is behind, the sample stays until what there was at its moment is kept.
    if (!hasReached(this.sample, kept)) return;
    await this.compare(this.sample, oldestMs);
    this.sample = null;
  }

  /** Whether letters are known to be missing of days before the instant. */
  hasOpenBefore(dayMs: number): boolean {
    return this.missing.some((missing) => missing.dayMs < dayMs);
  }

  private async compare({ sinceDayMs, partitions, days }: DeadSample, oldestMs: number): Promise<void> {
    const ranges = partitions.map(({ partition, since, through }) => ({
      partition,
      from: since,
      to: through,
    }));
    const buried =
      days.length === 0 ? [] : await this.on.letters.buriedByDay(EVENTS_TOPIC, sinceDayMs, ranges);
    const earlier = this.missing.filter(({ dayMs }) => dayMs >= oldestMs && dayMs < sinceDayMs);
    this.missing = [...earlier, ...missingLettersOf(days, buried)];
    const missing = this.missing.reduce((sum, { dead, kept }) => sum + dead - kept, 0);
    this.on.telemetry.set('tidemark_audit_missing_letters', missing);
    this.alarm.report(
      this.missing.map(({ dayMs, ...one }) => ({ day: dayText(dayMs), ...one })),
      { missing },
    );
  }
}
