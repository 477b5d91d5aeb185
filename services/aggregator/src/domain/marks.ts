import { TIER_WIDTH_MS, tierBucketStartMs, TIERS } from '@tidemark/core';
import type { Tier } from '@tidemark/core';
import type { DirtyBucket } from '@tidemark/catalog';
import type { TouchedMinute } from './batch.ts';

/** Marks remembered per partition; beyond it the memory is emptied and buckets are simply marked again. */
const REMEMBERED_MARKS_MAX = 50_000;

/** Every bucket of every tier that the minutes lie in, once each. */
export function bucketsOf(minutes: readonly TouchedMinute[]): readonly DirtyBucket[] {
  const buckets = new Map<string, DirtyBucket>();
  for (const { organization, minuteMs } of minutes) {
    for (const tier of TIERS) {
      const bucketStartMs = tierBucketStartMs(tier, minuteMs);
      buckets.set(keyOf({ tier, organization, bucketStartMs }), { tier, organization, bucketStartMs });
    }
  }
  return [...buckets.values()];
}

/**
 * Which marks one partition need not write again. A marked bucket cannot be claimed, so its mark cannot be cleared, before it
 * closes; and it does not close before this partition is said to have stored what had arrived by the bucket's end. Who says so is
 * this spell (`progressed`), or an earlier owner of the partition, who cannot have said more than its clock showed. So while
 * the bucket's end lies ahead of both, a second mark changes nothing. (Clocks that differ by more than the allowed lateness break
 * that; they break `completeThrough` first.)
 */
export class MarkMemory {
  private readonly marked = new Map<string, number>();
  private saidThroughMs = Number.NEGATIVE_INFINITY;

  /** Those of the buckets whose mark must be written now. */
  needed(buckets: readonly DirtyBucket[], nowMs: number): readonly DirtyBucket[] {
    const closable = new Set(this.closable(buckets, nowMs));
    return buckets.filter((bucket) => closable.has(bucket) || !this.marked.has(keyOf(bucket)));
  }

  /** Those of the buckets that may be closed already. */
  closable(buckets: readonly DirtyBucket[], nowMs: number): readonly DirtyBucket[] {
    const closableThroughMs = Math.max(nowMs, this.saidThroughMs);
    return buckets.filter(
      ({ tier, bucketStartMs }) => bucketStartMs + TIER_WIDTH_MS[tier] <= closableThroughMs,
    );
  }

  /** Call after the marks are durable. */
  remember(buckets: readonly DirtyBucket[]): void {
    if (this.marked.size + buckets.length > REMEMBERED_MARKS_MAX) this.marked.clear();
    for (const bucket of buckets) {
      const endMs = bucket.bucketStartMs + TIER_WIDTH_MS[bucket.tier];
      if (endMs > this.saidThroughMs) this.marked.set(keyOf(bucket), endMs);
    }
  }

  /** Call BEFORE the progress may be seen by anybody. */
  progressed(arrivedThroughMs: number): void {
    if (arrivedThroughMs <= this.saidThroughMs) return;
    this.saidThroughMs = arrivedThroughMs;
    for (const [key, endMs] of this.marked) if (endMs <= arrivedThroughMs) this.marked.delete(key);
  }
}

function keyOf(bucket: {
  readonly tier: Tier;
  readonly organization: string;
  readonly bucketStartMs: number;
}): string {
  return `${bucket.organization} ${bucket.tier} ${bucket.bucketStartMs}`;
}
