import type { SqlParameters } from '@tidemark/warehouse';
import type { Interval } from './plan.ts';

/** Ranges written out as conditions: the index of a table understands these. */
const RANGES_MAX = 64;

export interface TimeColumn {
  /** SQL of the instant in milliseconds, Int64. */
  readonly ms: string;
  /** SQL of `column >= instant` and `column < instant` over the stored column, which the primary key and the minmax index know. */
  readonly atOrAfter: (ms: number, parameters: SqlParameters) => string;
  readonly before: (ms: number, parameters: SqlParameters) => string;
}

/** The stored event time of raw, and the stored bucket of a rollup. */
export function timeColumn(table: 'raw' | 'rollup', ms: string): TimeColumn {
  const column = table === 'raw' ? 'time' : 'bucket';
  const bound = (value: number, parameters: SqlParameters) =>
    table === 'raw'
      ? `fromUnixTimestamp64Milli(${parameters.bind('Int64', value)}, 'UTC')`
      : `toDateTime(${parameters.bind('UInt32', value / 1000)}, 'UTC')`;
  return {
    ms,
    atOrAfter: (value, parameters) => `${column} >= ${bound(value, parameters)}`,
    before: (value, parameters) => `${column} < ${bound(value, parameters)}`,
  };
}

/**
 * Exactly the rows whose time lies in one of the intervals. Up to RANGES_MAX of them are written out; more are covered by that
 * many ranges (for the index) and decided one by one by a look-up of the edge below the instant.
 */
export function withinIntervals(
  intervals: readonly Interval[],
  column: TimeColumn,
  parameters: SqlParameters,
): string {
  const covering = coveringRanges(intervals, RANGES_MAX)
    .map(
      ({ fromMs, toMs }) =>
        `(${column.atOrAfter(fromMs, parameters)} AND ${column.before(toMs, parameters)})`,
    )
    .join(' OR ');
  if (intervals.length <= RANGES_MAX) return intervals.length === 1 ? covering : `(${covering})`;
  const edges = parameters.bind(
    'Array(Int64)',
    intervals.flatMap(({ fromMs, toMs }) => [fromMs, toMs]),
  );
  const inside = parameters.bind(
    'Array(UInt8)',
    intervals.flatMap(() => [1, 0]),
  );
  return `(${covering}) AND transform(roundDown(${column.ms}, ${edges}), ${edges}, ${inside}, 0) = 1`;
}

/** At most `max` ranges that hold all intervals, leaving out the widest gaps. */
export function coveringRanges(intervals: readonly Interval[], max: number): readonly Interval[] {
  if (intervals.length <= max) return intervals;
  const gapBefore = (index: number) => (intervals[index]?.fromMs ?? 0) - (intervals[index - 1]?.toMs ?? 0);
  const cuts = intervals
    .map((_, index) => index)
    .slice(1)
    .toSorted((a, b) => gapBefore(b) - gapBefore(a) || a - b)
    .slice(0, max - 1)
    .toSorted((a, b) => a - b);
  const starts = [0, ...cuts];
  return starts.map((start, index) => {
    const end = (starts[index + 1] ?? intervals.length) - 1;
    return { fromMs: intervals[start]?.fromMs ?? 0, toMs: intervals[end]?.toMs ?? 0 };
  });
}
