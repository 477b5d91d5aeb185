import { describe, expect, it } from '@jest/globals';
import { MINUTE_MS } from '@tidemark/core';
import { bucketsOf, MarkMemory } from './marks.ts';
import { NOON_MS, organization } from './testing.ts';

const minute = (minuteMs: number) => ({ organization: organization(), minuteMs });

describe('marks', () => {
  it('cover every tier once', () => {
    const buckets = bucketsOf([minute(NOON_MS), minute(NOON_MS + MINUTE_MS)]);
    expect(buckets.map((bucket) => [bucket.tier, bucket.bucketStartMs])).toEqual([
      ['1m', NOON_MS],
      ['15m', NOON_MS],
      ['1d', Date.UTC(2026, 0, 15)],
      ['1m', NOON_MS + MINUTE_MS],
    ]);
  });

  it('are written once while the bucket cannot close, and again for every late event after', () => {
    const memory = new MarkMemory();
    const buckets = bucketsOf([minute(NOON_MS)]);
    expect(memory.needed(buckets, NOON_MS)).toHaveLength(3);
    memory.remember(buckets);
    expect(memory.needed(buckets, NOON_MS)).toHaveLength(0);
    memory.progressed(NOON_MS + MINUTE_MS - 1);
    expect(memory.needed(buckets, NOON_MS)).toHaveLength(0);
    memory.progressed(NOON_MS + MINUTE_MS);
    expect(memory.needed(buckets, NOON_MS).map((bucket) => bucket.tier)).toEqual(['1m']);
    memory.remember(memory.needed(buckets, NOON_MS));
    expect(memory.needed(buckets, NOON_MS).map((bucket) => bucket.tier)).toEqual(['1m']);
  });

  it('are written again when the clock has passed the end of the bucket, whatever this owner has said', () => {
    const memory = new MarkMemory();
    const buckets = bucketsOf([minute(NOON_MS)]);
    memory.remember(buckets);
    expect(memory.needed(buckets, NOON_MS + MINUTE_MS - 1)).toHaveLength(0);
    expect(memory.needed(buckets, NOON_MS + MINUTE_MS).map((bucket) => bucket.tier)).toEqual(['1m']);
  });
});
