import { describe, expect, it } from '@jest/globals';
import { DAY_MS, MINUTE_MS, TIER_SETTLE_MS } from '@tidemark/core';
import type { Claim } from '../port.ts';
import {
  ACME,
  assertClaimed,
  bucket,
  claimOptions,
  GLOBEX,
  LEASE_MS,
  minutes,
  NOW_MS,
  type Replicas,
  startsOf,
} from './harness.ts';

export function describeClaims(replicas: () => Replicas): void {
  describe('dirty buckets', () => {
    it('are told by organization, tier and range, ascending, half-open', async () => {
      const { pipeline } = replicas().first;
      const [last, before, oldest] = minutes(ACME, 3).map((entry) => entry.bucketStartMs);
      await pipeline.markDirty(
        [...minutes(ACME, 3), bucket(GLOBEX, '1m', 1), bucket(ACME, '15m', 0)],
        NOW_MS,
      );
      expect(await pipeline.dirtyBuckets(ACME, '1m', 0, NOW_MS)).toEqual([oldest, before, last]);
      expect(await pipeline.dirtyBuckets(ACME, '1m', oldest ?? 0, last ?? 0)).toEqual([oldest, before]);
      expect(await pipeline.dirtyBuckets(ACME, '1m', 0, NOW_MS, 2)).toEqual([oldest, before]);
      expect(await pipeline.countDirty()).toBe(5);
    });

    it('are marked twice in one call, before 1970, or not at all', async () => {
      const { pipeline } = replicas().first;
      const early = { tier: '1m', organization: ACME, bucketStartMs: -MINUTE_MS } as const;
      await pipeline.markDirty([early, early], NOW_MS);
      await pipeline.markDirty([], NOW_MS);
      expect(await pipeline.dirtyBuckets(ACME, '1m', -DAY_MS, 0)).toEqual([-MINUTE_MS]);
    });

    it('stay dirty while claimed and are clean once cleared', async () => {
      const { pipeline } = replicas().first;
      await pipeline.markDirty(minutes(ACME, 3), NOW_MS);
      const claim = await pipeline.claimDirty(claimOptions());
      assertClaimed(claim);
      expect(await pipeline.countDirty()).toBe(3);
      await pipeline.clearDirty(claim);
      await pipeline.clearDirty(claim);
      expect(await pipeline.countDirty()).toBe(0);
      expect(await pipeline.claimDirty(claimOptions())).toBeNull();
    });
  });

  describe('claims', () => {
    it('clear nothing once another release has adopted its measures', async () => {
      const { pipeline } = replicas().first;
      await pipeline.markDirty(minutes(ACME, 1), NOW_MS);
      const claim = await pipeline.claimDirty(claimOptions());
      assertClaimed(claim);
      await pipeline.adoptMeasures(['a']);
      await pipeline.clearDirty(claim);
      expect(await pipeline.countDirty()).toBe(1);
      expect(await pipeline.claimDirty(claimOptions({ measures: ['a'] }))).not.toBeNull();
    });

    it('take turns: what was claimed and given back waits behind what was not', async () => {
      const { pipeline } = replicas().first;
      await pipeline.markDirty(minutes(ACME, 1), NOW_MS - 2);
      await pipeline.markDirty(minutes(GLOBEX, 1), NOW_MS - 1);
      const failed = await pipeline.claimDirty(claimOptions());
      assertClaimed(failed);
      expect(failed.buckets[0]?.organization).toBe(ACME);
      await pipeline.releaseClaim(failed);
      expect((await pipeline.claimDirty(claimOptions()))?.buckets[0]?.organization).toBe(GLOBEX);
    });

    it('draw versions above any that is known to be in use', async () => {
      const { pipeline } = replicas().first;
      await pipeline.raiseVersion(1_000_000n);
      await pipeline.raiseVersion(7n);
      await pipeline.markDirty(minutes(ACME, 1), NOW_MS);
      const claim = await pipeline.claimDirty(claimOptions());
      assertClaimed(claim);
      expect(claim.version).toBeGreaterThan(1_000_000n);
    });

    it('give nothing to a release whose measures are not the adopted ones', async () => {
      const { pipeline } = replicas().first;
      await pipeline.markDirty(minutes(ACME, 1), NOW_MS);
      await pipeline.adoptMeasures(['b', 'a']);
      expect(await pipeline.claimDirty(claimOptions())).toBeNull();
      expect(await pipeline.claimDirty(claimOptions({ measures: ['a'] }))).toBeNull();
      expect(await pipeline.claimDirty(claimOptions({ measures: ['a', 'b', 'c'] }))).toBeNull();
      expect(await pipeline.claimDirty(claimOptions({ measures: ['a', 'b'] }))).not.toBeNull();
    });

    it('take the finest tier, one organization, oldest buckets first, and no more than asked', async () => {
      const { pipeline } = replicas().first;
      await pipeline.markDirty([bucket(ACME, '1d', 0), bucket(ACME, '15m', 0)], NOW_MS - DAY_MS);
      await pipeline.markDirty(minutes(GLOBEX, 5), NOW_MS - 1);
      await pipeline.markDirty(minutes(ACME, 5), NOW_MS);
      const claim = await pipeline.claimDirty(claimOptions({ maxBuckets: 3 }));
      const [, , third, fourth, oldest] = minutes(GLOBEX, 5).map((entry) => entry.bucketStartMs);
      expect(startsOf(claim)).toEqual([oldest, fourth, third]);
      expect(claim?.buckets.every((claimed) => claimed.organization === GLOBEX)).toBe(true);
    });

    it('go to the organization that waits longest', async () => {
      const { pipeline } = replicas().first;
      await pipeline.markDirty([bucket(GLOBEX, '1m', 0)], NOW_MS - 2);
      await pipeline.markDirty([bucket(ACME, '1m', 9)], NOW_MS - 1);
      // A mark that is repeated keeps its place.
      await pipeline.markDirty([bucket(GLOBEX, '1m', 0)], NOW_MS);
      const owners: (string | undefined)[] = [];
      for (let turn = 0; turn < 3; turn += 1) {
        owners.push((await pipeline.claimDirty(claimOptions()))?.buckets[0]?.organization);
      }
      expect(owners).toEqual([GLOBEX, ACME, undefined]);
    });

    it('leave open buckets alone', async () => {
      const { pipeline } = replicas().first;
      await pipeline.markDirty(minutes(ACME, 2), NOW_MS);
      const [last, before] = minutes(ACME, 2).map((entry) => entry.bucketStartMs);
      const closedThroughMs = last ?? 0;
      expect(startsOf(await pipeline.claimDirty(claimOptions({ closedThroughMs })))).toEqual([before]);
      const tooSoon = claimOptions({ closedThroughMs: closedThroughMs + MINUTE_MS - 1 });
      expect(await pipeline.claimDirty(tooSoon)).toBeNull();
    });

    it('wait for a tier to settle; a mark that waits keeps its time', async () => {
      const { pipeline } = replicas().first;
      const settledAtMs = NOW_MS + TIER_SETTLE_MS['15m'];
      await pipeline.markDirty([bucket(ACME, '15m', 0)], NOW_MS);
      await pipeline.markDirty([bucket(ACME, '15m', 0)], settledAtMs - 1);
      expect(await pipeline.claimDirty(claimOptions({ nowMs: settledAtMs - 1 }))).toBeNull();
      expect(await pipeline.claimDirty(claimOptions({ nowMs: settledAtMs }))).not.toBeNull();
    });

    it('are shared out: of two claimers none gets what the other has', async () => {
      const { first, second } = replicas();
      await first.pipeline.markDirty([...minutes(ACME, 300), ...minutes(GLOBEX, 300)], NOW_MS);
      const claims: Claim[] = [];
      async function drain({ pipeline }: Replicas['first']): Promise<void> {
        for (;;) {
          const claim = await pipeline.claimDirty(claimOptions({ maxBuckets: 7 }));
          if (claim === null) return;
          claims.push(claim);
        }
      }
      await Promise.all([drain(first), drain(second), drain(first), drain(second)]);
      const keys = claims.flatMap((claim) =>
        claim.buckets.map((claimed) => JSON.stringify([claimed.organization, claimed.bucketStartMs])),
      );
      expect(keys).toHaveLength(600);
      expect(new Set(keys).size).toBe(600);
      expect(new Set(claims.map((claim) => claim.version)).size).toBe(claims.length);
    });

    it('carry a greater version than every mark and every claim before them', async () => {
      const { first, second } = replicas();
      let newest = 0n;
      for (const { pipeline } of [first, second, first]) {
        await pipeline.markDirty(minutes(ACME, 2), NOW_MS);
        const claim = await pipeline.claimDirty(claimOptions({ maxBuckets: 1 }));
        assertClaimed(claim);
        for (const claimed of claim.buckets) {
          expect(claimed.mark).toBeGreaterThan(newest);
          expect(claim.version).toBeGreaterThan(claimed.mark);
        }
        newest = claim.version;
        await pipeline.releaseClaim(claim);
      }
    });
  });

  describeLeases(replicas);
}

