import {
  completeThroughMs,
  DAY_MS,
  MINUTE_MS,
  TIER_WIDTH_MS,
  tierBucketStartMs,
  TIERS,
} from '@tidemark/core';
import type { Clock, OrganizationId } from '@tidemark/core';
import type { DirtyBucket, PipelineState } from '@tidemark/catalog';
import { EVENTS_TOPIC } from '@tidemark/contracts';
import type { EventStore, RollupStore } from '@tidemark/warehouse';

/** Event time looked through in one step: its minutes fit in memory and in one answer of the warehouse. */
const STEP_DAYS = 30;
/** Buckets marked in one statement. */
const MARKS_PER_CALL_MAX = 5_000;

export interface RebuildDependencies {
  readonly pipeline: Pick<PipelineState, 'markDirtyNow' | 'countDirtyWithin' | 'dirtyBuckets' | 'progress'>;
  readonly events: Pick<EventStore, 'minutesWithin'>;
  readonly rollups: Pick<RollupStore, 'bucketsWithin'>;
  readonly clock: Clock;
  readonly allowedLatenessMs: number;
}

/** Event time of one organization, [fromMs, toMs). */
export interface EventTimeRange {
  readonly organization: OrganizationId;
  readonly fromMs: number;
  readonly toMs: number;
}

export interface RebuildProgress {
  /** Closed buckets of all tiers that touch the range and are dirty. */
  readonly dirtyBuckets: number;
  readonly closedThroughMs: number | null;
}

/**
 * Marks every bucket of all tiers that touches the range and has rows in raw or in its rollup: the rollup worker makes their rollups anew,
 * of every measure, as they close. No answer changes by it: a dirty bucket is answered from raw, and the rows of a recomputation replace those
 * before at once. Idempotent; after a failure, call again.
 *
 * @param eventTypes raw is searched for these alone; null: for any
 * @returns how many buckets were marked
 * @throws catalog-unavailable, warehouse-unavailable, query-timeout
 */
export async function markForRebuild(
  { pipeline, events, rollups, clock }: RebuildDependencies,
  { organization, fromMs, toMs }: EventTimeRange,
  eventTypes: readonly string[] | null,
): Promise<number> {
  let buckets = 0;
  for (let start = tierBucketStartMs('1d', fromMs); start < toMs; start += STEP_DAYS * DAY_MS) {
    const step = {
      fromMs: Math.max(start, tierBucketStartMs('1m', fromMs)),
      toMs: Math.min(start + STEP_DAYS * DAY_MS, toMs),
    };
    const minutes = await events.minutesWithin({
      organization,
      fromMs: step.fromMs,
      toMs: Math.ceil(step.toMs / MINUTE_MS) * MINUTE_MS,
      eventTypes,
    });
    for (const tier of TIERS) {
      const firstMs = tierBucketStartMs(tier, step.fromMs);
      const starts = new Set(minutes.map((minuteMs) => tierBucketStartMs(tier, minuteMs)));
      for (const bucketMs of await rollups.bucketsWithin(organization, tier, firstMs, step.toMs)) {
        starts.add(bucketMs);
      }
      await markAll(
        pipeline,
        [...starts].map((bucketStartMs) => ({ tier, organization, bucketStartMs })),
        clock.nowMs(),
      );
      buckets += starts.size;
    }
  }
  return buckets;
}

async function markAll(
  pipeline: Pick<PipelineState, 'markDirtyNow'>,
  buckets: readonly DirtyBucket[],
  nowMs: number,
): Promise<void> {
  for (let start = 0; start < buckets.length; start += MARKS_PER_CALL_MAX) {
    await pipeline.markDirtyNow(buckets.slice(start, start + MARKS_PER_CALL_MAX), nowMs);
  }
}

/** @throws catalog-unavailable */
export async function closedThrough({
  pipeline,
  allowedLatenessMs,
}: {
  readonly pipeline: Pick<PipelineState, 'progress'>;
  readonly allowedLatenessMs: number;
}): Promise<number | null> {
  const progress = await pipeline.progress(EVENTS_TOPIC);
  return completeThroughMs(
    progress.map(({ arrivedThroughMs }) => arrivedThroughMs),
    allowedLatenessMs,
  );
}

/**
 * Counting by start, the buckets of the range are those that begin in it, and of each tier the one that has begun before. Of those, at
 * most one of each tier is still open at the watermark although it has begun.
 *
 * @throws catalog-unavailable
 */
export async function rebuildProgress(
  dependencies: Pick<RebuildDependencies, 'pipeline' | 'allowedLatenessMs'>,
  { organization, fromMs, toMs }: EventTimeRange,
): Promise<RebuildProgress> {
  const { pipeline } = dependencies;
  const closedThroughMs = await closedThrough(dependencies);
  const firstMs = tierBucketStartMs('1m', fromMs);
  const endMs = Math.min(toMs, closedThroughMs ?? firstMs);
  if (closedThroughMs === null || endMs <= firstMs) return { dirtyBuckets: 0, closedThroughMs };
  let dirtyBuckets = await pipeline.countDirtyWithin(organization, firstMs, endMs);
  for (const tier of TIERS) {
    const width = TIER_WIDTH_MS[tier];
    const headMs = tierBucketStartMs(tier, firstMs);
    if (headMs < firstMs && headMs + width <= closedThroughMs) {
      dirtyBuckets += (await pipeline.dirtyBuckets(organization, tier, headMs, headMs + 1)).length;
    }
    const openMs = tierBucketStartMs(tier, endMs - 1);
    if (openMs >= firstMs && openMs + width > closedThroughMs) {
      dirtyBuckets -= (await pipeline.dirtyBuckets(organization, tier, openMs, openMs + 1)).length;
    }
  }
  return { dirtyBuckets: Math.max(0, dirtyBuckets), closedThroughMs };
}
