/** The statements of one question: which groups, and their figures. */
import {
  AppError,
  assertThat,
  baseMetricsOf,
  type CatalogueBaseMetric,
  type Measure,
  type OrganizationId,
  toDecimal,
} from '@tidemark/core';
import type { Row, Statement, WarehouseExecutor } from '@tidemark/warehouse';
import { bucketAxis } from './bucket-axis.ts';
import type { RankPlace } from './cursor.ts';
import { baseValue, figuresFor, metricValue, rankingFigure, secondsPassed } from './figures.ts';
import { DERIVED_RANKING_GROUPS_MAX, type StatementLimits } from './limits.ts';
import type { SourcePlan } from './plan.ts';
import { explained } from './refusals.ts';
import { type FigureTable, type Group, groupKey, OTHER_KEY } from './series.ts';
import { type Layout, rangeOf, wholeLayout } from './sources.ts';
import type { GroupChoice, MeasureRequest } from './state-rows.ts';
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
  /** How many others there are, before and behind. */
  readonly omitted: number;
  /** Where this page ends, if groups rank behind it. */
  readonly next: RankPlace | null;
}

/** Of every group that has an event of any metric asked, ranked over the whole range: the first `limit`, or those after the cursor. */
export async function rankGroups(asking: Asking, reading: Reading): Promise<Selection> {
  const { query } = asking;
  if (query.groupBy.length === 0) return { groups: [[]], omitted: 0, next: null };
  const whole = { ...reading, layout: wholeLayout(rangeOf(reading.layout)) };
  const ranked = query.orderBy.metric;
  if (ranked.kind !== 'base') return await rankByDerived(asking, whole);

  const requests = measureRequests(asking, whole, ALL_ROWS);
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
      after: query.after,
    },
    asking.limits,
  );
  const rows = await run(asking, statement, asking.signal);
  const page = rows
    .filter((row) => row['is_behind'] === 1)
    .map((row) => ({ group: groupOf(row, query.groupBy.length), rank: textOrNull(row['rank_text']) }));
  const behind = Number(rows[0]?.['groups_behind'] ?? 0);
  return selectionOf(page, Number(rows[0]?.['groups_total'] ?? 0), behind);
}

function selectionOf(page: readonly RankPlace[], total: number, behind: number): Selection {
  return {
    groups: page.map(({ group }) => group),
    omitted: total - page.length,
    next: behind > page.length ? (page.at(-1) ?? null) : null,
  };
}

/** A derived value needs the figures of several measures: they are read for all groups, and the expression ranks here. */
async function rankByDerived(asking: Asking, whole: Reading): Promise<Selection> {
  const { orderBy, limit, after, nowMs } = asking.query;
  const table = await readFigures(asking, whole, null);
  const { fromMs, toMs } = rangeOf(whole.layout);
  const seconds = secondsPassed(fromMs, toMs, nowMs);
  const ranked = [...table].map(([key, figures]): Ranked => {
    const values = figures.get(0);
    const value = metricValue(orderBy.metric, (base) => values?.get(base.key), seconds) ?? null;
    return { value, group: JSON.parse(key) as string[] };
  });
  const order = rankingOrder(orderBy.direction);
  ranked.sort(order);
  const place: Ranked | null = after === null ? null : { value: decimalOf(after.rank), group: after.group };
  const behind = place === null ? ranked : ranked.filter((one) => order(one, place) > 0);
  const page = behind.slice(0, limit).map(({ group, value }) => ({ group, rank: value?.toString() ?? null }));
  return selectionOf(page, ranked.length, behind.length);
}

interface Ranked {
  readonly value: Decimal | null;
  readonly group: Group;
}

/** As the warehouse ranks: without a value last, equals by their dimensions. */
function rankingOrder(direction: 'asc' | 'desc'): (a: Ranked, b: Ranked) => number {
  const sign = direction === 'asc' ? 1 : -1;
  return (a, b) => {
    if (a.value === null || b.value === null) {
      return Number(a.value === null) - Number(b.value === null) || compareGroups(a.group, b.group);
    }
    return sign * a.value.comparedTo(b.value) || compareGroups(a.group, b.group);
  };
}

/** Of a cursor: a text that is no number reads as 0, as it does in the warehouse. */
function decimalOf(text: string | null): Decimal | null {
  if (text === null) return null;
  return toDecimal(RANK_TEXT.test(text) ? text : 0);
}

const RANK_TEXT = /^-?\d{1,60}(?:\.\d{1,60})?(?:e[+-]?\d{1,4})?$/;

