import { describe, expect, it } from '@jest/globals';
import { TREND_VALUES_MAX, trendOf } from './trend.ts';

describe('trendOf', () => {
  it('describes values, leaving gaps out', () => {
    expect(trendOf([2, null, 4, 4, null, 4, 5, 5, 7, 9])).toMatchObject({
      count: 8,
      min: 2,
      max: 9,
      mean: 5,
      standardDeviation: 2,
    });
  });

  it('tells a rise, a fall, and neither', () => {
    const rising = Array.from({ length: 24 }, (_, index) => 100 + index * 2);
    expect(trendOf(rising)).toMatchObject({ direction: 'up', changePercent: 46 });
    expect(trendOf(rising.toReversed())).toMatchObject({ direction: 'down' });
    expect(trendOf(rising.toReversed()).changePercent).toBeCloseTo(-31.51, 2);
    expect(trendOf([5, 3, 6, 4, 5, 4, 6, 3, 5]).direction).toBe('stable');
    expect(trendOf([7, 7, 7, 7, 7])).toMatchObject({ direction: 'stable', changePercent: 0 });
  });

  it('is not led astray by a wild value', () => {
    const values = Array.from({ length: 20 }, (_, index) => 50 + index);
    expect(trendOf(values.with(3, 9_000)).changePercent).toBeCloseTo(38, 0);
  });

  it('takes distance in time from the gaps', () => {
    const sparse = [10, null, null, 13, null, 15, 16, null, 18];
    expect(trendOf(sparse)).toMatchObject({ direction: 'up', changePercent: 80 });
  });

  it('claims no direction of less than four values, and no percentage of nothing', () => {
    expect(trendOf([1, 2, 3])).toMatchObject({ count: 3, direction: null, changePercent: null });
    expect(trendOf([null, null])).toMatchObject({ count: 0, min: null, direction: null });
    expect(trendOf([0, 1, 2, 3, 4, 5]).changePercent).toBeNull();
  });

  it('tells a direction from chance at 5 %', () => {
    // The variance of ten values without ties is 10 * 9 * 25 / 18 = 125, so it takes a score of 23.
    expect(trendOf([1, 2, 3, 5, 4, 6, 7, 9, 8, 10]).direction).toBe('up');
    expect(trendOf([3, 1, 5, 2, 7, 4, 9, 6, 10, 8].toReversed().map((v) => 11 - v)).direction).toBe('up');
    expect(trendOf([4, 1, 7, 2, 9, 3, 10, 5, 8, 6]).direction).toBe('stable');
  });

  it('refuses more than it can pair', () => {
    expect(() => trendOf(Array.from({ length: TREND_VALUES_MAX + 1 }, () => 1))).toThrow('Assertion failed');
  });
});
