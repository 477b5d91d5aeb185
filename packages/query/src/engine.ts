import {
  AppError,
  type Answer,
  assertThat,
  baseMetricsOf,
  type Catalogue,
  type CatalogueBaseMetric,
  type Clock,
  completeThroughMs,
  type Principal,
  type Query,
  type Series,
  shiftBack,
} from '@tidemark/core';
import type { WarehouseExecutor } from '@tidemark/warehouse';
import { type Asking, type Reading, rankGroups, readFigures } from './asking.ts';
import { estimatesOf } from './estimates.ts';
import { POINTS_MAX, type StatementLimits } from './limits.ts';
import { type QueryPipeline, rolledUpMeasures } from './pipeline.ts';
import { changePercent, dimensionsOf, type FigureTable, type Group, groupKey, pointsOf } from './series.ts';
import { type Layout, layoutOf, planLayout, planRaw, rangeOf, wholeLayout } from './sources.ts';
import { type ResolvedQuery, resolveQuery, rollupsSuffice } from './validate.ts';

export interface QueryEngineOptions {
  readonly warehouse: Pick<WarehouseExecutor, 'query'>;
  readonly pipeline: QueryPipeline;
  readonly catalogue: Catalogue;
  readonly clock: Clock;
  readonly limits: StatementLimits;
  /** The topic whose progress closes buckets. */
  readonly eventsTopic: string;
  /** As the aggregator's: how long after its end a bucket is still open. */
  readonly allowedLatenessMs: number;
}

/** The one place where questions become numbers: REST, live feed, exports, reports and alerts all ask here. */
export interface QueryEngine {
  /**
   * Sees rows of the principal's organization only. Safe to call concurrently; does not write.
   *
   * @throws unknown-metric, invalid-query, forbidden (with all faults); query-too-expensive, query-timeout;
   * warehouse-unavailable, catalog-unavailable
   */
  ask(
    principal: Pick<Principal, 'organization' | 'role'>,
    query: Query,
    options?: {
      readonly signal?: AbortSignal;
      /** The instant of asking; the clock's when absent. */
      readonly nowMs?: number;
    },
  ): Promise<Answer>;
  /**
   * What the question means to the principal at this instant: equal ones have the same answer, as long as nothing is stored or closed.
   * @throws unknown-metric, invalid-query, forbidden (with all faults)
   */
  resolve(principal: Pick<Principal, 'organization' | 'role'>, query: Query, nowMs: number): ResolvedQuery;
}

export function createQueryEngine(options: QueryEngineOptions): QueryEngine {
  const { catalogue, clock, pipeline } = options;
  const resolve: QueryEngine['resolve'] = ({ role }, query, nowMs) =>
    resolveQuery(query, { catalogue, role, nowMs });
  return {
    resolve,
    async ask(principal, query, { signal, nowMs = clock.nowMs() } = {}) {
      const resolved = resolve(principal, query, nowMs);
      const main = layoutOf({ fromMs: resolved.fromMs, toMs: resolved.toMs }, resolved);
      // Measures and progress before marks before rows: see pipeline.ts.
      const bases = resolved.metrics.flatMap(baseMetricsOf);
      const rolledUp = await rolledUpMeasures(
        pipeline,
        bases.map(({ measure }) => measure.fingerprint),
      );
      const progress = await pipeline.progress(options.eventsTopic);
      const completeMs = completeThroughMs(
        progress.map(({ arrivedThroughMs }) => arrivedThroughMs),
        options.allowedLatenessMs,
      );
      const asking: Asking = {
        organization: principal.organization,
        query: resolved,
        warehouse: options.warehouse,
        limits: options.limits,
        signal,
      };
      const rollsUp = (base: CatalogueBaseMetric) =>
        rolledUp.has(base.measure.fingerprint) && rollupsSuffice(resolved, base);
      const read = (layout: Layout) => readingOf(layout, asking, { pipeline, completeMs, rollsUp });

      const mainReading = await read(main);
      const { groups, omitted } = await rankGroups(asking, mainReading);
      checkPoints(resolved, groups.length, main);
      const figures = await readFigures(asking, mainReading, { groups, omitted });
      const compared = await readCompared(asking, { main, groups, omitted, completeMs }, read);
      const readings = [mainReading, ...(compared?.readings ?? [])];
      return {
        series: seriesOf(resolved, { main, figures, groups, compared, completeMs }),
        from: new Date(resolved.fromMs).toISOString(),
        to: new Date(resolved.toMs).toISOString(),
        granularity: resolved.granularity,
        timeZone: resolved.timeZone,
        completeThrough: completeMs === null ? null : new Date(completeMs).toISOString(),
        tiersRead: tiersRead(readings, resolved),
        estimates: estimatesOf(resolved.metrics),
        groupsOmitted: omitted,
        nextCursor: null,
      };
    },
  };
}

interface ReadingOptions {
  readonly pipeline: QueryPipeline;
  readonly completeMs: number | null;
  /** Whether rollups of the metric are there, and can tell the dimensions of the question apart. */
  readonly rollsUp: (base: CatalogueBaseMetric) => boolean;
}

