import { balanceOf, completeThroughMs, DAY_MS } from '@tidemark/core';
import type { LedgerFigures, OrganizationId } from '@tidemark/core';
import type { Bus } from '@tidemark/bus';
import type { Ledger, LedgerDay, PipelineState } from '@tidemark/catalog';
import { EVENTS_TOPIC } from '@tidemark/contracts';
import type { LedgerAnswer } from '@tidemark/contracts';

export interface LedgerReportDependencies {
  readonly bus: Pick<Bus, 'bounds'>;
  readonly ledger: Pick<Ledger, 'days'>;
  readonly pipeline: Pick<PipelineState, 'progress'>;
  readonly allowedLatenessMs: number;
}

export interface LedgerRange {
  readonly organization: OrganizationId;
  /** Starts of UTC days of arrival, [fromMs, toMs). */
  readonly fromMs: number;
  readonly toMs: number;
}

type Figures = LedgerAnswer['total'];

const NOTHING: Figures = {
  received: 0,
  acknowledged: 0,
  stored: 0,
  duplicate: 0,
  conflict: 0,
  rejected: 0,
  dead: 0,
  inFlight: 0,
  residue: 0,
};

/**
 * Progress is read first, the books next, the ends of the log last: when progress has reached those ends, the books cover every record
 * of every event they call acknowledged, however busy the system is meanwhile, and what is missing then is missing for good.
 * A day that the watermark has passed is covered even while later records wait.
 *
 * @throws catalog-unavailable, bus-unavailable
 */
export async function reportLedger(
  { bus, ledger, pipeline, allowedLatenessMs }: LedgerReportDependencies,
  { organization, fromMs, toMs }: LedgerRange,
  nowMs: number,
): Promise<LedgerAnswer> {
  const progress = await pipeline.progress(EVENTS_TOPIC);
  const books = await ledger.days(EVENTS_TOPIC, organization, fromMs, toMs);
  const bounds = await bus.bounds(EVENTS_TOPIC);

  const nextOffsetOf = new Map(progress.map(({ partition, nextOffset }) => [partition, nextOffset]));
  const lag = bounds.reduce(
    (sum, { partition, startOffset, endOffset }) =>
      sum + Math.max(0, endOffset - Math.max(startOffset, nextOffsetOf.get(partition) ?? 0)),
    0,
  );
  const watermarkMs = completeThroughMs(
    progress.map(({ arrivedThroughMs }) => arrivedThroughMs),
    allowedLatenessMs,
  );
  const isCovered = (dayMs: number) =>
    lag === 0 || (watermarkMs !== null && progress.length === bounds.length && dayMs + DAY_MS <= watermarkMs);
  const days = books.map((day) => ({ day: toDate(day.dayMs), ...figuresOf(day, !isCovered(day.dayMs)) }));
  return {
    from: toDate(fromMs),
    to: toDate(toMs),
    asOf: new Date(nowMs).toISOString(),
    lag,
    days,
    total: days.reduce(add, NOTHING),
  };
}

function figuresOf(day: LedgerDay, hasLag: boolean): Figures {
  const { acknowledged, rejected, stored, duplicate, conflict, dead } = day;
  const figures: LedgerFigures = { acknowledged, rejected, stored, duplicate, dead };
  return { ...figures, conflict, ...balanceOf(figures, { hasLag }) };
}

/** Day by day: a shortfall of one day is not hidden by what another day counted too little of. */
function add(sum: Figures, day: Figures): Figures {
  return {
    received: sum.received + day.received,
    acknowledged: sum.acknowledged + day.acknowledged,
    stored: sum.stored + day.stored,
    duplicate: sum.duplicate + day.duplicate,
    conflict: sum.conflict + day.conflict,
    rejected: sum.rejected + day.rejected,
    dead: sum.dead + day.dead,
    inFlight: sum.inFlight + day.inFlight,
    residue: sum.residue + day.residue,
  };
}

function toDate(dayMs: number): string {
  return new Date(dayMs).toISOString().slice(0, 10);
}