/**
 * The values of every base metric, by group and output bucket: one statement per measure. With `other`, also of all groups not shown,
 * merged from their states.
 *
 * @param selection null: all groups, up to DERIVED_RANKING_GROUPS_MAX
 */
export async function readFigures(
  asking: Asking,
  reading: Reading,
  selection: Selection | null,
): Promise<FigureTable> {
  const { groupBy, other } = asking.query;
  const table = new Map<string, Map<number, Map<string, Decimal | null>>>();
  const limits =
    selection === null ? { ...asking.limits, resultRowsMax: DERIVED_RANKING_GROUPS_MAX } : asking.limits;
  const requests = choicesOf(selection, groupBy, other).flatMap((rows) =>
    measureRequests(asking, reading, rows).map((asked) => ({ ...asked, isOther: rows.isOther })),
  );
  const shown = selection === null ? null : new Set(selection.groups.map(groupKey));

  await inParallel(requests, asking, async ({ request, metrics, isOther }, signal) => {
    const indexOf = new Map(request.buckets?.starts.map((start, index) => [start, index]));
    const rows = await run(asking, measureStatement(request, limits), signal).catch((error: unknown) => {
      throw selection === null ? withRankingHint(error) : error;
    });
    for (const row of rows) {
      if (row['f_events'] === '0') continue;
      const key = isOther ? OTHER_KEY : groupKey(groupOf(row, request.groupBy.length));
      if (!isOther && shown !== null && !shown.has(key)) continue;
      const index = request.buckets === null ? 0 : indexOf.get(Number(row['point']));
      assertThat(index !== undefined, `a bucket starts at ${String(row['point'])}`);
      const byIndex = getOrAdd(table, key, () => new Map<number, Map<string, Decimal | null>>());
      const values = getOrAdd(byIndex, index, () => new Map<string, Decimal | null>());
      for (const metric of metrics) values.set(metric.key, baseValue(metric, row, request.levels));
    }
  });
  return table;
}

/** Which rows are asked for, and whether they all are one group. */
interface RowChoice {
  readonly groups: GroupChoice | null;
  readonly isOther: boolean;
}

const ALL_ROWS: RowChoice = { groups: null, isOther: false };

function choicesOf(selection: Selection | null, dimensions: readonly string[], other: boolean): RowChoice[] {
  if (selection === null) return [ALL_ROWS];
  const { groups, omitted } = selection;
  // All groups fit: they need not be named. A group that appears meanwhile is dropped when rows are read.
  const shown = { groups: omitted > 0 ? { dimensions, groups, isExcluded: false } : null, isOther: false };
  const rest = {
    groups: groups.length > 0 ? { dimensions, groups, isExcluded: true } : null,
    isOther: true,
  };
  return [...(groups.length > 0 ? [shown] : []), ...(other && omitted > 0 ? [rest] : [])];
}

interface AskedMeasure {
  readonly request: MeasureRequest;
  readonly metrics: readonly CatalogueBaseMetric[];
}

/** The measures behind the metrics asked, once each. */
function measureRequests(
  { organization, query }: Asking,
  { layout, planOf }: Reading,
  { groups, isOther }: RowChoice,
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
      groupBy: isOther ? [] : query.groupBy,
      filters: query.filters,
      plan: planOf(first),
      buckets: layout.bucketed ? bucketAxis(layout.edgesMs.slice(0, -1)) : null,
      groups,
      ...figuresFor(metrics),
    };
    return { request, metrics };
  });
}

/** @throws what the executor throws, with limits explained */
export async function run(
  { warehouse, limits }: Pick<Asking, 'warehouse' | 'limits'>,
  statement: Statement,
  signal: AbortSignal | undefined,
): Promise<Row[]> {
  try {
    return await warehouse.query<Row>(signal === undefined ? statement : { ...statement, signal });
  } catch (error) {
    throw explained(error, limits);
  }
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

export function groupOf(row: Row, dimensions: number): Group {
  return Array.from({ length: dimensions }, (_, index) => String(row[`d${index}`]));
}

/** As the warehouse sorts texts: by their UTF-8 bytes. */
function compareGroups(left: Group, right: Group): number {
  for (const [index, text] of left.entries()) {
    const order = Buffer.compare(Buffer.from(text), Buffer.from(right[index] ?? ''));
    if (order !== 0) return order;
  }
  return 0;
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function getOrAdd<K, V>(map: Map<K, V>, key: K, create: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const created = create();
  map.set(key, created);
  return created;
}
