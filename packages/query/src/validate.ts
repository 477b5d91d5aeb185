/** From a question as it came to one that can be planned; every fault is reported, with its place. */
import {
  AppError,
  type Catalogue,
  type CatalogueBaseMetric,
  type CatalogueMetric,
  comparisonShift,
  type ComparisonShift,
  conditionValueFault,
  type ErrorCode,
  type Fault,
  type Fill,
  FILLS,
  FILTER_OPERATORS,
  GRANULARITIES,
  type Granularity,
  parseInstant,
  parseTimeZone,
  type Query,
  type QueryFilter,
  type Role,
  roleAllows,
  type Weekday,
  WEEKDAYS,
} from '@tidemark/core';
import {
  FILTER_TEXT_LENGTH_MAX,
  FILTER_VALUES_MAX,
  FILTERS_MAX,
  GROUP_BY_MAX,
  GROUPS_DEFAULT,
  GROUPS_MAX,
  METRICS_PER_QUERY_MAX,
} from './limits.ts';
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
  readonly filters: readonly QueryFilter[];
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

type Report = (pointer: string, detail: string, code?: ErrorCode) => void;

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
    const metric = catalogue.metric(key);
    const pointer = `/metrics/${index}`;
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

/** A derived metric is answered from its operands, so each of them must have the dimension. */
function checkDimension(
  key: string,
  pointer: string,
  metrics: readonly CatalogueMetric[],
  report: Report,
): void {
  for (const metric of metrics) {
    if (metric.dimensions.some((dimension) => dimension.key === key)) continue;
    const known = metric.dimensions.map((dimension) => dimension.key).join(', ');
    report(
      pointer,
      `${quote(key)} is no dimension of ${metric.key} (it has: ${known === '' ? 'none' : known})`,
    );
  }
}

function checkFilters(
  filters: readonly QueryFilter[],
  metrics: readonly CatalogueMetric[],
  report: Report,
): void {
  if (filters.length > FILTERS_MAX) {
    report('/filters', `holds ${filters.length} filters: expected at most ${FILTERS_MAX}`);
    return;
  }
  filters.forEach(({ dimension, op, value }, index) => {
    const at = `/filters/${index}`;
    checkDimension(dimension, `${at}/dimension`, metrics, report);
    if (oneOf(FILTER_OPERATORS, op, `${at}/op`, report) !== op) return;
    const detail = conditionValueFault(op, value);
    if (detail !== null) report(`${at}/value`, detail);
    const values = Array.isArray(value) ? value : [value];
    if (values.length > FILTER_VALUES_MAX) {
      report(`${at}/value`, `holds ${values.length} values: expected at most ${FILTER_VALUES_MAX}`);
    } else if (values.some((item) => String(item).length > FILTER_TEXT_LENGTH_MAX)) {
      report(`${at}/value`, `is longer than ${FILTER_TEXT_LENGTH_MAX} characters`);
    }
  });
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

function oneOf<const T extends string>(values: readonly T[], value: T, pointer: string, report: Report): T {
  if (!values.includes(value)) report(pointer, `${quote(value)} is none of ${values.join(', ')}`);
  return value;
}

/** Whether rollups can tell the dimensions of the question apart. */
export function rollupsSuffice(
  query: Pick<ResolvedQuery, 'groupBy' | 'filters'>,
  base: CatalogueBaseMetric,
): boolean {
  const needed = [...query.groupBy, ...query.filters.map((filter) => filter.dimension)];
  return needed.every((key) => base.dimensions.find((dimension) => dimension.key === key)?.rolledUp === true);
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

function quote(text: string): string {
  return JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}…` : text);
}
