import { describe, expect, it } from '@jest/globals';
import { percentile, spreadOf } from './statistics.ts';

describe('percentile', () => {
  it.each([
    [[7], 0.5, 7],
    [[3, 1, 2], 0.5, 2],
    [[4, 1, 3, 2], 0.5, 2],
    [[10, 9, 8, 7, 6, 5, 4, 3, 2, 1], 0.95, 10],
    [[10, 9, 8, 7, 6, 5, 4, 3, 2, 1], 0.9, 9],
    [[100, 20, 3], 1, 100],
  ])('of %j at %d is %d', (values, share, expected) => {
    expect(percentile(values, share)).toBe(expected);
  });

  it('of nothing is a bug', () => {
    expect(() => percentile([], 0.5)).toThrow('Assertion failed');
  });
});

describe('spreadOf', () => {
  it('gives the middle and both ends', () => {
    expect(spreadOf([5, 1, 9])).toEqual({ median: 5, min: 1, max: 9, samples: 3 });
  });
});