async function readingOf(
  layout: Layout,
  { organization, query }: Asking,
  { pipeline, completeMs, rollsUp }: ReadingOptions,
): Promise<Reading> {
  const raw = planRaw(layout);
  const bases = query.metrics.flatMap(baseMetricsOf).filter(rollsUp);
  if (bases.length === 0) return { layout, planOf: () => raw };
  const rollups = await planLayout(layout, { organization, pipeline, completeThroughMs: completeMs });
  // Before the marks and after them: in between, another release may have cleared marks without our measures.
  const still = await rolledUpMeasures(
    pipeline,
    bases.map(({ measure }) => measure.fingerprint),
  );
  const reads = (base: CatalogueBaseMetric) => rollsUp(base) && still.has(base.measure.fingerprint);
  return { layout, planOf: (base) => (reads(base) ? rollups : raw) };
}

interface Compared {
  readonly layout: Layout;
  readonly figures: FigureTable;
  /** Of the closed part of the range and its counterpart; null when nothing of the range is closed. */
  readonly totals: { readonly current: FigureTable; readonly base: FigureTable } | null;
  readonly readings: readonly Reading[];
}

interface MainRead {
  readonly main: Layout;
  readonly groups: readonly Group[];
  readonly omitted: number;
  readonly completeMs: number | null;
}

/** Complete is compared with complete: the totals end where the range is complete, and at the same place of the base. */
async function readCompared(
  asking: Asking,
  { main, groups, omitted, completeMs }: MainRead,
  read: (layout: Layout) => Promise<Reading>,
): Promise<Compared | null> {
  const { shift, timeZone } = asking.query;
  if (shift === null) return null;
  const { fromMs, toMs } = rangeOf(main);
  const back = (ms: number) => shiftBack(ms, shift, timeZone);
  const baseFromMs = back(fromMs);
  if (back(toMs) <= baseFromMs) throw emptyBase();
  const layout = layoutOf({ fromMs: baseFromMs, toMs: back(toMs) }, asking.query);
  const closedToMs = Math.min(toMs, completeMs ?? fromMs);
  const layouts = [layout];
  if (closedToMs > fromMs && back(closedToMs) > baseFromMs) {
    layouts.push(wholeLayout({ fromMs, toMs: closedToMs }));
    layouts.push(wholeLayout({ fromMs: baseFromMs, toMs: back(closedToMs) }));
  }
  const readings: Reading[] = [];
  const tables: FigureTable[] = [];
  for (const one of layouts) {
    const reading = await read(one);
    readings.push(reading);
    tables.push(await readFigures(asking, reading, { groups, omitted }));
  }
  const [figures, current, base] = tables;
  assertThat(figures !== undefined, 'the compared range is always read');
  return {
    layout,
    figures,
    totals: current === undefined || base === undefined ? null : { current, base },
    readings,
  };
}

function emptyBase(): AppError {
  const detail = 'the range has no counterpart to compare with in this zone: ask for a longer range';
  return new AppError('invalid-query', detail, {
    faults: [{ code: 'invalid-query', pointer: '/compare', detail }],
  });
}

interface Material {
  readonly main: Layout;
  readonly figures: FigureTable;
  readonly groups: readonly Group[];
  readonly compared: Compared | null;
  readonly completeMs: number | null;
}

/** Group by group as ranked, and within a group metric by metric as asked. */
function seriesOf(query: ResolvedQuery, material: Material): Series[] {
  const { main, figures, groups, compared, completeMs } = material;
  // Index pairs the two lists of points: with a comparison no bucket may be left out.
  const fill = compared !== null && query.fill === 'none' ? 'null' : query.fill;
  const options = { fill, completeThroughMs: completeMs, nowMs: query.nowMs };
  return groups.flatMap((group) =>
    query.metrics.map((metric): Series => {
      const key = groupKey(group);
      const series = {
        metric: metric.key,
        dimensions: dimensionsOf(query.groupBy, group),
        points: pointsOf(metric, figures.get(key), { ...options, layout: main }),
      };
      if (compared === null) return series;
      const { totals } = compared;
      return {
        ...series,
        compared: {
          points: pointsOf(metric, compared.figures.get(key), { ...options, layout: compared.layout }),
          changePercent:
            totals === null ? null : changePercent(metric, totals.current.get(key), totals.base.get(key)),
        },
      };
    }),
  );
}

/** @throws query-too-expensive */
function checkPoints({ metrics }: ResolvedQuery, groups: number, { edgesMs }: Layout): void {
  const points = metrics.length * groups * (edgesMs.length - 1);
  if (points <= POINTS_MAX) return;
  throw new AppError(
    'query-too-expensive',
    `The answer could hold ${points} points (${metrics.length} metrics, ${groups} groups, ${edgesMs.length - 1} buckets), more than ${POINTS_MAX}: ask for fewer groups, a shorter range or a coarser granularity`,
  );
}

function tiersRead(readings: readonly Reading[], { metrics }: ResolvedQuery): string[] {
  const bases = metrics.flatMap(baseMetricsOf);
  const plans = readings.flatMap((reading) => bases.flatMap((base) => reading.planOf(base)));
  const read = new Set<string>(plans.map(({ source }) => source));
  return ['1d', '15m', '1m', 'raw'].filter((source) => read.has(source));
}
