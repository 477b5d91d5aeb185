/**
 * State rows of one measure from every source of a plan. The organization is a field of every request, and each part that reads a
 * table binds it through the predicates of `@tidemark/warehouse`.
 */
import type { DimensionDeclaration, FilterNode, Measure, OrganizationId, Tier } from '@tidemark/core';
import {
  type MERGED_COLUMNS,
  RAW_TIME_MS,
  rawPredicate,
  rawStateColumns,
  rawValueColumn,
  ROLLUP_BUCKET_MS,
  ROLLUP_TABLE,
  rollupPredicate,
  type SqlParameters,
  type STATE_COLUMNS,
  textOf,
} from '@tidemark/warehouse';
import type { BucketAxis } from './bucket-axis.ts';
import { filterSql } from './filters.ts';
import { timeColumn, withinIntervals } from './interval-sql.ts';
import type { Interval, SourcePlan } from './plan.ts';

/** What a statement finishes; only these states are computed. */
export type Figure = keyof typeof MERGED_COLUMNS | 'quantiles';

type StateColumn = (typeof STATE_COLUMNS)[number];

const STATES_OF: Readonly<Record<Figure, readonly StateColumn[]>> = {
  events: ['events'],
  valueCount: ['value_count'],
  sum: ['value_sum'],
  min: ['value_min'],
  max: ['value_max'],
  last: ['value_last', 'last_time', 'last_id'],
  unique: ['unique_state'],
  quantiles: ['quantile_state'],
};

/** The rows that belong to one of the groups, or (`isExcluded`) to none of them. */
export interface GroupChoice {
  /** At least one; each group has a value of each, in this order. */
  readonly dimensions: readonly string[];
  readonly groups: readonly (readonly string[])[];
  readonly isExcluded: boolean;
}

export interface MeasureRequest {
  readonly organization: OrganizationId;
  readonly measure: Measure;
  /** Grouped by, in the order in which rows give their values (`d0`, `d1`, …). */
  readonly groupBy: readonly string[];
  /** All must hold. Their dimensions, and those of `groupBy`, belong to the measure. */
  readonly filters: readonly FilterNode[];
  readonly plan: SourcePlan;
  /** Null for one figure over the whole plan. */
  readonly buckets: BucketAxis | null;
  /** Rows of some groups only; null for all rows. */
  readonly groups: GroupChoice | null;
  readonly figures: ReadonlySet<Figure>;
  readonly levels: readonly number[];
}

/** The output bucket and the dimensions, as both a part and its statement name them. */
export function keyColumns({ groupBy, buckets }: MeasureRequest): string[] {
  return [...(buckets === null ? [] : ['point']), ...groupBy.map((_, index) => `d${index}`)];
}

/** SQL of the output bucket (its start, in units of the axis) of an instant. */
type PointOf = (ms: string) => string;

/** The parts of the plan, one below the other. */
export function stateRows(request: MeasureRequest, parameters: SqlParameters): string {
  const pointOf = request.buckets === null ? null : bindBuckets(request.buckets, parameters);
  const states = [...new Set([...request.figures].flatMap((figure) => STATES_OF[figure]))];
  return request.plan
    .map(({ source, intervals }) =>
      source === 'raw'
        ? rawPart(request, intervals, states, pointOf, parameters)
        : rollupPart(request, source, intervals, states, pointOf, parameters),
    )
    .join('\nUNION ALL\n');
}

/** Calendar truth is computed once, in the core: the engine only looks up which start lies below an instant. */
export function bindBuckets({ baseMs, unitMs, starts }: BucketAxis, parameters: SqlParameters): PointOf {
  const base = parameters.bind('Int64', baseMs);
  const unit = parameters.bind('Int64', unitMs);
  const bounds = parameters.bind('Array(Int64)', starts);
  return (ms) => `roundDown(intDiv(${ms} - ${base}, ${unit}), ${bounds})`;
}

function rollupPart(
  request: MeasureRequest,
  tier: Tier,
  intervals: readonly Interval[],
  states: readonly StateColumn[],
  pointOf: PointOf | null,
  parameters: SqlParameters,
): string {
  const text = rolledUpText(request.measure);
  const keys = [
    ...(pointOf === null ? [] : [`${pointOf(ROLLUP_BUCKET_MS)} AS point`]),
    ...request.groupBy.map((key, index) => `${text(key)} AS d${index}`),
  ];
  const where = [
    rollupPredicate(request.measure, request.organization, parameters),
    withinIntervals(intervals, timeColumn('rollup', ROLLUP_BUCKET_MS), parameters),
    ...questionConditions(request, text, parameters),
  ];
  return `  SELECT ${[...keys, ...states].join(', ')}
  FROM ${ROLLUP_TABLE[tier]} FINAL
  WHERE ${where.join('\n    AND ')}`;
}

