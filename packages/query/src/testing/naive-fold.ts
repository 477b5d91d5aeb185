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

export interface FoldEvent {
  readonly type: 'order.placed' | 'order.failed';
  readonly id: string;
  readonly timeNs: bigint;
  readonly subject: string;
  readonly channel: string;
  readonly country: string;
  /** Decimal text; null when the event carries no number there. */
  readonly price: string | null;
  readonly duration: string | null;
  readonly cost: string | null;
}

type Decimal = ReturnType<typeof toDecimal>;
/** Quantiles are ranges: the two neighbouring order statistics. */
type Found = Decimal | { readonly between: readonly [number, number] } | null;

export interface FoldPoint {
  readonly start: string;
  readonly end: string;
  readonly value: MetricValue | { readonly between: readonly [number, number] };
  readonly partial: boolean;
}

export interface FoldSeries {
  readonly metric: string;
  readonly group: readonly string[];
  readonly points: readonly FoldPoint[];
  readonly compared?: { readonly points: readonly FoldPoint[]; readonly changePercent: Found };
}

export interface FoldContext {
  readonly completeThroughMs: number | null;
  readonly nowMs: number;
}

const msOf = (event: FoldEvent) => Number(event.timeNs / 1_000_000n);
const placed = (events: readonly FoldEvent[]) => events.filter(({ type }) => type === 'order.placed');
const present = (events: readonly FoldEvent[], field: 'price' | 'duration' | 'cost') =>
  placed(events).flatMap((event) => event[field] ?? []);
const total = (texts: readonly string[]) => texts.reduce((sum, text) => sum.plus(text), toDecimal(0));
const sum = (texts: readonly string[]) => (texts.length === 0 ? null : total(texts));
const mean = (texts: readonly string[]) => (texts.length === 0 ? null : total(texts).dividedBy(texts.length));
const sorted = (texts: readonly string[]) =>
  texts.map((text) => toDecimal(text)).toSorted((a, b) => a.comparedTo(b));

function quantile(texts: readonly string[], level: number): Found {
  const numbers = sorted(texts).map((value) => value.toNumber());
  const rank = level * (numbers.length - 1);
  const low = numbers[Math.floor(rank)];
  const high = numbers[Math.ceil(rank)];
  return low === undefined || high === undefined ? null : { between: [low, high] };
}

function latest(events: readonly FoldEvent[]): Decimal | null {
  const candidates = placed(events)
    .filter(({ duration }) => duration !== null)
    .toSorted((a, b) => (a.timeNs === b.timeNs ? (a.id < b.id ? -1 : 1) : a.timeNs < b.timeNs ? -1 : 1));
  const text = candidates.at(-1)?.duration;
  return text === undefined || text === null ? null : toDecimal(text);
}

function ratio(a: Found, b: Found): Found {
  if (a === null || b === null || 'between' in a || 'between' in b || b.isZero()) return null;
  return a.dividedBy(b);
}

interface FoldMetric {
  /** Which events make the metric exist in a bucket. */
  readonly feeds: (event: FoldEvent) => boolean;
  readonly value: (events: readonly FoldEvent[]) => Found;
  readonly money: boolean;
}

const ofPlaced = ({ type }: FoldEvent) => type === 'order.placed';
const count = (events: readonly unknown[]) => toDecimal(events.length);
const buyers = (events: readonly FoldEvent[]) =>
  toDecimal(new Set(placed(events).flatMap(({ subject }) => (subject === '' ? [] : [subject]))).size);
const onPlaced = (value: FoldMetric['value'], money = false): FoldMetric => ({
  feeds: ofPlaced,
  value,
  money,
});

