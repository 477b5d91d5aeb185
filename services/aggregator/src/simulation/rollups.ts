/** Rollups, simulated: a recomputation is described by how much of raw it has seen. */
import { tierBucketStartMs, TIERS } from '@tidemark/core';
import type { DirtyBucket } from '@tidemark/catalog';
import type { RawRow } from './raw.ts';

export interface Rollup {
  readonly version: bigint;
  /** Every row of raw up to this sequence is in it. */
  readonly throughSequence: number;
}

export class BucketTable {
  private readonly rollups = new Map<string, Rollup>();

  /** Of one bucket the rollup with the greatest version stands. */
  write(bucket: DirtyBucket, rollup: Rollup): void {
    const key = bucketKey(bucket);
    const known = this.rollups.get(key);
    if (known === undefined || rollup.version > known.version) this.rollups.set(key, rollup);
  }

  hasSeen(bucket: DirtyBucket, sequence: number): boolean {
    return (this.rollups.get(bucketKey(bucket))?.throughSequence ?? 0) >= sequence;
  }

  greatestVersion(): bigint {
    let greatest = 0n;
    for (const { version } of this.rollups.values()) if (version > greatest) greatest = version;
    return greatest;
  }
}

export function bucketKey({ organization, tier, bucketStartMs }: DirtyBucket): string {
  return `${organization} ${tier} ${bucketStartMs}`;
}

/** The bucket of each tier that the row lies in. */
export function bucketsOfRow({ organization, minuteMs }: RawRow): readonly DirtyBucket[] {
  return TIERS.map((tier) => ({
    tier,
    organization,
    bucketStartMs: tierBucketStartMs(tier, minuteMs),
  }));
}
