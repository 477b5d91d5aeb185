import { describe, expect, it } from '@jest/globals';
import { DAY_MS, MINUTE_MS, TIER_WIDTH_MS } from '@tidemark/core';
import {
  ACME,
  assertClaimed,
  bucket,
  claimOptions,
  GLOBEX,
  minutes,
  NOW_MS,
  type Replicas,
} from './harness.ts';

export function describeMarks(replicas: () => Replicas): void {
  describe('buckets marked for now', () => {
    it('are due at once in every tier, the finest first', async () => {
      const { pipeline } = replicas().first;
      await pipeline.markDirtyNow(
        [bucket(ACME, '1d', 0), bucket(ACME, '15m', 0), ...minutes(ACME, 1)],
        NOW_MS,
      );
      await pipeline.markDirtyNow([], NOW_MS);
      const tiers: (string | undefined)[] = [];
      for (let turn = 0; turn < 4; turn += 1) {
        tiers.push((await pipeline.claimDirty(claimOptions()))?.buckets[0]?.tier);
      }
      expect(tiers).toEqual(['1m', '15m', '1d', undefined]);
    });

    it('are due where a mark waits already, and stay so when they are marked again', async () => {
      const { pipeline } = replicas().first;
      await pipeline.markDirty([bucket(ACME, '1d', 0)], NOW_MS);
      expect(await pipeline.claimDirty(claimOptions())).toBeNull();
      await pipeline.markDirtyNow([bucket(ACME, '1d', 0)], NOW_MS);
      await pipeline.markDirty([bucket(ACME, '1d', 0)], NOW_MS);
      expect(await pipeline.claimDirty(claimOptions())).not.toBeNull();
    });

    it('stay due when they were due', async () => {
      const { pipeline } = replicas().first;
      await pipeline.markDirty([bucket(ACME, '15m', 0)], NOW_MS - MINUTE_MS);
      const claim = await pipeline.claimDirty(claimOptions());
      assertClaimed(claim);
      await pipeline.releaseClaim(claim);
      await pipeline.markDirtyNow([bucket(ACME, '15m', 0)], NOW_MS);
      expect(await pipeline.claimDirty(claimOptions())).not.toBeNull();
    });

    it('are due as soon as the claim that holds them is over, and not cleared by it', async () => {
      const { first, second } = replicas();
      await first.pipeline.markDirtyNow([bucket(ACME, '1d', 0)], NOW_MS);
      const claim = await first.pipeline.claimDirty(claimOptions());
      assertClaimed(claim);
      await second.pipeline.markDirty([bucket(ACME, '1d', 0)], NOW_MS);
      await second.pipeline.markDirtyNow([bucket(ACME, '1d', 0)], NOW_MS);
      expect(await second.pipeline.claimDirty(claimOptions())).toBeNull();
      await first.pipeline.clearDirty(claim);
      const next = await second.pipeline.claimDirty(claimOptions());
      assertClaimed(next);
      expect(next.version).toBeGreaterThan(claim.version);
    });
  });

  describe('dirty buckets of a range', () => {
    it('are counted over all tiers by their start, half-open, of one organization', async () => {
      const { pipeline } = replicas().first;
      const [last, before] = minutes(ACME, 2).map((entry) => entry.bucketStartMs);
      const day = bucket(ACME, '1d', 0);
      await pipeline.markDirty([...minutes(ACME, 2), bucket(ACME, '15m', 0), day], NOW_MS);
      await pipeline.markDirty(minutes(GLOBEX, 9), NOW_MS);
      expect(await pipeline.countDirtyWithin(ACME, NOW_MS - 2 * DAY_MS, NOW_MS)).toBe(4);
      expect(await pipeline.countDirtyWithin(ACME, before ?? 0, last ?? 0)).toBe(1);
      expect(await pipeline.countDirtyWithin(ACME, day.bucketStartMs, day.bucketStartMs + 1)).toBe(1);
      expect(await pipeline.countDirtyWithin(ACME, day.bucketStartMs + 1, NOW_MS)).toBe(3);
      expect(await pipeline.countDirtyWithin(ACME, NOW_MS, NOW_MS + TIER_WIDTH_MS['1d'])).toBe(0);
    });
  });
}
