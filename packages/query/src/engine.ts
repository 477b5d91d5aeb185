import {
  AppError,
  type Answer,
  baseMetricsOf,
  type Catalogue,
  type CatalogueBaseMetric,
  type Clock,
  completeThroughMs,
  type DistributionAnswer,
  type DistributionQuery,
  type OrganizationId,
  type Principal,
  type Query,
  type Series,
} from '@tidemark/core';
import type { WarehouseExecutor } from '@tidemark/warehouse';
import { type Asking, type Reading, rankGroups, readFigures } from './asking.ts';
import type { Selection } from './ranking.ts';
import { type Compared, readCompared } from './compared.ts';
import { questionHash, writeCursor } from './cursor.ts';
import { readDistribution } from './distribution.ts';
import { resolveDistribution } from './distribution-query.ts';
import { estimatesOf } from './estimates.ts';
import { POINTS_MAX, type StatementLimits } from './limits.ts';
import { type QueryPipeline, rolledUpMeasures } from './pipeline.ts';
import { changePercent, dimensionsOf, type FigureTable, groupKey, OTHER_KEY, pointsOf } from './series.ts';
import { type Layout, layoutOf, planLayout, planRaw } from './sources.ts';
import { createSubjectLookup, type SubjectLookup } from './subjects/lookup.ts';
import { rawBesideMetrics } from './subjects/sources.ts';
import { type ResolvedQuery, resolveQuery, rollupsSuffice } from './validate.ts';

export interface AskingContext {
  readonly catalogue: Catalogue;
  /** Of questions that do not say; UTC, Monday and January when absent. */
  readonly calendar?: Pick<Query, 'timeZone' | 'weekStart' | 'fiscalYearStart'>;
}

export interface QueryEngineOptions {
  readonly warehouse: Pick<WarehouseExecutor, 'query'>;
  readonly pipeline: QueryPipeline;
  /** What the organization may ask, and what its questions take for granted. Called for every question. @throws catalog-unavailable */
  readonly contextOf: (organization: OrganizationId) => AskingContext | Promise<AskingContext>;
  readonly clock: Clock;
  /** What each statement of a question of the organization may cost. Called for every question. */
  readonly limitsOf: (organization: OrganizationId) => StatementLimits | Promise<StatementLimits>;
  /** The topic whose progress closes buckets. */
  readonly eventsTopic: string;
  /** As the aggregator's: how long after its end a bucket is still open. */
  readonly allowedLatenessMs: number;
}

/** The one place where questions become numbers: REST, live feed, exports, reports and alerts all ask here. */
export interface QueryEngine extends SubjectLookup {
  /**
   * Sees rows of the principal's organization only. Safe to call concurrently; does not write.
   *
   * @throws unknown-metric, invalid-query, forbidden (with all faults); query-too-expensive, query-timeout;
   * warehouse-unavailable, catalog-unavailable
   */
  ask(
    principal: Pick<Principal, 'organization' | 'role' | 'user'>,
    query: Query,
    options?: {
      readonly signal?: AbortSignal;
      /** The instant of asking; the clock's when absent. */
      readonly nowMs?: number;
      /** What `resolve` has made of the question at that instant: it is answered, whatever has changed since. */
      readonly resolved?: ResolvedQuery;
    },
  ): Promise<Answer>;
  /**
   * How the values of a metric lie, exactly: of events from raw, as long as raw is kept; of subjects as they are now.
   * @throws as `ask`
   */
  distribute(
    principal: Pick<Principal, 'organization' | 'role' | 'user'>,
    query: DistributionQuery,
    options?: { readonly signal?: AbortSignal; readonly nowMs?: number },
  ): Promise<DistributionAnswer>;
  /**
   * What the question means to the principal at this instant: equal ones have the same answer, as long as nothing is stored or closed.
   * @throws unknown-metric, invalid-query, forbidden (with all faults); catalog-unavailable
   */
  resolve(
    principal: Pick<Principal, 'organization' | 'role' | 'user'>,
    query: Query,
    nowMs: number,
  ): Promise<ResolvedQuery>;
}

