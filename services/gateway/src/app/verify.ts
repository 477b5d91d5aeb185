import { isAppError, SECOND_MS, tierBucketStartMs } from '@tidemark/core';
import type { Catalogue, Clock, Tier } from '@tidemark/core';
import type { PipelineState } from '@tidemark/catalog';
import { EVENTS_TOPIC } from '@tidemark/contracts';
import type { Verified } from '@tidemark/contracts';
import { verifyBuckets } from '@tidemark/query';
import type { Verification } from '@tidemark/query';
import type { EventStore, RollupStore } from '@tidemark/warehouse';
import { searchCopies } from './copies-search.ts';
import { closedThrough } from './rebuild.ts';
import type { EventTimeRange } from './rebuild.ts';

/** Of one statement. */
const COMPARE_TIMEOUT_MS = 30 * SECOND_MS;
const NOT_SEARCHED = { found: [], throughMs: null, parts: 0 } as const;

export interface VerifyDependencies {
  readonly pipeline: Pick<PipelineState, 'progress' | 'dirtyBuckets' | 'unknownMeasures'>;
  readonly events: Pick<EventStore, 'minutesWithin' | 'minutesFrom' | 'duplicatesWithin'>;
  readonly rollups: Pick<RollupStore, 'bucketsWithin' | 'compare'>;
  readonly catalogue: Catalogue;
  readonly clock: Clock;
  readonly allowedLatenessMs: number;
}

export interface VerifyScope {
  readonly tiers: readonly Tier[];
  /** Whether events that are there twice are looked for. */
  readonly duplicates: boolean;
}

/**
 * Holds the rollups of the closed, clean buckets that touch the range to what raw gives now, and looks for events that are in raw more than
 * once. Changes nothing. What takes too much at once is told as not done, and does not keep the rest from being done.
 *
 * @throws catalog-unavailable, warehouse-unavailable
 */
export async function verifyRange(
  dependencies: VerifyDependencies,
  range: EventTimeRange,
  scope: VerifyScope,
): Promise<Verified> {
  const { fromMs, toMs } = range;
  const closedThroughMs = (await closedThrough(dependencies)) ?? 0;
  const differences: Verified['differences'] = [];
  const notCompared: Verified['notCompared'] = [];
  let checkedBuckets = 0;
  let skippedDirty = 0;
  let isTruncated = false;
  for (const tier of scope.tiers) {
    try {
      const found = await verifyTier(dependencies, range, tier, closedThroughMs);
      checkedBuckets += found.checkedBuckets;
      skippedDirty += found.skippedDirty;
      isTruncated ||= found.isTruncated;
      differences.push(...toDifferences(dependencies.catalogue, tier, found));
    } catch (error) {
      if (!isAppError(error, 'query-timeout') && !isAppError(error, 'query-too-expensive')) throw error;
      notCompared.push({ tier, code: error.code, detail: error.message });
    }
  }
  const search = scope.duplicates ? await searchCopies(dependencies, range) : NOT_SEARCHED;
  return {
    from: new Date(fromMs).toISOString(),
    to: new Date(toMs).toISOString(),
    checkedBuckets,
    skippedDirty,
    differences,
    isTruncated,
    notCompared,
    duplicates: search.found.map(({ source, id, copies }) => ({ source, id, copies })),
    duplicatesSearchedThrough: new Date(search.throughMs ?? fromMs).toISOString(),
    duplicatesParts: search.parts,
  };
}

function verifyTier(
  { catalogue, events, pipeline, rollups }: VerifyDependencies,
  { organization, fromMs, toMs }: EventTimeRange,
  tier: Tier,
  closedThroughMs: number,
): Promise<Verification> {
  return verifyBuckets(
    { pipeline, rollups, events, measures: catalogue.measures, eventsTopic: EVENTS_TOPIC },
    {
      organization,
      tier,
      fromMs: tierBucketStartMs(tier, fromMs),
      toMs,
      closedThroughMs,
      timeoutMs: COMPARE_TIMEOUT_MS,
    },
  );
}

function toDifferences(
  catalogue: Catalogue,
  tier: Tier,
  { differences }: Verification,
): Verified['differences'] {
  return differences.map(({ bucketStartMs, measure, dimensions, columns, raw, rollup }) => ({
    tier,
    bucket: new Date(bucketStartMs).toISOString(),
    metrics: metricsOf(catalogue, measure),
    measure,
    dimensions: [...dimensions],
    columns: [...columns],
    raw,
    rollup,
  }));
}

function metricsOf({ metrics }: Catalogue, fingerprint: string): string[] {
  return metrics.flatMap((metric) =>
    metric.kind === 'base' && metric.measure.fingerprint === fingerprint ? [metric.key] : [],
  );
}
