import type { FilterOperator, FilterValue } from './metric.ts';

export const GRANULARITIES = ['minute', 'hour', 'day', 'week', 'month', 'quarter', 'year'] as const;
export type Granularity = (typeof GRANULARITIES)[number];

export const FILLS = ['none', 'null', 'zero', 'previous'] as const;
export type Fill = (typeof FILLS)[number];

export const WEEKDAYS = [
  'monday',
  'tuesday',
  'wednesday',
  'thursday',
  'friday',
  'saturday',
  'sunday',
] as const;
export type Weekday = (typeof WEEKDAYS)[number];

export interface QueryFilter {
  readonly dimension: string;
  readonly op: FilterOperator;
  readonly value: FilterValue;
}

/** A question, as the wire brings it and every other part of the product holds it. Half-open range [from, to). */
export interface Query {
  readonly metrics: readonly string[];
  /** RFC 3339 with offset, a calendar date (start of that day in the zone), `now`, or `now` with an offset: `now-24h`, `now-7d`, `now-3M/M` (then truncated to the unit in the zone). */
  readonly from: string;
  readonly to: string;
  /** Absent: one point over the whole range. */
  readonly granularity?: Granularity;
  /** IANA name; `UTC` when absent. */
  readonly timeZone?: string;
  /** `monday` when absent. */
  readonly weekStart?: Weekday;
  readonly groupBy?: readonly string[];
  /** All must hold. */
  readonly filters?: readonly QueryFilter[];
  readonly compare?: 'previous_period' | 'previous_year';
  /** What stands where no event was; `none` (the default) leaves such points out. */
  readonly fill?: Fill;
  /** Ranks the series of a grouped answer by their value over the whole range. */
  readonly orderBy?: { readonly metric: string; readonly direction: 'asc' | 'desc' };
  /** How many groups are kept after ranking. */
  readonly limit?: number;
}

/** Money and integers beyond 2^53 are strings; null where there is no value. */
export type MetricValue = number | string | null;

export interface Point {
  /** RFC 3339 UTC. */
  readonly start: string;
  readonly end: string;
  readonly value: MetricValue;
  /** The bucket is cut by the range, or still open: more may come. */
  readonly partial: boolean;
}

export interface Series {
  readonly metric: string;
  /** Null: the events carried no such value. */
  readonly dimensions: Readonly<Record<string, string | null>>;
  readonly points: readonly Point[];
  /** The same points of the compared range, index by index, and the change of the totals in percent (null without a base). */
  readonly compared?: { readonly points: readonly Point[]; readonly changePercent: number | null };
}

/** How far off a value may be. */
export interface Estimate {
  readonly metric: string;
  readonly kind: 'quantile' | 'unique';
  /** Quantile: a bound on |estimate - true| / true. Unique: the standard error of estimate / true. */
  readonly relativeError: number;
  readonly note: string;
}

export interface Answer {
  readonly series: readonly Series[];
  readonly from: string;
  readonly to: string;
  readonly granularity: Granularity | null;
  readonly timeZone: string;
  /** No earlier event is expected (a late one may still come and is then counted); null before the first progress. */
  readonly completeThrough: string | null;
  /** Where the numbers were read: `1d`, `15m`, `1m` rollups or `raw`. */
  readonly tiersRead: readonly string[];
  readonly estimates: readonly Estimate[];
  /** Groups beyond `limit`, not shown. */
  readonly groupsOmitted: number;
}