function rawPart(
  request: MeasureRequest,
  intervals: readonly Interval[],
  states: readonly StateColumn[],
  pointOf: PointOf | null,
  parameters: SqlParameters,
): string {
  const keys = keyColumns(request);
  // The outer SELECT names the states that are needed; the engine drops the aggregation of all others.
  return `  SELECT ${[...keys, ...states].join(', ')}
  FROM (
    SELECT ${[...keys, ''].join(', ')}${rawStateColumns(request.measure)}
    FROM (
${rawRows(request, intervals, pointOf, parameters)}
    )${keys.length === 0 ? '' : ` GROUP BY ${keys.join(', ')}`}
  )`;
}

/** The events themselves: `time`, `id`, `point` if there are buckets, `d0`…, and `value`. */
export function rawRows(
  request: MeasureRequest,
  intervals: readonly Interval[],
  pointOf: PointOf | null,
  parameters: SqlParameters,
): string {
  const text = (key: string) => textOf(dimensionOf(request.measure, key).field);
  const columns = [
    'time',
    'id',
    ...(pointOf === null ? [] : [`${pointOf(RAW_TIME_MS)} AS point`]),
    ...request.groupBy.map((key, index) => `${text(key)} AS d${index}`),
    rawValueColumn(request.measure),
  ];
  const where = [
    rawPredicate(request.measure, request.organization, parameters),
    withinIntervals(intervals, timeColumn('raw', RAW_TIME_MS), parameters),
    ...questionConditions(request, text, parameters),
  ];
  return `      SELECT ${columns.join(', ')}
      FROM events
      WHERE ${where.join('\n        AND ')}`;
}

function questionConditions(
  { filters, groups }: MeasureRequest,
  text: (dimension: string) => string,
  parameters: SqlParameters,
): string[] {
  const conditions = filters.map((filter) => filterSql(filter, text, parameters));
  return groups === null ? conditions : [...conditions, groupsSql(groups, text, parameters)];
}

export function groupsSql(
  { dimensions, groups, isExcluded }: GroupChoice,
  text: (dimension: string) => string,
  parameters: SqlParameters,
): string {
  const tuple = `[${dimensions.map(text).join(', ')}]`;
  const isOneOf = chunksOf(groups).map(
    (chunk) => `${tuple} IN ${parameters.bind('Array(Array(String))', chunk)}`,
  );
  const any = isOneOf.length === 1 ? isOneOf.join('') : `(${isOneOf.join(' OR ')})`;
  return isExcluded ? `NOT (${any})` : any;
}

/** A server takes 128 KiB in one parameter; a thousand groups of long texts are more. */
const GROUP_CHARACTERS_PER_PARAMETER_MAX = 32_768;

function chunksOf(groups: readonly (readonly string[])[]): (readonly string[])[][] {
  const chunks: (readonly string[])[][] = [[]];
  let room = GROUP_CHARACTERS_PER_PARAMETER_MAX;
  for (const group of groups) {
    const length = JSON.stringify(group).length;
    if (length > room && chunks.at(-1)?.length !== 0) {
      chunks.push([]);
      room = GROUP_CHARACTERS_PER_PARAMETER_MAX;
    }
    chunks.at(-1)?.push(group);
    room -= length;
  }
  return chunks;
}

/** Where a rollup row keeps the value of a dimension: as the generator of rollups lays them out. */
function rolledUpText(measure: Measure): (key: string) => string {
  const kept = measure.dimensions.filter((dimension) => dimension.rolledUp);
  return (key) => {
    const index = kept.findIndex((dimension) => dimension.key === key);
    if (index < 0) throw new Error(`Assertion failed: dimension ${key} is not rolled up`);
    return `dimensions[${index + 1}]`;
  };
}

function dimensionOf(measure: Measure, key: string): DimensionDeclaration {
  const dimension = measure.dimensions.find((candidate) => candidate.key === key);
  if (dimension === undefined) throw new Error(`Assertion failed: the measure has no dimension ${key}`);
  return dimension;
}