export const FOLD_METRICS: Readonly<Record<string, FoldMetric>> = {
  'shop.orders': onPlaced((events) => count(placed(events))),
  'shop.priced': onPlaced((events) => count(present(events, 'price'))),
  'shop.web_orders': {
    feeds: (event) => ofPlaced(event) && event.channel === 'web',
    value: (events) => count(placed(events).filter(({ channel }) => channel === 'web')),
    money: false,
  },
  'shop.revenue': onPlaced((events) => sum(present(events, 'price')), true),
  'shop.price_avg': onPlaced((events) => mean(present(events, 'price')), true),
  'shop.buyers': onPlaced(buyers),
  'shop.duration_sum': onPlaced((events) => sum(present(events, 'duration'))),
  'shop.duration_avg': onPlaced((events) => mean(present(events, 'duration'))),
  'shop.duration_min': onPlaced((events) => sorted(present(events, 'duration'))[0] ?? null),
  'shop.duration_max': onPlaced((events) => sorted(present(events, 'duration')).at(-1) ?? null),
  'shop.duration_last': onPlaced(latest),
  'shop.duration_p50': onPlaced((events) => quantile(present(events, 'duration'), 0.5)),
  'shop.duration_p95': onPlaced((events) => quantile(present(events, 'duration'), 0.95)),
  'shop.failures': {
    feeds: ({ type }) => type === 'order.failed',
    value: (events) => count(events.filter(({ type }) => type === 'order.failed')),
    money: false,
  },
  'shop.failure_rate': {
    feeds: () => true,
    value: (events) => {
      const failed = events.filter(({ type }) => type === 'order.failed').length;
      return ratio(toDecimal(failed), toDecimal(events.length)) === null
        ? null
        : toDecimal(failed).dividedBy(events.length).times(100);
    },
    money: false,
  },
  'shop.revenue_per_buyer': onPlaced((events) => ratio(sum(present(events, 'price')), buyers(events)), true),
};

const COUNTS = new Set(['shop.orders', 'shop.priced', 'shop.web_orders', 'shop.buyers', 'shop.failures']);

export function dimensionValue(event: FoldEvent, dimension: string): string {
  return dimension === 'channel' ? event.channel : dimension === 'country' ? event.country : event.subject;
}

/** What the query of the test asks beside core's: instants are epoch milliseconds. */
export interface FoldQuery extends Omit<Query, 'metrics' | 'from' | 'to' | 'filters'> {
  readonly metrics: readonly string[];
  readonly fromMs: number;
  readonly toMs: number;
  readonly keep: (event: FoldEvent) => boolean;
}

export function naiveFold(
  all: readonly FoldEvent[],
  query: FoldQuery,
  context: FoldContext,
): { series: FoldSeries[]; groupsOmitted: number } {
  const events = all.filter(query.keep);
  const within = (fromMs: number, toMs: number) =>
    events.filter((event) => msOf(event) >= fromMs && msOf(event) < toMs);
  const whole = within(query.fromMs, query.toMs);
  const groups = rankedGroups(whole, query);
  const shown = (query.groupBy ?? []).length === 0 ? [[]] : groups.slice(0, query.limit ?? 100);
  const zone = query.timeZone ?? 'UTC';
  const shift = query.compare === undefined ? null : comparisonShift(query.compare, query, zone);
  const back = (ms: number) => (shift === null ? ms : shiftBack(ms, shift, zone));
  const series = shown.flatMap((group) =>
    query.metrics.map((metric): FoldSeries => {
      const inGroup = (list: readonly FoldEvent[]) => list.filter((event) => sameGroup(event, group, query));
      const line = (fromMs: number, toMs: number) =>
        pointsOf(metric, inGroup(within(fromMs, toMs)), { ...query, fromMs, toMs }, context);
      const points = line(query.fromMs, query.toMs);
      if (shift === null) return { metric, group, points };
      const closedToMs = Math.min(query.toMs, context.completeThroughMs ?? query.fromMs);
      const value = (fromMs: number, toMs: number) => wholeValue(metric, inGroup(within(fromMs, toMs)));
      return {
        metric,
        group,
        points,
        compared: {
          points: line(back(query.fromMs), back(query.toMs)),
          changePercent:
            closedToMs <= query.fromMs
              ? null
              : change(value(query.fromMs, closedToMs), value(back(query.fromMs), back(closedToMs))),
        },
      };
    }),
  );
  return { series, groupsOmitted: (query.groupBy ?? []).length === 0 ? 0 : groups.length - shown.length };
}

function change(now: Found, before: Found): Found {
  if (now === null || before === null || 'between' in now || 'between' in before || before.isZero())
    return null;
  return now.minus(before).dividedBy(before.abs()).times(100);
}

