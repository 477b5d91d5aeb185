import { describe, expect, it } from '@jest/globals';
import { DAY_MS, MINUTE_MS } from '@tidemark/core';
import { ACME, assertClaimed, bucket, claimOptions, minutes, NOW_MS, type Replicas } from './harness.ts';

const UNTIL_MS = NOW_MS + MINUTE_MS;

export function describeHolds(replicas: () => Replicas): void {
  describe('held buckets', () => {
    const mine = { holder: 'events/0', untilMs: UNTIL_MS };
    const theirs = { holder: 'events/1', untilMs: UNTIL_MS };

    it('are dirty, and not claimed before their holder has marked them', async () => {
      const { first, second } = replicas();
      await first.pipeline.holdDirty([], NOW_MS, mine);
      await first.pipeline.holdDirty(minutes(ACME, 2), NOW_MS, mine);
      expect(await second.pipeline.countDirty()).toBe(2);
      expect(await second.pipeline.claimDirty(claimOptions())).toBeNull();
      const [one] = minutes(ACME, 1);
      await first.pipeline.markDirty(one === undefined ? [] : [one], NOW_MS, mine.holder);
      const claim = await second.pipeline.claimDirty(claimOptions());
      assertClaimed(claim);
      expect(claim.buckets).toMatchObject([{ bucketStartMs: one?.bucketStartMs }]);
    });

    it('are not cleared by a claim from before', async () => {
      const { first, second } = replicas();
      await first.pipeline.markDirty(minutes(ACME, 1), NOW_MS);
      const claim = await second.pipeline.claimDirty(claimOptions());
      assertClaimed(claim);
      await first.pipeline.holdDirty(minutes(ACME, 1), NOW_MS, mine);
      await second.pipeline.clearDirty(claim);
      expect(await first.pipeline.countDirty()).toBe(1);
      expect(await second.pipeline.claimDirty(claimOptions())).toBeNull();
    });

    it('wait for every holder, however often each has held them', async () => {
      const { first, second } = replicas();
      await first.pipeline.holdDirty(minutes(ACME, 1), NOW_MS, mine);
      await first.pipeline.holdDirty(minutes(ACME, 1), NOW_MS, mine);
      await second.pipeline.holdDirty(minutes(ACME, 1), NOW_MS, theirs);
      await first.pipeline.markDirty(minutes(ACME, 1), NOW_MS, mine.holder);
      await first.pipeline.markDirty(minutes(ACME, 1), NOW_MS);
      expect(await first.pipeline.claimDirty(claimOptions())).toBeNull();
      await second.pipeline.markDirty(minutes(ACME, 1), NOW_MS, theirs.holder);
      expect(await first.pipeline.claimDirty(claimOptions())).not.toBeNull();
    });

    it('are free when every hold is over, though its holder has died', async () => {
      const { pipeline } = replicas().first;
      const at = (nowMs: number) => pipeline.claimDirty({ ...claimOptions(), nowMs });
      await pipeline.holdDirty(minutes(ACME, 1), NOW_MS, mine);
      await pipeline.holdDirty(minutes(ACME, 1), NOW_MS, { ...theirs, untilMs: NOW_MS + DAY_MS });
      // Another one's hold does not lengthen it.
      await pipeline.markDirty(minutes(ACME, 1), NOW_MS, theirs.holder);
      expect(await at(UNTIL_MS - 1)).toBeNull();
      const claim = await at(UNTIL_MS);
      assertClaimed(claim);
      await pipeline.markDirty(minutes(ACME, 1), UNTIL_MS, mine.holder);
      await pipeline.clearDirty(claim);
      // Nobody holds it any more: who was there has been passed over.
      expect(await at(UNTIL_MS)).not.toBeNull();
    });

    it('are due when they would have been without', async () => {
      const { pipeline } = replicas().first;
      await pipeline.markDirty([bucket(ACME, '15m', 0)], NOW_MS - MINUTE_MS);
      await pipeline.holdDirty([bucket(ACME, '15m', 0)], NOW_MS, mine);
      await pipeline.markDirty([bucket(ACME, '15m', 0)], NOW_MS, mine.holder);
      expect(await pipeline.claimDirty(claimOptions())).not.toBeNull();
    });
  });
}
