import {
  bucketBoundaries,
  type Buckets,
  type OrganizationId,
  type Tier,
  TIER_WIDTH_MS,
} from '@tidemark/core';
import type { QueryPipeline } from './pipeline.ts';
import { type Interval, planSources, type SourcePlan, type TierState } from './plan.ts';
import type { ResolvedQuery } from './validate.ts';

/** One pass over the data: a range, cut into output buckets or whole. */
export interface Layout extends Buckets {
  /** False: one point over the range. */
  readonly bucketed: boolean;
}

/** @throws query-too-expensive */
export function layoutOf(
  range: Interval,
  query: Pick<ResolvedQuery, 'granularity' | 'timeZone' | 'weekStart' | 'fiscalYearStart'>,
): Layout {
  const { granularity, timeZone, weekStart, fiscalYearStart } = query;
  if (granularity === null) return wholeLayout(range);
  const request = { ...range, granularity, timeZone, weekStart, fiscalYearStart };
  return { ...bucketBoundaries(request), bucketed: true };
}

export function wholeLayout({ fromMs, toMs }: Interval): Layout {
  return { edgesMs: [fromMs, toMs], firstClipped: false, lastClipped: false, bucketed: false };
}

export function rangeOf({ edgesMs }: Layout): Interval {
  return { fromMs: edgesMs[0] ?? 0, toMs: edgesMs.at(-1) ?? 0 };
}

/** The tiers with their marks, widest first; those without a whole closed cell in the range are left out. */
const WIDEST_FIRST = ['1d', '15m', '1m'] as const satisfies readonly Tier[];

export interface TierReading {
  readonly organization: OrganizationId;
  readonly pipeline: QueryPipeline;
  readonly completeThroughMs: number | null;
}

/**
 * Reads the marks that matter and plans. Marks of the finest tier are read only where the wider ones leave a gap: after a
 * rebuild of a year there are half a million of them.
 */
export async function planLayout(layout: Layout, reading: TierReading): Promise<SourcePlan> {
  const { completeThroughMs } = reading;
  const { edgesMs } = layout;
  const range = rangeOf(layout);
  const tiers: TierState[] = [];
  for (const tier of WIDEST_FIRST) {
    const left = planSources({ edgesMs, completeThroughMs, tiers }).find(({ source }) => source === 'raw');
    const gap = hullOf(left?.intervals ?? [], completeThroughMs ?? range.fromMs);
    if (gap === null || gap.toMs - gap.fromMs < TIER_WIDTH_MS[tier]) continue;
    const dirtyMs = await reading.pipeline.dirtyBuckets(reading.organization, tier, gap.fromMs, gap.toMs);
    tiers.push({ tier, dirtyMs });
  }
  return planSources({ edgesMs, completeThroughMs, tiers });
}

/** Raw rows alone: for dimensions that are not rolled up. */
export function planRaw(layout: Layout): SourcePlan {
  return planSources({ edgesMs: layout.edgesMs, completeThroughMs: null, tiers: [] });
}

function hullOf(intervals: readonly Interval[], beforeMs: number): Interval | null {
  const fromMs = intervals[0]?.fromMs;
  const toMs = Math.min(intervals.at(-1)?.toMs ?? beforeMs, beforeMs);
  return fromMs === undefined || fromMs >= toMs ? null : { fromMs, toMs };
}
