import { describe, expect, it } from '@jest/globals';
import { isVisibleUpTo, parseStatus } from './status.ts';

const statusOf = (nextOffset: number, halted: string | null) =>
  parseStatus({ partitions: [{ partition: 0, nextOffset, endOffset: 7, halted }] });

describe('isVisibleUpTo', () => {
  it('believes progress, but not that of a former log', () => {
    expect(isVisibleUpTo(statusOf(6, null), { '0': '7' })).toBe(false);
    expect(isVisibleUpTo(statusOf(7, null), { '0': '7' })).toBe(true);
    // Stored while the status was made.
    expect(isVisibleUpTo(statusOf(9, null), { '0': '7' })).toBe(true);
    expect(isVisibleUpTo(statusOf(9, 'it was made anew'), { '0': '7' })).toBe(false);
    expect(isVisibleUpTo(statusOf(7, 'a batch is half there'), { '0': '7' })).toBe(true);
  });
});
