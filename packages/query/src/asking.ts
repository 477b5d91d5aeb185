/** The statements of one question: which groups, and their figures. */
import {
  AppError,
  assertThat,
  baseMetricsOf,
  type CatalogueBaseMetric,
  type Measure,
  type OrganizationId,
  type toDecimal,
} from '@tidemark/core';
import type { Row, Statement, WarehouseExecutor } from '@tidemark/warehouse';
import { bucketAxis } from './bucket-axis.ts';
import { baseValue, figuresFor, metricValue, rankingFigure } from './figures.ts';
import { DERIVED_RANKING_GROUPS_MAX, type StatementLimits } from './limits.ts';
import type { SourcePlan } from './plan.ts';
import { type FigureTable, type Group, groupKey } from './series.ts';
import { type Layout, rangeOf, wholeLayout } from './sources.ts';
import type { MeasureRequest } from './state-rows.ts';
import { measureStatement, rankingStatement } from './statement.ts';
import type { ResolvedQuery } from './validate.ts';

type Decimal = ReturnType<typeof toDecimal>;

/** What stays the same through all statements of one question. */
export interface Asking {
  readonly organization: OrganizationId;
  readonly query: ResolvedQuery;
  readonly warehouse: Pick<WarehouseExecutor, 'query'>;
  readonly limits: StatementLimits;
  readonly signal: AbortSignal | undefined;
}

/** One range to read, and from where each metric is read. */
export interface Reading {
  readonly layout: Layout;
  readonly planOf: (metric: CatalogueBaseMetric) => SourcePlan;
}

export interface Selection {
  /** Best first. One empty group when the question has no group-by. */
  readonly groups: readonly Group[];
  /** How many more there are. */
  readonly omitted: number;
}

/** Every group that has an event of any metric asked, ranked over the whole range, the first `limit` of them. */
export async function rankGroups(asking: Asking, reading: Reading): Promise<Selection> {
  const { query } = asking;
  if (query.groupBy.length === 0) return { groups: [[]], omitted: 0 };
  const whole = { ...reading, layout: wholeLayout(rangeOf(reading.layout)) };
  const ranked = query.orderBy.metric;
  if (ranked.kind !== 'base') return await rankByDerived(asking, whole);

  const requests = measureRequests(asking, whole, null);
  const own = requests.find(({ metrics }) => metrics.some(({ key }) => key === ranked.key));
  if (own === undefined) throw new Error(`Assertion failed: ${ranked.key} is among the metrics asked`);
  const { figures, levels } = figuresFor([ranked]);
  const statement = rankingStatement(
    {
      ranked: { ...own.request, figures: new Set([...figures, 'valueCount']), levels },
      figure: rankingFigure(ranked),
      others: requests.filter((other) => other !== own).map(({ request }) => request),
      direction: query.orderBy.direction,
      limit: query.limit,
    },
    asking.limits,
  );
  const rows = await run(asking, statement, asking.signal);
  const groups = rows.map((row) => groupOf(row, query.groupBy.length));
  const total = Number(rows[0]?.['groups_total'] ?? 0);
  return { groups, omitted: total - groups.length };
}

/** A derived value needs the figures of several measures: they are read for all groups, and the expression ranks here. */
async function rankByDerived(asking: Asking, whole: Reading): Promise<Selection> {
  const { orderBy, limit } = asking.query;
  const table = await readFigures(asking, whole, null);
  const sign = orderBy.direction === 'asc' ? 1 : -1;
  const ranked = [...table].map(([key, figures]) => {
    const values = figures.get(0);
    return { key, value: metricValue(orderBy.metric, (base) => values?.get(base.key)) ?? null };
  });
  ranked.sort((a, b) => {
    if (a.value === null || b.value === null) {
      return Number(a.value === null) - Number(b.value === null) || compareKeys(a.key, b.key);
    }
    return sign * a.value.comparedTo(b.value) || compareKeys(a.key, b.key);
  });
  const groups = ranked.slice(0, limit).map(({ key }) => JSON.parse(key) as string[]);
  return { groups, omitted: ranked.length - groups.length };
}

/**
 * The values of every base metric, by group and output bucket. One statement per measure.
 *
 * @param selection null: all groups, up to DERIVED_RANKING_GROUPS_MAX
 */
