/**
 * The oracle of the engine's tests: the answer computed from a list of events by loops, without tiers, plans and SQL. It shares
 * with the engine only the calendar (tested against its own oracle) and decimal division.
 */
import {
  bucketBoundaries,
  comparisonShift,
  type MetricValue,
  type Query,
  shiftBack,
  toDecimal,
} from '@tidemark/core';
import { dimensionValue, type Decimal, type FoldEvent, type FoldMetric, type Found } from './fold-metrics.ts';

export interface FoldPoint {
  readonly start: string;
  readonly end: string;
  readonly value: MetricValue | { readonly between: readonly [number, number] };
  readonly partial: boolean;
}

export interface FoldSeries {
  readonly metric: FoldMetric;
  /** Null: all groups that are not shown. */
  readonly group: readonly string[] | null;
  readonly points: readonly FoldPoint[];
  readonly compared?: { readonly points: readonly FoldPoint[]; readonly changePercent: Found };
}

export interface FoldContext {
  readonly completeThroughMs: number | null;
  readonly nowMs: number;
}

/** What the query of the test asks beside core's: instants are epoch milliseconds. */
export interface FoldQuery extends Omit<Query, 'metrics' | 'from' | 'to' | 'filters' | 'orderBy' | 'cursor'> {
  readonly metrics: readonly FoldMetric[];
  readonly fromMs: number;
  readonly toMs: number;
  readonly keep: (event: FoldEvent) => boolean;
  readonly orderBy?: { readonly metric: FoldMetric; readonly direction: 'asc' | 'desc' };
  /** Groups on the pages before. */
  readonly skip?: number;
}

export interface FoldAnswer {
  readonly series: readonly FoldSeries[];
  readonly groupsOmitted: number;
  /** Whether groups rank behind those shown. */
  readonly hasNext: boolean;
}

const msOf = (event: FoldEvent) => Number(event.timeNs / 1_000_000n);

export function naiveFold(all: readonly FoldEvent[], query: FoldQuery, context: FoldContext): FoldAnswer {
  const events = all.filter(query.keep);
  const within = (fromMs: number, toMs: number) =>
    events.filter((event) => msOf(event) >= fromMs && msOf(event) < toMs);
  const isGrouped = (query.groupBy ?? []).length > 0;
  const groups = isGrouped ? rankedGroups(within(query.fromMs, query.toMs), query, context) : [[]];
  const { skip = 0, limit = 100 } = query;
  const shown = groups.slice(skip, skip + limit);
  const zone = query.timeZone ?? 'UTC';
  const shift = query.compare === undefined ? null : comparisonShift(query.compare, query, zone);
  const back = (ms: number) => (shift === null ? ms : shiftBack(ms, shift, zone));
  const isShown = (event: FoldEvent) => shown.some((group) => sameGroup(event, group, query));
  const hasOther = query.other === true && groups.length > shown.length;
  const series = [...shown, ...(hasOther ? [null] : [])].flatMap((group) =>
    query.metrics.map((metric): FoldSeries => {
      const inGroup = (list: readonly FoldEvent[]) =>
        list.filter((event) => (group === null ? !isShown(event) : sameGroup(event, group, query)));
      const line = (fromMs: number, toMs: number) =>
        pointsOf(metric, inGroup(within(fromMs, toMs)), { ...query, fromMs, toMs }, context);
      const points = line(query.fromMs, query.toMs);
      if (shift === null) return { metric, group, points };
      const closedToMs = Math.min(query.toMs, context.completeThroughMs ?? query.fromMs);
      const value = (fromMs: number, toMs: number) =>
        metric.value(inGroup(within(fromMs, toMs)), secondsOf(fromMs, toMs, context));
      const hasTotals = closedToMs > query.fromMs && back(closedToMs) > back(query.fromMs);
      return {
        metric,
        group,
        points,
        compared: {
          points: line(back(query.fromMs), back(query.toMs)),
          changePercent: hasTotals
            ? change(value(query.fromMs, closedToMs), value(back(query.fromMs), back(closedToMs)))
            : null,
        },
      };
    }),
  );
  return {
    series,
    groupsOmitted: groups.length - shown.length,
    hasNext: groups.length > skip + shown.length,
  };
}

function secondsOf(fromMs: number, toMs: number, { nowMs }: FoldContext): Decimal | null {
  const ms = Math.min(toMs, nowMs) - fromMs;
  return ms > 0 ? toDecimal(ms).dividedBy(1_000) : null;
}

function change(now: Found, before: Found): Found {
  if (now === null || before === null || 'between' in now || 'between' in before || before.isZero())
    return null;
  return now.minus(before).dividedBy(before.abs()).times(100);
}