function sameGroup(event: FoldEvent, group: readonly string[], { groupBy = [] }: FoldQuery): boolean {
  return groupBy.every((dimension, index) => dimensionValue(event, dimension) === group[index]);
}

/** Without events a count is 0 and everything else is none. */
function wholeValue(metric: string, events: readonly FoldEvent[]): Found {
  const feeding = events.filter((event) => FOLD_METRICS[metric]?.feeds(event) === true);
  if (feeding.length === 0) return COUNTS.has(metric) ? toDecimal(0) : null;
  return FOLD_METRICS[metric]?.value(events) ?? null;
}

function rankedGroups(events: readonly FoldEvent[], query: FoldQuery): string[][] {
  const groups = new Map<string, { group: string[]; events: FoldEvent[] }>();
  for (const event of events) {
    if (!query.metrics.some((metric) => FOLD_METRICS[metric]?.feeds(event) === true)) continue;
    const group = (query.groupBy ?? []).map((dimension) => dimensionValue(event, dimension));
    const key = JSON.stringify(group);
    const entry = groups.get(key) ?? { group, events: [] };
    entry.events.push(event);
    groups.set(key, entry);
  }
  const metric = query.orderBy?.metric ?? query.metrics[0] ?? '';
  const sign = query.orderBy?.direction === 'asc' ? 1 : -1;
  const rank = (list: readonly FoldEvent[]) => {
    const found = wholeValue(metric, list);
    if (found === null) return null;
    return 'between' in found ? toDecimal(found.between[0]) : found;
  };
  return [...groups.values()]
    .toSorted((a, b) => {
      const left = rank(a.events);
      const right = rank(b.events);
      const byValue =
        left === null || right === null
          ? Number(left === null) - Number(right === null)
          : sign * left.comparedTo(right);
      return byValue !== 0 ? byValue : JSON.stringify(a.group) < JSON.stringify(b.group) ? -1 : 1;
    })
    .map(({ group }) => group);
}

function pointsOf(
  metric: string,
  events: readonly FoldEvent[],
  query: FoldQuery,
  { completeThroughMs, nowMs }: FoldContext,
): FoldPoint[] {
  const { granularity, fromMs, toMs, timeZone = 'UTC', weekStart = 'monday' } = query;
  const money = FOLD_METRICS[metric]?.money === true;
  const open = (endMs: number) => completeThroughMs === null || endMs > completeThroughMs;
  const iso = (ms: number) => new Date(ms).toISOString();
  const fill =
    query.compare !== undefined && (query.fill ?? 'none') === 'none' ? 'null' : (query.fill ?? 'none');
  if (granularity === undefined) {
    const value = wholeValue(metric, events) ?? (fill === 'zero' && fromMs < nowMs ? toDecimal(0) : null);
    return [{ start: iso(fromMs), end: iso(toMs), value: written(value, money), partial: open(toMs) }];
  }
  const buckets = bucketBoundaries({ fromMs, toMs, granularity, timeZone, weekStart });
  const points: FoldPoint[] = [];
  let previous: Found = null;
  buckets.edgesMs.slice(0, -1).forEach((startMs, index) => {
    const endMs = buckets.edgesMs[index + 1] ?? 0;
    const inside = events.filter((event) => msOf(event) >= startMs && msOf(event) < endMs);
    const fed = inside.some((event) => FOLD_METRICS[metric]?.feeds(event) === true);
    let value = fed ? (FOLD_METRICS[metric]?.value(inside) ?? null) : null;
    if (value !== null) previous = value;
    else if (fill === 'none') return;
    else if (startMs < nowMs && fill === 'zero') value = toDecimal(0);
    else if (startMs < nowMs && fill === 'previous') value = previous;
    const clipped = (index === 0 && buckets.firstClipped) || (endMs === toMs && buckets.lastClipped);
    points.push({
      start: iso(startMs),
      end: iso(endMs),
      value: written(value, money),
      partial: clipped || open(endMs),
    });
  });
  return points;
}

function written(value: Found, money: boolean): FoldPoint['value'] {
  if (value === null || 'between' in value) return value;
  if (money) return value.toDecimalPlaces(12).toFixed();
  if (value.isInteger() && value.abs().greaterThan(Number.MAX_SAFE_INTEGER)) return value.toFixed();
  return value.toNumber();
}
