/** The auditor: holds the books to raw and to ingest, rollups to raw, and looks for copies, all the time and at little cost. */
import { DAY_MS, HOUR_MS, isAppError } from '@tidemark/core';
import type { OrganizationId } from '@tidemark/core';
import type { Bus } from '@tidemark/bus';
import type { Ledger } from '@tidemark/catalog';
import { EVENTS_TOPIC } from '@tidemark/contracts';
import type { Telemetry } from '@tidemark/runtime';
import type { EventStore } from '@tidemark/warehouse';
import { RawAudit, ReceiptAudit } from './audit-books.ts';
import type { Books } from './audit-books.ts';
import { CopiesAudit } from './audit-copies.ts';
import type { CopiesAuditDependencies } from './audit-copies.ts';
import { LettersAudit } from './audit-letters.ts';
import type { LettersAuditDependencies } from './audit-letters.ts';
import { auditRollups } from './audit-rollups.ts';
import type { RollupAuditDependencies } from './audit-rollups.ts';

/** How long the books are kept. */
const LEDGER_DAYS_KEPT = 400;
/** How often everything the books hold is compared, and how soon again while something differs or the last try failed. */
const WHOLE_INTERVAL_MS = DAY_MS;
const WHOLE_AGAIN_MS = HOUR_MS;

export interface AuditorDependencies extends RollupAuditDependencies {
  readonly ledger: Pick<Ledger, 'snapshot' | 'days' | 'forgetBefore'>;
  readonly bus: Pick<Bus, 'bounds' | 'committed'>;
  readonly letters: LettersAuditDependencies['letters'];
  readonly events: Pick<EventStore, 'storedByDay'> & CopiesAuditDependencies['events'];
  readonly telemetry: Pick<Telemetry, 'set' | 'increment'>;
  /** Whether the audit is this process's business now: of all processes, one at a time. */
  readonly isOwner: () => boolean;
}

export interface AuditorOptions {
  readonly auditIntervalMs: number;
  readonly allowedLatenessMs: number;
  readonly dedupeWindowMs: number;
}

/**
 * Audits at every interval until the signal aborts. Never rejects for what a check meets: the pipeline does not depend on its auditor.
 * Questions are asked one after another; their stores bound the time of each.
 */
export async function runAuditor(
  dependencies: AuditorDependencies,
  options: AuditorOptions,
  stop: AbortSignal,
): Promise<void> {
  let audit: Audit | null = null;
  while (true) {
    await dependencies.clock.sleep(options.auditIntervalMs, stop);
    if (stop.aborted) return;
    if (dependencies.isOwner()) {
      audit ??= new Audit(dependencies, options, stop);
      await audit.run();
    } else if (audit !== null) {
      // Somebody else audits, and shows its own figures: ours would stand for ever.
      for (const name of GAUGES) dependencies.telemetry.set(name, 0);
      audit = null;
    }
  }
}

const GAUGES = [
  'tidemark_ledger_raw_residue_events',
  'tidemark_ledger_residue_events',
  'tidemark_ledger_skipped_offsets',
  'tidemark_audit_duplicate_events',
  'tidemark_audit_missing_letters',
] as const;

type Check = 'snapshot' | 'raw' | 'receipts' | 'letters' | 'rollups' | 'copies' | 'old-copies' | 'retention';

/** One spell of auditing. */
class Audit {
  private readonly on: AuditorDependencies;
  private readonly options: AuditorOptions;
  private readonly stop: AbortSignal;
  private readonly raw: RawAudit;
  private readonly receipts: ReceiptAudit;
  private readonly letters: LettersAudit;
  private readonly copies: CopiesAudit;
  private readonly failing = new Set<Check>();
  private readonly organizations = new Set<OrganizationId>();
  /** As the books had them last. */
  private partitions: Books['partitions'] = [];
  private wholeTriedAtMs = Number.NEGATIVE_INFINITY;
  private isWholeDone = false;
  private retentionDueAtMs = Number.NEGATIVE_INFINITY;