function describeLeases(replicas: () => Replicas): void {
  describe('leases', () => {
    it('end: another worker takes over, with a greater version', async () => {
      const { first, second } = replicas();
      await first.pipeline.markDirty(minutes(ACME, 2), NOW_MS);
      const dead = await first.pipeline.claimDirty(claimOptions());
      assertClaimed(dead);
      const justBefore = claimOptions({ nowMs: NOW_MS + LEASE_MS - 1 });
      expect(await second.pipeline.claimDirty(justBefore)).toBeNull();
      const taken = await second.pipeline.claimDirty(claimOptions({ nowMs: NOW_MS + LEASE_MS }));
      assertClaimed(taken);
      expect(startsOf(taken)).toEqual(startsOf(dead));
      expect(taken.version).toBeGreaterThan(dead.version);
    });

    it('are given back', async () => {
      const { first, second } = replicas();
      await first.pipeline.markDirty(minutes(ACME, 2), NOW_MS);
      const claim = await first.pipeline.claimDirty(claimOptions());
      assertClaimed(claim);
      await first.pipeline.releaseClaim(claim);
      expect(startsOf(await second.pipeline.claimDirty(claimOptions()))).toEqual(startsOf(claim));
    });

    it('of the next holder are not given back by the last one', async () => {
      const { first, second } = replicas();
      await first.pipeline.markDirty(minutes(ACME, 2), NOW_MS);
      const late = await first.pipeline.claimDirty(claimOptions());
      assertClaimed(late);
      const afterwards = claimOptions({ nowMs: NOW_MS + LEASE_MS });
      expect(await second.pipeline.claimDirty(afterwards)).not.toBeNull();
      await first.pipeline.releaseClaim(late);
      expect(await first.pipeline.claimDirty(afterwards)).toBeNull();
    });

    it('do not outlive a clear: a bucket marked again meanwhile stays dirty and is free', async () => {
      const { first, second } = replicas();
      await first.pipeline.markDirty(minutes(ACME, 3), NOW_MS);
      const claim = await first.pipeline.claimDirty(claimOptions());
      assertClaimed(claim);
      const again = bucket(ACME, '1m', 1);
      await second.pipeline.markDirty([again], NOW_MS);
      expect(await second.pipeline.claimDirty(claimOptions())).toBeNull();
      await first.pipeline.clearDirty(claim);
      const next = await second.pipeline.claimDirty(claimOptions());
      assertClaimed(next);
      expect(startsOf(next)).toEqual([again.bucketStartMs]);
      expect(next.version).toBeGreaterThan(claim.version);
    });

    it('start the settling of a bucket marked again meanwhile', async () => {
      const { pipeline } = replicas().first;
      await pipeline.markDirty([bucket(ACME, '15m', 0)], NOW_MS - MINUTE_MS);
      const claim = await pipeline.claimDirty(claimOptions());
      assertClaimed(claim);
      await pipeline.markDirty([bucket(ACME, '15m', 0)], NOW_MS + 1);
      await pipeline.markDirty([bucket(ACME, '15m', 0)], NOW_MS + 2);
      await pipeline.clearDirty(claim);
      const settledAtMs = NOW_MS + 1 + TIER_SETTLE_MS['15m'];
      expect(await pipeline.claimDirty(claimOptions({ nowMs: settledAtMs - 1 }))).toBeNull();
      expect(await pipeline.claimDirty(claimOptions({ nowMs: settledAtMs }))).not.toBeNull();
    });

    it('of a dead worker leave a bucket due that was marked after they had ended', async () => {
      const { pipeline } = replicas().first;
      await pipeline.markDirty([bucket(ACME, '15m', 0)], NOW_MS - MINUTE_MS);
      expect(await pipeline.claimDirty(claimOptions())).not.toBeNull();
      const nowMs = NOW_MS + LEASE_MS;
      await pipeline.markDirty([bucket(ACME, '15m', 0)], nowMs);
      expect(await pipeline.claimDirty(claimOptions({ nowMs }))).not.toBeNull();
    });

    it('lose no mark and end clean, with markers, workers and dying workers at once', async () => {
      const { first, second } = replicas();
      const all = [...minutes(ACME, 40), ...minutes(GLOBEX, 40)];
      let nowMs = NOW_MS;
      async function mark({ pipeline }: Replicas['first'], order: 'up' | 'down'): Promise<void> {
        for (let round = 0; round < 15; round += 1) {
          await pipeline.markDirty(order === 'up' ? all : all.toReversed(), nowMs);
        }
      }
      async function work({ pipeline }: Replicas['first'], diesEvery: number): Promise<void> {
        for (let turn = 1; turn <= 40; turn += 1) {
          nowMs += LEASE_MS / 4;
          const claim = await pipeline.claimDirty(claimOptions({ nowMs, maxBuckets: 9 }));
          if (claim === null || turn % diesEvery === 0) continue;
          await (turn % 2 === 0 ? pipeline.clearDirty(claim) : pipeline.releaseClaim(claim));
        }
      }
      await Promise.all([mark(first, 'up'), mark(second, 'down'), work(first, 3), work(second, 5)]);
      await first.pipeline.markDirty(all, nowMs);
      expect(await first.pipeline.countDirty()).toBe(all.length);
      nowMs += LEASE_MS;
      for (;;) {
        const claim = await second.pipeline.claimDirty(claimOptions({ nowMs }));
        if (claim === null) break;
        await second.pipeline.clearDirty(claim);
      }
      expect(await first.pipeline.countDirty()).toBe(0);
    });
  });
}
