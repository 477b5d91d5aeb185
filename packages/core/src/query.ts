import type { FilterOperator, FilterValue, Targets } from './metric.ts';

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

/** A condition, or conditions joined: all of `and`, one of `or`, not `not`. */
export type FilterNode =
  | QueryFilter
  | { readonly and: readonly FilterNode[] }
  | { readonly or: readonly FilterNode[] }
  | { readonly not: FilterNode };

/**
 * A metric of the catalogue by its key; the same at another quantile level (of a base or state metric that is a quantile); or an
 * expression over metrics, under a name of the asker's. `as` is what the answer calls it.
 */
export type MetricSelection =
  | string
  | { readonly as: string; readonly metric: string; readonly level: number }
  | { readonly as: string; readonly expression: string; readonly unit?: string };

/** A question, as the wire brings it and every other part of the product holds it. Half-open range [from, to). */
export interface Query {
  readonly metrics: readonly MetricSelection[];
  /** RFC 3339 with offset, a calendar date (start of that day in the zone), `now`, or `now` with an offset: `now-24h`, `now-7d`, `now-3M/M` (then truncated to the unit in the zone). */
  readonly from: string;
  readonly to: string;
  /** Absent: one point over the whole range. */
  readonly granularity?: Granularity;
  /** IANA name; `UTC` when absent. */
  readonly timeZone?: string;
  /** `monday` when absent. */
  readonly weekStart?: Weekday;
  /** The month (1 to 12) in which years, and so quarters, begin; 1 when absent. */
  readonly fiscalYearStart?: number;
  readonly groupBy?: readonly string[];
  /** All must hold. */
  readonly filters?: readonly FilterNode[];
  readonly compare?: 'previous_period' | 'previous_year';
  /** What stands where no event was; `none` (the default) leaves such points out. */
  readonly fill?: Fill;
  /** Ranks the series of a grouped answer by their value over the whole range. */
  readonly orderBy?: { readonly metric: string; readonly direction: 'asc' | 'desc' };
  /** How many groups are kept after ranking. */
  readonly limit?: number;
  /** One more series for each metric, last: all groups that are not shown (on pages before this one too), together. */
  readonly other?: boolean;
  /** The `nextCursor` of an answer to the same question: the groups that rank behind it. */
  readonly cursor?: string;
  /** In place of the declared ones, of metrics that are held to targets. */
  readonly targets?: Targets;
}

/** How the values of one metric lie: counts of values in bins [bounds[i], bounds[i + 1]), and below the first and from the last on. */
export interface DistributionQuery extends Pick<Query, 'from' | 'to' | 'timeZone' | 'weekStart' | 'filters'> {
  /** A base metric that reads a number, or a state metric with a value. */
  readonly metric: string;
  /** Ascending. */
  readonly bounds?: readonly number[];
  /** In place of bounds: so many bins of equal width from the least to the greatest value. */
  readonly bins?: number;
  readonly groupBy?: readonly string[];
  readonly limit?: number;
}

export interface Bin {
  /** Null: unbounded on this side. */
  readonly from: number | null;
  readonly to: number | null;
  readonly count: number;
  /** Of all values of the group, 0 to 1; null when there are none. */
  readonly share: number | null;
}

export interface DistributionAnswer {
  readonly groups: readonly {
    readonly dimensions: Readonly<Record<string, string | null>>;
    readonly count: number;
    readonly bins: readonly Bin[];
  }[];
  readonly metric: string;
  readonly from: string;
  readonly to: string;
  readonly timeZone: string;
  readonly completeThrough: string | null;
  readonly groupsOmitted: number;
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
  /** True: all groups that are not shown, together; every dimension is then null. */
  readonly isOther?: true;
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
  /** Where the numbers were read: `1d`, `15m`, `1m` rollups, `subjects` (states of entities) or `raw`. */
  readonly tiersRead: readonly string[];
  readonly estimates: readonly Estimate[];
  /** Groups that are not shown. */
  readonly groupsOmitted: number;
  /** Asks for the groups that rank next; null when there are none. */
  readonly nextCursor: string | null;
}
