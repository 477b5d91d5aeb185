/** From values by group and bucket to the series of an answer. Pure. */
import { type CatalogueMetric, type Fill, type Point, type Series, toDecimal } from '@tidemark/core';
import { metricValue, secondsPassed, toMetricValue, valueOfNothing } from './figures.ts';
import type { Interval } from './plan.ts';
import { type Layout, wholeLayout } from './sources.ts';

type Decimal = ReturnType<typeof toDecimal>;

/** Values of base and state metrics by key, by index of the output bucket; absent where no event was. */
export type GroupFigures = ReadonlyMap<number, ReadonlyMap<string, Decimal | null>>;

/** A group's values of the dimensions grouped by, as text ('' when absent), in order. */
export type Group = readonly string[];

/** By `groupKey`, and `OTHER_KEY`. */
export type FigureTable = ReadonlyMap<string, GroupFigures>;

/** All groups that are not shown, together: no `groupKey` is so. */
export const OTHER_KEY = 'other';

export function groupKey(group: Group): string {
  return JSON.stringify(group);
}

export interface PointOptions {
  readonly layout: Layout;
  readonly fill: Fill;
  /** Null: nothing is complete. */
  readonly completeThroughMs: number | null;
  /** Buckets that begin later are not filled: what has not been is neither zero nor the same as before. */
  readonly nowMs: number;
}

export function pointsOf(
  metric: CatalogueMetric,
  figures: GroupFigures | undefined,
  options: PointOptions,
): Point[] {
  const { layout, completeThroughMs } = options;
  const { edgesMs, firstClipped, lastClipped } = layout;
  const last = edgesMs.length - 2;
  const points: Point[] = [];
  let previous: Decimal | null = null;
  for (let index = 0; index <= last; index += 1) {
    const startMs = edgesMs[index] ?? 0;
    const endMs = edgesMs[index + 1] ?? 0;
    const found = valueAt(metric, figures, index, options);
    if (found === null && options.fill === 'none' && layout.bucketed) continue;
    const value = found ?? filled(options.fill, previous, startMs < options.nowMs);
    previous = found ?? previous;
    points.push({
      start: new Date(startMs).toISOString(),
      end: new Date(endMs).toISOString(),
      value: toMetricValue(metric, value),
      partial:
        (index === 0 && firstClipped) ||
        (index === last && lastClipped) ||
        completeThroughMs === null ||
        endMs > completeThroughMs,
    });
  }
  return points;
}

function valueAt(
  metric: CatalogueMetric,
  figures: GroupFigures | undefined,
  index: number,
  { layout: { bucketed, edgesMs }, nowMs }: Pick<PointOptions, 'layout' | 'nowMs'>,
): Decimal | null {
  const values = figures?.get(index);
  const seconds = secondsPassed(edgesMs[index] ?? 0, edgesMs[index + 1] ?? 0, nowMs);
  const found = metricValue(metric, ({ key }) => values?.get(key), seconds);
  if (found !== undefined) return found;
  return bucketed ? null : valueOfNothing(metric, seconds);
}

function filled(fill: Fill, previous: Decimal | null, hasBegun: boolean): Decimal | null {
  if (!hasBegun) return null;
  if (fill === 'zero') return toDecimal(0);
  return fill === 'previous' ? previous : null;
}

/** What the dimensions of a group are called in an answer; null is all groups that are not shown. */
export function dimensionsOf(groupBy: readonly string[], group: Group | null): Series['dimensions'] {
  const entries = groupBy.map((key, index): [string, string | null] => {
    const value = group?.[index] ?? '';
    return [key, value === '' ? null : value];
  });
  return Object.fromEntries(entries);
}

/** The figures of one whole range. */
export interface Total {
  readonly range: Interval;
  readonly figures: GroupFigures | undefined;
}

/** Change of the closed part in percent of the base; null without a base, and from zero. */
export function changePercent(
  metric: CatalogueMetric,
  current: Total,
  base: Total,
  nowMs: number,
): number | null {
  const valueOf = ({ figures, range }: Total) =>
    valueAt(metric, figures, 0, { layout: wholeLayout(range), nowMs });
  const now = valueOf(current);
  const before = valueOf(base);
  if (now === null || before === null || before.isZero()) return null;
  return now.minus(before).dividedBy(before.abs()).times(100).toNumber();
}