export function createQueryEngine(options: QueryEngineOptions): QueryEngine {
  const { clock, pipeline } = options;
  const resolve: QueryEngine['resolve'] = async ({ organization, role, user }, query, nowMs) => {
    const { catalogue, calendar } = await options.contextOf(organization);
    return resolveQuery({ ...calendar, ...query }, { catalogue, role, user, nowMs });
  };
  const completeness = async () => {
    const progress = await pipeline.progress(options.eventsTopic);
    return completeThroughMs(
      progress.map(({ arrivedThroughMs }) => arrivedThroughMs),
      options.allowedLatenessMs,
    );
  };
  const lookup = createSubjectLookup({
    ...options,
    catalogueOf: async (organization) => (await options.contextOf(organization)).catalogue,
    completeThrough: completeness,
  });
  return {
    ...lookup,
    resolve,
    async distribute(principal, query, { signal, nowMs = clock.nowMs() } = {}) {
      const { organization, role, user } = principal;
      const { catalogue, calendar } = await options.contextOf(organization);
      const resolved = resolveDistribution({ ...calendar, ...query }, { catalogue, role, user, nowMs });
      const completeMs = await completeness();
      const found = await readDistribution({
        organization,
        query: resolved,
        warehouse: options.warehouse,
        limits: await options.limitsOf(organization),
        besideFacts: await rawBesideMetrics([resolved.metric], {
          organization,
          pipeline,
          completeThroughMs: completeMs,
        }),
        signal,
      });
      return {
        ...found,
        metric: resolved.metric.key,
        from: new Date(resolved.fromMs).toISOString(),
        to: new Date(resolved.toMs).toISOString(),
        timeZone: resolved.timeZone,
        completeThrough: completeMs === null ? null : new Date(completeMs).toISOString(),
      };
    },
    async ask(principal, query, { signal, nowMs = clock.nowMs(), resolved: known } = {}) {
      const resolved = known ?? (await resolve(principal, query, nowMs));
      const main = layoutOf({ fromMs: resolved.fromMs, toMs: resolved.toMs }, resolved);
      // Measures and progress before marks before rows: see pipeline.ts.
      const bases = resolved.metrics.flatMap(baseMetricsOf);
      const rolledUp = await rolledUpMeasures(
        pipeline,
        principal.organization,
        bases.map(({ measure }) => measure.fingerprint),
      );
      const completeMs = await completeness();
      const asking: Asking = {
        organization: principal.organization,
        query: resolved,
        warehouse: options.warehouse,
        limits: await options.limitsOf(principal.organization),
        besideFacts: await rawBesideMetrics(resolved.metrics, {
          organization: principal.organization,
          pipeline,
          completeThroughMs: completeMs,
        }),
        signal,
      };
      const rollsUp = (base: CatalogueBaseMetric) =>
        rolledUp.has(base.measure.fingerprint) && rollupsSuffice(resolved, base);
      const read = (layout: Layout) => readingOf(layout, asking, { pipeline, completeMs, rollsUp });

      const mainReading = await read(main);
      const selection = await rankGroups(asking, mainReading);
      checkPoints(resolved, selection, main);
      const figures = await readFigures(asking, mainReading, selection);
      const compared = await readCompared(asking, { main, selection, completeMs }, read);
      const readings = [mainReading, ...(compared?.readings ?? [])];
      return {
        series: seriesOf(resolved, { main, figures, selection, compared, completeMs }),
        from: new Date(resolved.fromMs).toISOString(),
        to: new Date(resolved.toMs).toISOString(),
        granularity: resolved.granularity,
        timeZone: resolved.timeZone,
        completeThrough: completeMs === null ? null : new Date(completeMs).toISOString(),
        tiersRead: tiersRead(readings, asking),
        estimates: estimatesOf(resolved.metrics),
        groupsOmitted: selection.omitted,
        nextCursor: nextCursorOf(selection, resolved, nowMs),
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
    organization,
    bases.map(({ measure }) => measure.fingerprint),
  );
  const reads = (base: CatalogueBaseMetric) => rollsUp(base) && still.has(base.measure.fingerprint);
  return { layout, planOf: (base) => (reads(base) ? rollups : raw) };
}

interface Material {
  readonly main: Layout;
  readonly figures: FigureTable;
  readonly selection: Selection;
  readonly compared: Compared | null;
  readonly completeMs: number | null;
}

/** Group by group as ranked, all others last, and within a group metric by metric as asked. */
function seriesOf(query: ResolvedQuery, material: Material): Series[] {
  const { main, figures, selection, compared, completeMs } = material;
  // Index pairs the two lists of points: with a comparison no bucket may be left out.
  const fill = compared !== null && query.fill === 'none' ? 'null' : query.fill;
  const options = { fill, completeThroughMs: completeMs, nowMs: query.nowMs };
  const shown = selection.groups.map((group) => ({ group, key: groupKey(group) }));
  const hasOther = query.other && selection.omitted > 0;
  return [...shown, ...(hasOther ? [{ group: null, key: OTHER_KEY }] : [])].flatMap(({ group, key }) =>
    query.metrics.map((metric): Series => {
      const series = {
        metric: metric.key,
        dimensions: dimensionsOf(query.groupBy, group),
        ...(group === null ? { isOther: true as const } : {}),
        points: pointsOf(metric, figures.get(key), { ...options, layout: main }),
      };
      if (compared === null) return series;
      const { totals } = compared;
      const totalOf = ({ range, figures: table }: NonNullable<typeof totals>['base']) => ({
        range,
        figures: table.get(key),
      });
      return {
        ...series,
        compared: {
          points: pointsOf(metric, compared.figures.get(key), { ...options, layout: compared.layout }),
          changePercent:
            totals === null
              ? null
              : changePercent(metric, totalOf(totals.current), totalOf(totals.base), query.nowMs),
        },
      };
    }),
  );
}

/** @param nowMs the instant of asking; all pages keep that of the first */
function nextCursorOf({ next }: Selection, resolved: ResolvedQuery, nowMs: number): string | null {
  if (next === null) return null;
  return writeCursor({ ...next, nowMs: resolved.after?.nowMs ?? nowMs }, questionHash(resolved));
}

/** @throws query-too-expensive */
function checkPoints({ metrics, other }: ResolvedQuery, selection: Selection, { edgesMs }: Layout): void {
  const groups = selection.groups.length + (other && selection.omitted > 0 ? 1 : 0);
  const points = metrics.length * groups * (edgesMs.length - 1);
  if (points <= POINTS_MAX) return;
  throw new AppError(
    'query-too-expensive',
    `The answer could hold ${points} points (${metrics.length} metrics, ${groups} groups, ${edgesMs.length - 1} buckets), more than ${POINTS_MAX}: ask for fewer groups, a shorter range or a coarser granularity`,
  );
}

function tiersRead(readings: readonly Reading[], { query, besideFacts }: Asking): string[] {
  const bases = query.metrics.flatMap(baseMetricsOf);
  const plans = readings.flatMap((reading) => bases.flatMap((base) => reading.planOf(base)));
  const read = new Set<string>(plans.map(({ source }) => source));
  if (besideFacts.length > 0) read.add('subjects').add('raw');
  return ['1d', '15m', '1m', 'subjects', 'raw'].filter((source) => read.has(source));
}
