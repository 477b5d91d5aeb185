/** What the metrics of the shop are, said by loops over events. */
import { toDecimal } from '@tidemark/core';

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

export type Decimal = ReturnType<typeof toDecimal>;
/** Quantiles are ranges: the two neighbouring order statistics. */
export type Found = Decimal | { readonly between: readonly [number, number] } | null;

export interface FoldMetric {
  readonly name: string;
  /** Which events make the metric exist in a bucket. */
  readonly feeds: (event: FoldEvent) => boolean;
  /** @param seconds how much of the bucket has passed; null when nothing has */
  readonly value: (events: readonly FoldEvent[], seconds: Decimal | null) => Found;
  readonly money: boolean;
}

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

export function ratio(a: Found, b: Found): Decimal | null {
  if (a === null || b === null || 'between' in a || 'between' in b || b.isZero()) return null;
  return a.dividedBy(b);
}

const ofPlaced = ({ type }: FoldEvent) => type === 'order.placed';
const count = (events: readonly unknown[]) => toDecimal(events.length);
const failures = (events: readonly FoldEvent[]) => events.filter(({ type }) => type === 'order.failed');
const buyers = (events: readonly FoldEvent[]) =>
  toDecimal(new Set(placed(events).flatMap(({ subject }) => (subject === '' ? [] : [subject]))).size);
const onPlaced = (value: FoldMetric['value'], money = false) => ({ feeds: ofPlaced, value, money });

const METRICS: Readonly<Record<string, Omit<FoldMetric, 'name'>>> = {
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
    value: (events) => count(failures(events)),
    money: false,
  },
  'shop.failure_rate': {
    feeds: () => true,
    value: (events) => ratio(count(failures(events)), count(events))?.times(100) ?? null,
    money: false,
  },
  'shop.revenue_per_buyer': onPlaced((events) => ratio(sum(present(events, 'price')), buyers(events)), true),
};

export const FOLD_METRICS: readonly FoldMetric[] = Object.entries(METRICS).map(([name, metric]) => ({
  name,
  ...metric,
}));

/** The median's measure at another level. */
export function foldLevel(name: string, level: number): FoldMetric {
  return { name, ...onPlaced((events) => quantile(present(events, 'duration'), level)) };
}

/** Whether its values are estimates, which rank near equals otherwise than true values do. */
export function isEstimated(metric: FoldMetric): boolean {
  return metric.name.startsWith('p') || metric.name.includes('_p');
}

export function dimensionValue(event: FoldEvent, dimension: string): string {
  return dimension === 'channel' ? event.channel : dimension === 'country' ? event.country : event.subject;
}