export async function readFigures(
  asking: Asking,
  reading: Reading,
  selection: Selection | null,
): Promise<FigureTable> {
  // All groups fit: they need not be named. A group that appears meanwhile is dropped below.
  const named = selection !== null && selection.omitted > 0 ? selection.groups : null;
  const shown = selection === null ? null : new Set(selection.groups.map(groupKey));
  if (shown?.size === 0) return new Map();
  const table = new Map<string, Map<number, Map<string, Decimal | null>>>();
  const limits =
    selection === null ? { ...asking.limits, resultRowsMax: DERIVED_RANKING_GROUPS_MAX } : asking.limits;

  await inParallel(measureRequests(asking, reading, named), asking, async ({ request, metrics }, signal) => {
    const indexOf = new Map(request.buckets?.starts.map((start, index) => [start, index]));
    const rows = await run(asking, measureStatement(request, limits), signal).catch((error: unknown) => {
      throw selection === null ? withRankingHint(error) : error;
    });
    for (const row of rows) {
      if (row['f_events'] === '0') continue;
      const key = groupKey(groupOf(row, request.groupBy.length));
      if (shown !== null && !shown.has(key)) continue;
      const index = request.buckets === null ? 0 : indexOf.get(Number(row['point']));
      assertThat(index !== undefined, `a bucket starts at ${String(row['point'])}`);
      const byIndex = getOrAdd(table, key, () => new Map<number, Map<string, Decimal | null>>());
      const values = getOrAdd(byIndex, index, () => new Map<string, Decimal | null>());
      for (const metric of metrics) values.set(metric.key, baseValue(metric, row, request.levels));
    }
  });
  return table;
}

interface AskedMeasure {
  readonly request: MeasureRequest;
  readonly metrics: readonly CatalogueBaseMetric[];
}

/** The measures behind the metrics asked, once each. */
function measureRequests(
  { organization, query }: Asking,
  { layout, planOf }: Reading,
  groups: readonly Group[] | null,
): AskedMeasure[] {
  const byMeasure = new Map<Measure, Map<string, CatalogueBaseMetric>>();
  for (const base of query.metrics.flatMap(baseMetricsOf)) {
    getOrAdd(byMeasure, base.measure, () => new Map<string, CatalogueBaseMetric>()).set(base.key, base);
  }
  return [...byMeasure].map(([measure, byKey]) => {
    const metrics = [...byKey.values()];
    const [first] = metrics;
    if (first === undefined) throw new Error('Assertion failed: a measure without a metric');
    const request: MeasureRequest = {
      organization,
      measure,
      groupBy: query.groupBy,
      filters: query.filters,
      plan: planOf(first),
      buckets: layout.bucketed ? bucketAxis(layout.edgesMs.slice(0, -1)) : null,
      groups,
      ...figuresFor(metrics),
    };
    return { request, metrics };
  });
}

function run({ warehouse }: Asking, statement: Statement, signal: AbortSignal | undefined): Promise<Row[]> {
  return warehouse.query<Row>(signal === undefined ? statement : { ...statement, signal });
}

/** At most `statementsAtOnceMax` at a time; the first failure stops the others. */
async function inParallel<T>(
  items: readonly T[],
  { limits, signal }: Asking,
  body: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const failed = new AbortController();
  const either = signal === undefined ? failed.signal : AbortSignal.any([signal, failed.signal]);
  const queue = items.values();
  const worker = async () => {
    for (const item of queue) {
      if (failed.signal.aborted) return;
      await body(item, either);
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(limits.statementsAtOnceMax, items.length) }, worker));
  } catch (error) {
    failed.abort(error);
    throw error;
  }
}

function withRankingHint(error: unknown): unknown {
  if (!(error instanceof AppError) || error.code !== 'query-too-expensive') return error;
  return new AppError(
    'query-too-expensive',
    `Ranking by a derived metric is limited to ${DERIVED_RANKING_GROUPS_MAX} groups: add a filter, or order by a metric that is not derived`,
    { cause: error },
  );
}

function groupOf(row: Row, dimensions: number): Group {
  return Array.from({ length: dimensions }, (_, index) => String(row[`d${index}`]));
}

/** As the warehouse sorts texts: by their UTF-8 bytes. */
function compareKeys(a: string, b: string): number {
  const left = JSON.parse(a) as string[];
  const right = JSON.parse(b) as string[];
  for (const [index, text] of left.entries()) {
    const order = Buffer.compare(Buffer.from(text), Buffer.from(right[index] ?? ''));
    if (order !== 0) return order;
  }
  return 0;
}

function getOrAdd<K, V>(map: Map<K, V>, key: K, create: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const created = create();
  map.set(key, created);
  return created;
}
