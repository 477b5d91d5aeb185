/** From a question as it came to one that can be planned; every fault is reported, with its place. */
import {
  AppError,
  type Catalogue,
  type CatalogueBaseMetric,
  type CatalogueMetric,
  comparisonShift,
  type ComparisonShift,
  type ErrorCode,
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
  roleAllows,
  type Weekday,
  WEEKDAYS,
} from '@tidemark/core';
import { oneOf, quote, type Report } from './faults.ts';
import { checkDimension, checkFilters, conditionsOf } from './filters.ts';
import { GROUP_BY_MAX, GROUPS_DEFAULT, GROUPS_MAX, METRICS_PER_QUERY_MAX } from './limits.ts';
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
  readonly groupBy: readonly string[];
  readonly filters: readonly FilterNode[];
  readonly shift: ComparisonShift | null;
  readonly fill: Fill;
  readonly orderBy: { readonly metric: CatalogueMetric; readonly direction: 'asc' | 'desc' };
  readonly limit: number;
}

export interface ValidationContext {
  readonly catalogue: Catalogue;
  readonly role: Role;
  readonly nowMs: number;
}

/**
 * @throws unknown-metric, forbidden or invalid-query, with all faults of the question
 */
export function resolveQuery(query: Query, context: ValidationContext): ResolvedQuery {
  const faults: Fault[] = [];
  const report = (pointer: string, detail: string, code: ErrorCode = 'invalid-query') => {
    faults.push({ code, pointer, detail });
  };
  const metrics = resolveMetrics(query, context, report);
  const timeZone = resolveTimeZone(query.timeZone, report);
  const weekStart = oneOf(WEEKDAYS, query.weekStart ?? 'monday', '/weekStart', report);
  const granularity =
    query.granularity === undefined ? null : oneOf(GRANULARITIES, query.granularity, '/granularity', report);
  const fill = oneOf(FILLS, query.fill ?? 'none', '/fill', report);
  const range = resolveRange(query, { nowMs: context.nowMs, timeZone, weekStart }, report);
  const groupBy = resolveGroupBy(query, metrics, report);
  const filters = query.filters ?? [];
  checkFilters(filters, metrics, report);
  const orderBy = resolveOrder(query, metrics, report);
  const limit = resolveLimit(query.limit, report);
  const compare =
    query.compare === undefined
      ? null
      : oneOf(['previous_period', 'previous_year'] as const, query.compare, '/compare', report);

  if (faults.length > 0 || orderBy === null) throw refusal(faults);
  const shift = compare === null ? null : comparisonShift(compare, range, timeZone);
  return {
    metrics,
    ...range,
    granularity,
    timeZone,
    weekStart,
    groupBy,
    filters,
    shift,
    fill,
    orderBy,
    limit,
  };
}

function refusal(faults: readonly Fault[]): AppError {
  const codes = new Set(faults.map((fault) => fault.code));
  const code = codes.has('unknown-metric')
    ? 'unknown-metric'
    : codes.has('invalid-query')
      ? 'invalid-query'
      : 'forbidden';
  const list = faults.map(({ pointer, detail }) => `${pointer}: ${detail}`).join('; ');
  return new AppError(code, list, { faults });
}

function resolveMetrics(
  query: Query,
  { catalogue, role }: ValidationContext,
  report: Report,
): CatalogueMetric[] {
  if (query.metrics.length === 0) report('/metrics', 'names no metric: expected at least one');
  if (query.metrics.length > METRICS_PER_QUERY_MAX) {
    report('/metrics', `names ${query.metrics.length} metrics: expected at most ${METRICS_PER_QUERY_MAX}`);
    return [];
  }
  const metrics = new Map<string, CatalogueMetric>();
  query.metrics.forEach((key, index) => {
    const pointer = `/metrics/${index}`;
    if (typeof key !== 'string') return report(pointer, 'is no key of a metric');
    const metric = catalogue.metric(key);
    if (metric === null) {
      report(
        pointer,
        `${quote(key)} is not in the catalogue: GET /api/v1/metrics lists it`,
        'unknown-metric',
      );
    } else if (!roleAllows(role, metric.role)) {
      report(pointer, `${quote(key)} is for role ${metric.role}, the credential has ${role}`, 'forbidden');
    } else {
      metrics.set(key, metric);
    }
  });
  return [...metrics.values()];
}

function resolveTimeZone(text: string | undefined, report: Report): string {
  if (text === undefined) return 'UTC';
  const zone = parseTimeZone(text);
  if (zone === null) report('/timeZone', `${quote(text)} is no IANA time zone (such as Europe/Berlin)`);
  return zone ?? 'UTC';
}

function resolveRange(
  query: Query,
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

function resolveGroupBy(query: Query, metrics: readonly CatalogueMetric[], report: Report): string[] {
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

function resolveLimit(limit: number | undefined, report: Report): number {
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
