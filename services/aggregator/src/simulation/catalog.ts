/** The catalog, simulated: the marks of dirty buckets and the progress of partitions, each call one atomic step. */
import { TIER_SETTLE_MS, TIER_WIDTH_MS } from '@tidemark/core';
import type {
  Claim,
  ClaimedBucket,
  ClaimOptions,
  DirtyBucket,
  Hold,
  PartitionProgress,
} from '@tidemark/catalog';
import { bucketKey } from './rollups.ts';

interface Mark {
  readonly bucket: DirtyBucket;
  mark: bigint;
  waitingSinceMs: number;
  notBeforeMs: number | null;
  leaseUntilMs: number;
  claimVersion: bigint | null;
  readonly holds: Map<string, number>;
}

export interface CatalogObserver {
  onProgress(progress: PartitionProgress): void;
  onCleared(bucket: DirtyBucket): void;
}

/** What `packages/catalog` says in SQL, said in memory. */
export class SimulatedPipeline {
  private readonly observer: CatalogObserver;
  private readonly marks = new Map<string, Mark>();
  private readonly recorded = new Map<number, PartitionProgress>();
  private drawn = 0n;
  private adopted: readonly string[] = [];

  constructor(observer: CatalogObserver) {
    this.observer = observer;
  }

  isDirty(bucket: DirtyBucket): boolean {
    return this.marks.has(bucketKey(bucket));
  }

  /** Whether somebody still has to recompute a bucket that has closed. */
  hasClosedMarks(closedThroughMs: number): boolean {
    for (const { bucket } of this.marks.values()) if (endMs(bucket) <= closedThroughMs) return true;
    return false;
  }

  progress(): readonly PartitionProgress[] {
    return [...this.recorded.values()];
  }

  recordProgress(progress: readonly PartitionProgress[]): void {
    for (const entry of progress) {
      const known = this.recorded.get(entry.partition);
      const next = {
        ...entry,
        nextOffset: Math.max(entry.nextOffset, known?.nextOffset ?? 0),
        arrivedThroughMs: Math.max(entry.arrivedThroughMs, known?.arrivedThroughMs ?? 0),
      };
      this.recorded.set(entry.partition, next);
      this.observer.onProgress(next);
    }
  }

  markDirty(buckets: readonly DirtyBucket[], nowMs: number, holder?: string): void {
    this.mark(buckets, nowMs);
    if (holder === undefined) return;
    for (const bucket of buckets) this.marks.get(bucketKey(bucket))?.holds.delete(holder);
  }

  holdDirty(buckets: readonly DirtyBucket[], nowMs: number, { holder, untilMs }: Hold): void {
    this.mark(buckets, nowMs);
    for (const bucket of buckets) this.marks.get(bucketKey(bucket))?.holds.set(holder, untilMs);
  }

  private mark(buckets: readonly DirtyBucket[], nowMs: number): void {
    const mark = this.draw();
    for (const bucket of buckets) {
      const known = this.marks.get(bucketKey(bucket));
      const notBeforeMs = nowMs + TIER_SETTLE_MS[bucket.tier];
      if (known === undefined) {
        this.marks.set(bucketKey(bucket), {
          bucket,
          mark,
          waitingSinceMs: nowMs,
          notBeforeMs,
          leaseUntilMs: 0,
          claimVersion: null,
          holds: new Map(),
        });
        continue;
      }
      known.mark = mark;
      if (known.notBeforeMs !== null || known.leaseUntilMs <= nowMs) continue;
      known.waitingSinceMs = nowMs;
      known.notBeforeMs = notBeforeMs;
    }
  }

  claimDirty({ nowMs, closedThroughMs, leaseMs, maxBuckets, measures }: ClaimOptions): Claim | null {
    if (!this.areAdopted(measures)) return null;
    const due = [...this.marks.values()].filter(
      ({ bucket, notBeforeMs, leaseUntilMs, holds }) =>
        leaseUntilMs <= nowMs &&
        (notBeforeMs ?? nowMs) <= nowMs &&
        [...holds.values()].every((untilMs) => untilMs <= nowMs) &&
        endMs(bucket) <= closedThroughMs,
    );
    const first = due.sort(byTierAndWait)[0];
    if (first === undefined) return null;
    const { organization, tier } = first.bucket;
    const picked = due
      .filter(({ bucket }) => bucket.organization === organization && bucket.tier === tier)
      .sort((a, b) => a.bucket.bucketStartMs - b.bucket.bucketStartMs)
      .slice(0, maxBuckets);
    const version = this.draw();
    for (const mark of picked) {
      mark.leaseUntilMs = nowMs + leaseMs;
      mark.claimVersion = version;
      mark.notBeforeMs = null;
      mark.waitingSinceMs = nowMs;
      mark.holds.clear();
    }
    const buckets = picked.map(({ bucket, mark }): ClaimedBucket => ({ ...bucket, mark }));
    return { measures, version, buckets };
  }

  clearDirty(claim: Claim): void {
    if (this.areAdopted(claim.measures)) {
      for (const bucket of claim.buckets) {
        if (this.marks.get(bucketKey(bucket))?.mark !== bucket.mark) continue;
        this.marks.delete(bucketKey(bucket));
        this.observer.onCleared(bucket);
      }
    }
    this.releaseClaim(claim);
  }

  releaseClaim({ buckets, version }: Claim): void {
    for (const bucket of buckets) {
      const known = this.marks.get(bucketKey(bucket));
      if (known?.claimVersion !== version) continue;
      known.leaseUntilMs = 0;
      known.claimVersion = null;
    }
  }

  raiseVersion(version: bigint): void {
    if (version > this.drawn) this.drawn = version;
  }

  adoptMeasures(fingerprints: readonly string[]): void {
    this.adopted = [...new Set(fingerprints)].sort();
  }

  areAdopted(fingerprints: readonly string[]): boolean {
    return [...new Set(fingerprints)].sort().join() === this.adopted.join();
  }

  private draw(): bigint {
    this.drawn += 1n;
    return this.drawn;
  }
}

function endMs({ tier, bucketStartMs }: DirtyBucket): number {
  return bucketStartMs + TIER_WIDTH_MS[tier];
}

function byTierAndWait(a: Mark, b: Mark): number {
  return TIER_WIDTH_MS[a.bucket.tier] - TIER_WIDTH_MS[b.bucket.tier] || a.waitingSinceMs - b.waitingSinceMs;
}