  constructor(on: AuditorDependencies, options: AuditorOptions, stop: AbortSignal) {
    this.on = on;
    this.options = options;
    this.stop = stop;
    this.raw = new RawAudit(on);
    this.receipts = new ReceiptAudit(on);
    this.letters = new LettersAudit(on);
    this.copies = new CopiesAudit(on, options.dedupeWindowMs);
  }

  async run(): Promise<void> {
    const nowMs = this.on.clock.nowMs();
    const todayMs = Math.floor(nowMs / DAY_MS) * DAY_MS;
    const days = { oldestMs: todayMs - LEDGER_DAYS_KEPT * DAY_MS, tomorrowMs: todayMs + DAY_MS };
    await this.checkBooks(nowMs, { ...days, yesterdayMs: todayMs - DAY_MS, todayMs });
    await this.attempt('rollups', () =>
      auditRollups(this.on, [...this.organizations], {
        allowedLatenessMs: this.options.allowedLatenessMs,
        fromDayMs: days.oldestMs,
        toDayMs: days.tomorrowMs,
      }),
    );
    await this.attempt('old-copies', () => this.copies.checkSample(this.partitions, nowMs));
    await this.attempt('copies', () => this.copies.checkRecent(nowMs));
    if (nowMs < this.retentionDueAtMs) return;
    const forgotten = await this.attempt('retention', () => this.on.ledger.forgetBefore(days.oldestMs));
    this.retentionDueAtMs = nowMs + (forgotten === null ? WHOLE_AGAIN_MS : WHOLE_INTERVAL_MS);
  }

  /** The last two days of arrival each time, everything that is kept now and then. */
  private async checkBooks(
    nowMs: number,
    days: { readonly oldestMs: number; readonly yesterdayMs: number; readonly todayMs: number },
  ): Promise<void> {
    const hasOpen = [this.raw, this.letters].some((audit) => audit.hasOpenBefore(days.yesterdayMs));
    const isQuiet = this.isWholeDone && !hasOpen;
    const isWhole = nowMs - this.wholeTriedAtMs >= (isQuiet ? WHOLE_INTERVAL_MS : WHOLE_AGAIN_MS);
    if (isWhole) {
      this.wholeTriedAtMs = nowMs;
      this.isWholeDone = false;
    }
    const sinceDayMs = isWhole ? days.oldestMs : days.yesterdayMs;
    const snapshot = await this.attempt('snapshot', () => this.on.ledger.snapshot(EVENTS_TOPIC, sinceDayMs));
    if (snapshot === null) return;
    const books: Books = { ...snapshot.value, sinceDayMs };
    this.partitions = books.partitions;
    for (const { organization, stored } of books.days)
      if (organization !== null && stored > 0) this.organizations.add(organization);
    const compared = await this.attempt('raw', () => this.raw.check(books, isWhole));
    if (isWhole) this.isWholeDone = compared !== null;
    await this.attempt('receipts', () => this.receipts.check(books, nowMs));
    await this.attempt('letters', () => this.letters.check(books, days.todayMs));
  }

  /** One check; null when it could not be made, or need not be any more. Of a row of failures the first is told, and their end. */
  private async attempt<T>(check: Check, body: () => Promise<T>): Promise<{ readonly value: T } | null> {
    const { isOwner, log, telemetry } = this.on;
    if (this.stop.aborted || !isOwner()) return null;
    try {
      const value = await body();
      telemetry.increment('tidemark_audit_checks_total', 1, { check, outcome: 'done' });
      if (this.failing.delete(check)) log.info({ check }, 'the audit goes on');
      return { value };
    } catch (error) {
      if (this.stop.aborted) return null;
      telemetry.increment('tidemark_audit_checks_total', 1, { check, outcome: 'failed' });
      if (this.failing.has(check)) return null;
      this.failing.add(check);
      const level = isAppError(error) ? 'warn' : 'error';
      log[level]({ err: error, check }, 'a check of the audit failed; it is tried again at the next');
      return null;
    }
  }
}
