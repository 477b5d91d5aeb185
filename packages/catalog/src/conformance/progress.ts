import { describe, expect, it } from '@jest/globals';
import { ACME, NOW_MS, type Replicas } from './harness.ts';

const TOPIC = 'events';

function at(partition: number, nextOffset: number, arrivedThroughMs = NOW_MS) {
  return { topic: TOPIC, partition, nextOffset, arrivedThroughMs };
}

export function describeProgress(replicas: () => Replicas): void {
  describe('progress of partitions', () => {
    it('is kept by topic, in the order of partitions', async () => {
      const { pipeline } = replicas().first;
      await pipeline.recordProgress([at(1, 20), at(0, 10), { ...at(0, 99), topic: 'flushes' }]);
      expect(await pipeline.progress(TOPIC)).toEqual([at(0, 10), at(1, 20)]);
      expect(await pipeline.progress('nothing')).toEqual([]);
    });

    it('never goes back, for offset and instant apart', async () => {
      const { first, second } = replicas();
      await first.pipeline.recordProgress([at(0, 10, NOW_MS)]);
      await second.pipeline.recordProgress([at(0, 9, NOW_MS + 5)]);
      await second.pipeline.recordProgress([at(0, 12, NOW_MS - 5)]);
      expect(await first.pipeline.progress(TOPIC)).toEqual([at(0, 12, NOW_MS + 5)]);
    });

    it('takes a partition twice in one call, and an empty call', async () => {
      const { pipeline } = replicas().first;
      await pipeline.recordProgress([at(0, 7), at(0, 5, NOW_MS + 1)]);
      await pipeline.recordProgress([]);
      expect(await pipeline.progress(TOPIC)).toEqual([at(0, 7, NOW_MS + 1)]);
    });

    it('survives writers that name the same partitions in opposite order', async () => {
      const { first, second } = replicas();
      const ahead = Array.from({ length: 64 }, (_, partition) => at(partition, 1_000));
      const writes = Array.from({ length: 20 }, async (_, step) => {
        const entries = ahead.map((entry) => ({ ...entry, nextOffset: step }));
        await first.pipeline.recordProgress(entries);
        await second.pipeline.recordProgress(entries.toReversed());
      });
      await Promise.all([...writes, second.pipeline.recordProgress(ahead.toReversed())]);
      expect(await first.pipeline.progress(TOPIC)).toEqual(ahead);
    });

    it('keeps offsets up to 2^53 - 1', async () => {
      const { pipeline } = replicas().first;
      await pipeline.recordProgress([at(0, Number.MAX_SAFE_INTEGER)]);
      expect(await pipeline.progress(TOPIC)).toEqual([at(0, Number.MAX_SAFE_INTEGER)]);
    });
  });

  describe('measures', () => {
    it('are unknown until they are adopted and confirmed', async () => {
      const { first, second } = replicas();
      expect(await first.pipeline.unknownMeasures(['b', 'a', 'a'], ACME)).toEqual(['a', 'b']);
      const [one, other] = await Promise.all([
        first.pipeline.adoptMeasures(['b', 'a', 'a']),
        second.pipeline.adoptMeasures(['a', 'b']),
      ]);
      expect(one.map(({ fingerprint }) => fingerprint)).toEqual(['a', 'b']);
      expect(other).toEqual(one);
      expect(await second.pipeline.unknownMeasures(['a', 'b'], ACME)).toEqual(['a', 'b']);
      await first.pipeline.confirmMeasures([...one, { fingerprint: 'never adopted', adoption: 1n }]);
      expect(await second.pipeline.unknownMeasures(['c', 'a', 'never adopted'], ACME)).toEqual([
        'c',
        'never adopted',
      ]);
      expect(await first.pipeline.unknownMeasures([], ACME)).toEqual([]);
    });

    it('are not confirmed by who adopted them before somebody dropped them', async () => {
      const { first, second } = replicas();
      const early = await first.pipeline.adoptMeasures(['a', 'b']);
      await second.pipeline.adoptMeasures(['a']);
      const late = await second.pipeline.adoptMeasures(['a', 'b']);
      await first.pipeline.confirmMeasures(early);
      expect(await first.pipeline.unknownMeasures(['a', 'b'], ACME)).toEqual(['b']);
      await second.pipeline.confirmMeasures(late);
      expect(await first.pipeline.unknownMeasures(['a', 'b'], ACME)).toEqual([]);
    });

    it('are adopted as a whole or not', async () => {
      const { pipeline } = replicas().first;
      await pipeline.adoptMeasures(['a', 'b']);
      expect(await pipeline.areAdopted(['b', 'a'])).toBe(true);
      expect(await pipeline.areAdopted(['a'])).toBe(false);
      expect(await pipeline.areAdopted(['a', 'b', 'c'])).toBe(false);
    });

    it('stay confirmed while they are adopted again, and start anew after they were not', async () => {
      const { pipeline } = replicas().first;
      await pipeline.confirmMeasures(await pipeline.adoptMeasures(['a', 'b']));
      await pipeline.adoptMeasures(['b', 'c']);
      expect(await pipeline.unknownMeasures(['a', 'b', 'c'], ACME)).toEqual(['a', 'c']);
      await pipeline.adoptMeasures(['a', 'b']);
      expect(await pipeline.unknownMeasures(['a', 'b', 'c'], ACME)).toEqual(['a', 'c']);
    });
  });
}
