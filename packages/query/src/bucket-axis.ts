/**
 * The starts of output buckets in the fewest digits. A server takes parameters of 128 KiB; 11,000 instants in milliseconds are
 * more, 11,000 counts of their common unit (a minute, an hour of a zone with daylight saving) are half of it.
 */
export interface BucketAxis {
  readonly baseMs: number;
  readonly unitMs: number;
  /** Ascending, from 0: bucket i begins `starts[i]` units after the base (the first one perhaps later, if it is clipped). */
  readonly starts: readonly number[];
}

/** @param startsMs ascending, at least one */
export function bucketAxis(startsMs: readonly number[]): BucketAxis {
  const [fromMs = 0, ...inner] = startsMs;
  const [firstMs] = inner;
  if (firstMs === undefined) return { baseMs: fromMs, unitMs: 1, starts: [0] };
  // The range may begin anywhere; where it does must not spoil the unit of the calendar's edges.
  const steps = inner.slice(1).map((startMs, index) => startMs - (inner[index] ?? 0));
  const unitMs = steps.length === 0 ? firstMs - fromMs : steps.reduce(greatestCommonDivisor);
  const baseMs = firstMs - Math.ceil((firstMs - fromMs) / unitMs) * unitMs;
  return { baseMs, unitMs, starts: [0, ...inner.map((startMs) => (startMs - baseMs) / unitMs)] };
}

function greatestCommonDivisor(a: number, b: number): number {
  let [greater, smaller] = [a, b];
  while (smaller > 0) [greater, smaller] = [smaller, greater % smaller];
  return greater;
}
