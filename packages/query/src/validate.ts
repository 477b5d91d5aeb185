/** From a question as it came to one that can be planned; every fault is reported, with its place. */
import {
  AppError,
  type Catalogue,
  type CatalogueBaseMetric,
  type CatalogueMetric,
  comparisonShift,
  type ComparisonShift,
  type Fault,
  type Fill,
  FILLS,
  type FilterNode,
  GRANULARITIES,
  type Granularity,
  parseInstant,
  parseTimeZone,
  type Query,
  type Role,
  type Targets,
  type Weekday,
  WEEKDAYS,
} from '@tidemark/core';
import { type Cursor, questionHash, readCursor } from './cursor.ts';
import { oneOf, quote, type Report } from './faults.ts';
import { checkDimension, checkFilters, conditionsOf } from './filters.ts';
import { GROUP_BY_MAX, GROUPS_DEFAULT, GROUPS_MAX } from './limits.ts';
import { checkPersonal } from './personal.ts';
import { resolveSelections } from './selections.ts';
import { checkTargets } from './targets.ts';
import { rangeAtTick } from './tick.ts';

/** A question that makes sense: every name resolved, every default filled in. */
export interface ResolvedQuery {
  /** Each once, in the order asked. */
  readonly metrics: readonly CatalogueMetric[];
  readonly fromMs: number;
  readonly toMs: number;
  /** The instant of asking, as coarse as questions of this length see it (`tick.ts`). */
  readonly nowMs: number;
  readonly granularity: Granularity | null;
  readonly timeZone: string;
  readonly weekStart: Weekday;
  readonly fiscalYearStart: number;
  readonly groupBy: readonly string[];
  readonly filters: readonly FilterNode[];
  readonly shift: ComparisonShift | null;
  readonly fill: Fill;
  readonly orderBy: { readonly metric: CatalogueMetric; readonly direction: 'asc' | 'desc' };
  readonly limit: number;
  /** Whether the groups not shown are wanted, together. */
  readonly other: boolean;
  /** The place in the ranking behind which groups are shown; null for the first page. */
  readonly after: Cursor | null;
  /** In place of the declared ones, of metrics that are held to targets. */
  readonly targets: Targets | null;
}

export interface ValidationContext {
  readonly catalogue: Pick<Catalogue, 'metric'>;
  readonly role: Role;
  /** Whose data are the asker's own. */
  readonly user: string | null;
  readonly nowMs: number;
}

/**
 * @throws unknown-metric, forbidden or invalid-query, with all faults of the question
 */
export function resolveQuery(query: Query, context: ValidationContext): ResolvedQuery {
  const faults: Fault[] = [];
  const report: Report = (pointer, detail, code = 'invalid-query') => {
    faults.push({ code, pointer, detail });
  };
  const metrics = resolveSelections(query.metrics, context, report);
  const cursor = readCursor(query.cursor, report);
  const calendar = resolveCalendar(query, report);
  const granularity =
    query.granularity === undefined ? null : oneOf(GRANULARITIES, query.granularity, '/granularity', report);
  const fill = oneOf(FILLS, query.fill ?? 'none', '/fill', report);
  const nowMs = cursor?.nowMs ?? context.nowMs;
  const range = resolveRange(query, { nowMs, ...calendar }, report);
  const groupBy = resolveGroupBy(query, metrics, report);
  const filters = query.filters ?? [];
  checkFilters(filters, metrics, report);
  const orderBy = resolveOrder(query, metrics, report);
  const limit = resolveLimit(query.limit, report);
  const compare =
    query.compare === undefined
      ? null
      : oneOf(['previous_period', 'previous_year'] as const, query.compare, '/compare', report);
  const { targets = null } = query;
  if (targets !== null) checkTargets(targets, metrics, report);
  // What is no filter at all was reported, and is not looked into.
  if (faults.length === 0) checkPersonal({ metrics, groupBy, filters, targets }, context, report);

  if (faults.length > 0 || orderBy === null) throw refusal(faults);
  const resolved: ResolvedQuery = {
    metrics,
    ...range,
    granularity,
    ...calendar,
    groupBy,
    filters,
    shift: compare === null ? null : comparisonShift(compare, range, calendar.timeZone),
    fill,
    orderBy,
    limit,
    other: query.other === true,
    after: cursor === null ? null : { nowMs, rank: cursor.rank, group: cursor.group },
    targets,
  };
  if (cursor !== null && cursor.question !== questionHash(resolved)) {
    report(
      '/cursor',
      'belongs to another question: all but limit must be as it was when the cursor was given',
    );
    throw refusal(faults);
  }
  return resolved;
}