function sameGroup(event: FoldEvent, group: readonly string[], { groupBy = [] }: FoldQuery): boolean {
  return groupBy.every((dimension, index) => dimensionValue(event, dimension) === group[index]);
}

function rankedGroups(events: readonly FoldEvent[], query: FoldQuery, context: FoldContext): string[][] {
  const groups = new Map<string, { group: string[]; events: FoldEvent[] }>();
  for (const event of events) {
    if (!query.metrics.some((metric) => metric.feeds(event))) continue;
    const group = (query.groupBy ?? []).map((dimension) => dimensionValue(event, dimension));
    const key = JSON.stringify(group);
    const entry = groups.get(key) ?? { group, events: [] };
    entry.events.push(event);
    groups.set(key, entry);
  }
  const metric = query.orderBy?.metric ?? query.metrics[0];
  const sign = query.orderBy?.direction === 'asc' ? 1 : -1;
  const seconds = secondsOf(query.fromMs, query.toMs, context);
  const ranked = [...groups.values()].map((entry) => {
    const found = metric?.value(entry.events, seconds) ?? null;
    return {
      ...entry,
      rank: found === null ? null : 'between' in found ? toDecimal(found.between[0]) : found,
    };
  });
  return ranked
    .toSorted((a, b) => {
      const byValue =
        a.rank === null || b.rank === null
          ? Number(a.rank === null) - Number(b.rank === null)
          : sign * a.rank.comparedTo(b.rank);
      return byValue !== 0 ? byValue : JSON.stringify(a.group) < JSON.stringify(b.group) ? -1 : 1;
    })
    .map(({ group }) => group);
}

function pointsOf(
  metric: FoldMetric,
  events: readonly FoldEvent[],
  query: FoldQuery,
  context: FoldContext,
): FoldPoint[] {
  const { granularity, fromMs, toMs, timeZone = 'UTC', weekStart = 'monday', fiscalYearStart = 1 } = query;
  const { completeThroughMs, nowMs } = context;
  const open = (endMs: number) => completeThroughMs === null || endMs > completeThroughMs;
  const iso = (ms: number) => new Date(ms).toISOString();
  const fill =
    query.compare !== undefined && (query.fill ?? 'none') === 'none' ? 'null' : (query.fill ?? 'none');
  if (granularity === undefined) {
    const found = metric.value(events, secondsOf(fromMs, toMs, context));
    const value = found ?? (fill === 'zero' && fromMs < nowMs ? toDecimal(0) : null);
    return [{ start: iso(fromMs), end: iso(toMs), value: written(value, metric.money), partial: open(toMs) }];
  }
  const buckets = bucketBoundaries({ fromMs, toMs, granularity, timeZone, weekStart, fiscalYearStart });
  const inBucket = sliced(events, buckets.edgesMs);
  const points: FoldPoint[] = [];
  let previous: Found = null;
  buckets.edgesMs.slice(0, -1).forEach((startMs, index) => {
    const endMs = buckets.edgesMs[index + 1] ?? 0;
    const inside = inBucket[index] ?? [];
    const fed = inside.some((event) => metric.feeds(event));
    let value = fed ? metric.value(inside, secondsOf(startMs, endMs, context)) : null;
    if (value !== null) previous = value;
    else if (fill === 'none') return;
    else if (startMs < nowMs && fill === 'zero') value = toDecimal(0);
    else if (startMs < nowMs && fill === 'previous') value = previous;
    const clipped = (index === 0 && buckets.firstClipped) || (endMs === toMs && buckets.lastClipped);
    points.push({
      start: iso(startMs),
      end: iso(endMs),
      value: written(value, metric.money),
      partial: clipped || open(endMs),
    });
  });
  return points;
}

/** The events of each bucket; all lie between the first edge and the last. */
function sliced(events: readonly FoldEvent[], edgesMs: readonly number[]): FoldEvent[][] {
  const byTime = events.toSorted((a, b) => Number(a.timeNs - b.timeNs));
  let next = 0;
  return edgesMs.slice(1).map((endMs) => {
    const first = next;
    while (next < byTime.length && msOf(byTime[next] as FoldEvent) < endMs) next += 1;
    return byTime.slice(first, next);
  });
}

function written(value: Found, money: boolean): FoldPoint['value'] {
  if (value === null || 'between' in value) return value;
  const rounded = money ? value.toDecimalPlaces(12) : value;
  if (rounded.isZero()) return money ? '0' : 0;
  const isBeyondNumbers = rounded.isInteger() && rounded.abs().greaterThan(Number.MAX_SAFE_INTEGER);
  return money || isBeyondNumbers ? rounded.toFixed() : rounded.toNumber();
}
