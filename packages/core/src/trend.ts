/**
 * Where a series of values is going: Theil and Sen's slope (the median of the slopes of all pairs: a fifth of the values may be
 * wild) and Mann and Kendall's test of whether there is a direction at all (H. B. Mann 1945, M. G. Kendall 1975, P. K. Sen 1968).
 * The test takes values for independent: in a series with a daily rhythm ask for whole days.
 */

/** Pairs grow with the square: 1,000 values have half a million. */
export const TREND_VALUES_MAX = 1_000;
/** With fewer no direction could be told: even four rising values may be chance, once in 24. */
export const TREND_VALUES_MIN = 4;
/** Two-sided 5 %. */
const SIGNIFICANT_Z = 1.959_964;

export interface Trend {
  readonly count: number;
  /** Null without values. */
  readonly min: number | null;
  readonly max: number | null;
  readonly mean: number | null;
  /** Of the values as a population; null without values. */
  readonly standardDeviation: number | null;
  /** `stable`: no direction that could not be chance. Null: fewer than `TREND_VALUES_MIN` values. */
  readonly direction: 'up' | 'down' | 'stable' | null;
  /** From the beginning to the end of the fitted line, in percent of its beginning; null without a direction or a base. */
  readonly changePercent: number | null;
}

/**
 * @param values at equal distances in time, in order; null where there is none. At most `TREND_VALUES_MAX`.
 */
export function trendOf(values: readonly (number | null)[]): Trend {
  if (values.length > TREND_VALUES_MAX) throw new Error(`Assertion failed: ${values.length} values`);
  const known = values.flatMap((value, at) => (value === null ? [] : [{ at, value }]));
  if (known.length === 0) {
    return {
      count: 0,
      min: null,
      max: null,
      mean: null,
      standardDeviation: null,
      direction: null,
      changePercent: null,
    };
  }
  const only = known.map(({ value }) => value);
  const mean = only.reduce((sum, value) => sum + value, 0) / only.length;
  const variance = only.reduce((sum, value) => sum + (value - mean) ** 2, 0) / only.length;
  const isEnough = known.length >= TREND_VALUES_MIN;
  return {
    count: known.length,
    min: Math.min(...only),
    max: Math.max(...only),
    mean,
    standardDeviation: Math.sqrt(variance),
    direction: isEnough ? directionOf(only) : null,
    changePercent: isEnough ? fittedChangePercent(known) : null,
  };
}

function directionOf(values: readonly number[]): 'up' | 'down' | 'stable' {
  let score = 0;
  for (let later = 1; later < values.length; later += 1) {
    for (let earlier = 0; earlier < later; earlier += 1) {
      score += Math.sign((values[later] ?? 0) - (values[earlier] ?? 0));
    }
  }
  const spread = (count: number) => count * (count - 1) * (2 * count + 5);
  const ties = new Map<number, number>();
  for (const value of values) ties.set(value, (ties.get(value) ?? 0) + 1);
  const tied = [...ties.values()].reduce((sum, count) => sum + spread(count), 0);
  const variance = (spread(values.length) - tied) / 18;
  if (variance === 0) return 'stable';
  const z = (Math.abs(score) - 1) / Math.sqrt(variance);
  if (z < SIGNIFICANT_Z) return 'stable';
  return score > 0 ? 'up' : 'down';
}

function fittedChangePercent(
  known: readonly { readonly at: number; readonly value: number }[],
): number | null {
  const slopes = new Float64Array((known.length * (known.length - 1)) / 2);
  let next = 0;
  known.forEach((later, index) => {
    for (const earlier of known.slice(0, index)) {
      slopes[next] = (later.value - earlier.value) / (later.at - earlier.at);
      next += 1;
    }
  });
  const slope = medianOf(slopes);
  const intercept = medianOf(Float64Array.from(known, ({ at, value }) => value - slope * at));
  const first = intercept + slope * (known[0]?.at ?? 0);
  const last = intercept + slope * (known.at(-1)?.at ?? 0);
  return first === 0 ? null : ((last - first) / Math.abs(first)) * 100;
}

function medianOf(values: Float64Array): number {
  const sorted = values.toSorted();
  const middle = sorted.length >>> 1;
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? 0)) / 2;
}