/** The worst of the faults decides the code. */
export function refusal(faults: readonly Fault[]): AppError {
  const codes = new Set(faults.map((fault) => fault.code));
  const code = codes.has('unknown-metric')
    ? 'unknown-metric'
    : codes.has('invalid-query')
      ? 'invalid-query'
      : 'forbidden';
  const list = faults.map(({ pointer, detail }) => `${pointer}: ${detail}`).join('; ');
  return new AppError(code, list, { faults });
}

type Calendar = Pick<ResolvedQuery, 'timeZone' | 'weekStart' | 'fiscalYearStart'>;

/** In what does not depend on an instant; also of a question about a distribution. */
export function resolveCalendar(
  query: Pick<Query, 'timeZone' | 'weekStart' | 'fiscalYearStart'>,
  report: Report,
): Calendar {
  const { timeZone = 'UTC', weekStart = 'monday', fiscalYearStart = 1 } = query;
  const zone = parseTimeZone(timeZone);
  if (zone === null) report('/timeZone', `${quote(timeZone)} is no IANA time zone (such as Europe/Berlin)`);
  if (!Number.isInteger(fiscalYearStart) || fiscalYearStart < 1 || fiscalYearStart > 12) {
    report('/fiscalYearStart', `${fiscalYearStart} is no month: expected a whole number from 1 to 12`);
  }
  return {
    timeZone: zone ?? 'UTC',
    weekStart: oneOf(WEEKDAYS, weekStart, '/weekStart', report),
    fiscalYearStart: Math.min(12, Math.max(1, Math.trunc(fiscalYearStart) || 1)),
  };
}

/** @returns some range when the one asked for has a fault */
export function resolveRange(
  query: Pick<Query, 'from' | 'to'>,
  context: Parameters<typeof parseInstant>[1],
  report: Report,
): { fromMs: number; toMs: number; nowMs: number } {
  const ends = (['from', 'to'] as const).map((name) => {
    const parsed = parseInstant(query[name], context);
    if (!parsed.ok) report(`/${name}`, parsed.detail);
    return parsed.ok ? parsed.instantMs : null;
  });
  const { nowMs } = context;
  const [fromMs = null, toMs = null] = ends;
  if (fromMs === null || toMs === null) return { fromMs: 0, toMs: 1, nowMs };
  if (fromMs >= toMs) {
    report('/to', `${iso(toMs)} is not after from, ${iso(fromMs)}: the range [from, to) is empty`);
    return { fromMs: 0, toMs: 1, nowMs };
  }
  return rangeAtTick(query, context, { fromMs, toMs });
}

export function resolveGroupBy(
  query: Pick<Query, 'groupBy'>,
  metrics: readonly CatalogueMetric[],
  report: Report,
): string[] {
  const groupBy = query.groupBy ?? [];
  if (groupBy.length > GROUP_BY_MAX) {
    report('/groupBy', `names ${groupBy.length} dimensions: expected at most ${GROUP_BY_MAX}`);
    return [];
  }
  groupBy.forEach((key, index) => {
    checkDimension(key, `/groupBy/${index}`, metrics, report);
    if (groupBy.indexOf(key) !== index) report(`/groupBy/${index}`, `${quote(key)} is named twice`);
  });
  return [...groupBy];
}

function resolveOrder(
  { orderBy }: Query,
  metrics: readonly CatalogueMetric[],
  report: Report,
): ResolvedQuery['orderBy'] | null {
  const [first] = metrics;
  if (orderBy === undefined) return first === undefined ? null : { metric: first, direction: 'desc' };
  const direction = oneOf(['asc', 'desc'] as const, orderBy.direction, '/orderBy/direction', report);
  const metric = metrics.find(({ key }) => key === orderBy.metric);
  if (metric === undefined)
    report('/orderBy/metric', `${quote(orderBy.metric)} is not among the metrics asked`);
  return metric === undefined ? null : { metric, direction };
}

export function resolveLimit(limit: number | undefined, report: Report): number {
  if (limit === undefined) return GROUPS_DEFAULT;
  if (!Number.isInteger(limit) || limit < 1 || limit > GROUPS_MAX) {
    report('/limit', `${limit} is out of range: expected a whole number from 1 to ${GROUPS_MAX}`);
  }
  return limit;
}

/** Whether rollups can tell the dimensions of the question apart. */
export function rollupsSuffice(
  query: Pick<ResolvedQuery, 'groupBy' | 'filters'>,
  base: CatalogueBaseMetric,
): boolean {
  const needed = [...query.groupBy, ...conditionsOf(query.filters).map(({ dimension }) => dimension)];
  return needed.every((key) => base.dimensions.find((dimension) => dimension.key === key)?.rolledUp === true);
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
