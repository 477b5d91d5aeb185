/** The statements of one question: which groups, and their figures. */
import {
  AppError,
  assertThat,
  baseMetricsOf,
  type CatalogueBaseMetric,
  type Measure,
  type OrganizationId,
  stateMetricsOf,
  type toDecimal,
} from '@tidemark/core';
import type { Row, Statement, WarehouseExecutor } from '@tidemark/warehouse';
import { bucketAxis } from './bucket-axis.ts';
import { baseValue, figuresFor, rankingFigure } from './figures.ts';
import { inParallel } from './in-parallel.ts';
import { DERIVED_RANKING_GROUPS_MAX, type StatementLimits } from './limits.ts';
import type { Interval, SourcePlan } from './plan.ts';
import { rankFigures, selectionOf, type Selection } from './ranking.ts';
import { explained } from './refusals.ts';
import { type FigureTable, type Group, groupKey, OTHER_KEY } from './series.ts';
import { type Layout, rangeOf, wholeLayout } from './sources.ts';
import type { GroupChoice, MeasureRequest } from './state-rows.ts';
import { measureStatement, rankingStatement } from './statement.ts';
import { stateRequests } from './subjects/asked-states.ts';
import { stateValue } from './subjects/figures.ts';
import { stateStatement } from './subjects/state-sql.ts';
import type { ResolvedQuery } from './validate.ts';

type Decimal = ReturnType<typeof toDecimal>;

/** What stays the same through all statements of one question. */
export interface Asking {
  readonly organization: OrganizationId;
  readonly query: ResolvedQuery;
  readonly warehouse: Pick<WarehouseExecutor, 'query'>;
  readonly limits: StatementLimits;
  /** Raw that is read beside what is kept of subjects (`rawBesideFacts`); empty when no metric tells of subjects. */
  readonly besideFacts: readonly Interval[];
  readonly signal: AbortSignal | undefined;
}

/** One range to read, and from where each metric is read. */
export interface Reading {
  readonly layout: Layout;
  readonly planOf: (metric: CatalogueBaseMetric) => SourcePlan;
}

/** Of every group that has an event or a subject of any metric asked, ranked over the whole range: the first `limit`, or those after the cursor. */
export async function rankGroups(asking: Asking, reading: Reading): Promise<Selection> {
  const { query } = asking;
  if (query.groupBy.length === 0) return { groups: [[]], omitted: 0, next: null };
  const whole = { ...reading, layout: wholeLayout(rangeOf(reading.layout)) };
  const ranked = query.orderBy.metric;
  // These need the figures of several statements, which are read for all groups.
  if (ranked.kind !== 'base' || query.metrics.some((metric) => stateMetricsOf(metric).length > 0)) {
    return rankFigures(await readFigures(asking, whole, null), query, rangeOf(whole.layout));
  }

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

/**
 * The values of every base and state metric, by group and output bucket: one statement per measure, and per kind of subjects looked at.
 * With `other`, also of all groups not shown, merged from their states.
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
  const asked = choicesOf(selection, groupBy, other).flatMap((rows) => askedFigures(asking, reading, rows));
  const shown = selection === null ? null : new Set(selection.groups.map(groupKey));
  const atOnce = { atOnceMax: asking.limits.statementsAtOnceMax, signal: asking.signal };

  await inParallel(asked, atOnce, async ({ request, isOther, statement, countColumn, valuesOf }, signal) => {
    const indexOf = new Map(request.buckets?.starts.map((start, index) => [start, index]));
    const rows = await run(asking, statement(limits), signal).catch((error: unknown) => {
      throw selection === null ? withRankingHint(error) : error;
    });
    for (const row of rows) {
      if (row[countColumn] === '0') continue;
      const key = isOther ? OTHER_KEY : groupKey(groupOf(row, request.groupBy.length));
      if (!isOther && shown !== null && !shown.has(key)) continue;
      const index = request.buckets === null ? 0 : indexOf.get(Number(row['point']));
      assertThat(index !== undefined, `a bucket starts at ${String(row['point'])}`);
      const byIndex = getOrAdd(table, key, () => new Map<number, Map<string, Decimal | null>>());
      const values = getOrAdd(byIndex, index, () => new Map<string, Decimal | null>());
      for (const [metric, value] of valuesOf(row)) values.set(metric, value);
    }
  });
  return table;
}

/** One statement of a question, and what its rows mean. */
interface AskedFigures {
  readonly request: Pick<MeasureRequest, 'buckets' | 'groupBy'>;
  readonly isOther: boolean;
  readonly statement: (limits: StatementLimits) => Statement;
  /** '0' in a row of nothing. */
  readonly countColumn: 'f_events' | 'f_subjects';
  readonly valuesOf: (row: Row) => readonly (readonly [metric: string, value: Decimal | null])[];
}

function askedFigures(asking: Asking, reading: Reading, rows: RowChoice): AskedFigures[] {
  const { isOther } = rows;
  const ofEvents = measureRequests(asking, reading, rows).map(
    ({ request, metrics }): AskedFigures => ({
      request,
      isOther,
      statement: (limits) => measureStatement(request, limits),
      countColumn: 'f_events',
      valuesOf: (row) => metrics.map((metric) => [metric.key, baseValue(metric, row, request.levels)]),
    }),
  );
  const ofStates = stateRequests({ ...asking, ...rows, layout: reading.layout }).map(
    (request): AskedFigures => ({
      request,
      isOther,
      statement: (limits) => stateStatement(request, limits),
      countColumn: 'f_subjects',
      valuesOf: (row) => request.metrics.map((metric, index) => [metric.key, stateValue(metric, index, row)]),
    }),
  );
  return [...ofEvents, ...ofStates];
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

function withRankingHint(error: unknown): unknown {
  if (!(error instanceof AppError) || error.code !== 'query-too-expensive') return error;
  return new AppError(
    'query-too-expensive',
    `Ranking by a derived metric, or where metrics tell of subjects, is limited to ${DERIVED_RANKING_GROUPS_MAX} groups: add a filter, or order by a metric of events that is not derived`,
    { cause: error },
  );
}

export function groupOf(row: Row, dimensions: number): Group {
  return Array.from({ length: dimensions }, (_, index) => String(row[`d${index}`]));
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
