/** Statements over the buckets of one organization: what raw gives for them, and what rollups hold. */
import { assertThat, TIER_WIDTH_MS } from '@tidemark/core';
import type { Measure, OrganizationId, Tier } from '@tidemark/core';
import {
  EMPTY_STATE,
  RAW_TIME_MS,
  ROLLUP_BUCKET_MS,
  ROLLUP_TABLE,
  SqlParameters,
  STATE_COLUMNS,
} from './measure-sql.ts';
import type { Statement } from './port.ts';
import { combinationsOf, combinedStates } from './raw-states.ts';

/** Buckets of one tier of one organization. */
export interface BucketSelection {
  readonly organization: OrganizationId;
  readonly tier: Tier;
  /** Starts of buckets of the tier, ms since the epoch: multiples of its width. */
  readonly bucketStartsMs: readonly number[];
}

interface Writing extends BucketSelection {
  readonly measures: readonly Measure[];
  readonly version: bigint;
  readonly timeoutMs: number;
}

/** An engine reads at most 256 KiB of one statement; the rest is for what stands around the states. */
const RAW_STATES_CHARACTERS_MAX = 192 * 1024;

const INSERT_SETTINGS = { max_partitions_per_insert_block: 0, insert_deduplicate: 0, async_insert: 0 };

/** Ranges that hold the buckets: neighbours are joined, so that a scan skips what lies between. */
function bucketRanges(tier: Tier, startsMs: readonly number[]): [number, number][] {
  const width = TIER_WIDTH_MS[tier];
  const ranges: [number, number][] = [];
  for (const start of startsMs.toSorted((a, b) => a - b)) {
    assertThat(start % width === 0, `${start} is the start of a bucket of ${tier}`);
    const last = ranges.at(-1);
    if (last !== undefined && last[1] >= start) last[1] = start + width;
    else ranges.push([start, start + width]);
  }
  return ranges;
}

/**
 * Rows of one of the buckets. The outer bounds serve the primary key and the minmax index; the bucket list is exact.
 *
 * @param bound SQL of an instant that `column` is compared with
 * @param start SQL of the start of a row's bucket, ms
 */
function bucketPredicate(
  options: BucketSelection,
  parameters: SqlParameters,
  { column, bound, start }: { column: string; bound: (ms: string) => string; start: string },
): string {
  const ranges = bucketRanges(options.tier, options.bucketStartsMs);
  const first = ranges[0];
  const last = ranges.at(-1);
  assertThat(first !== undefined && last !== undefined, 'at least one bucket');
  const instant = (ms: number) => bound(parameters.bind('Int64', ms));
  const outer = `${column} >= ${instant(first[0])} AND ${column} < ${instant(last[1])}`;
  if (ranges.length === 1) return outer;
  return `${outer} AND ${start} IN ${parameters.bind('Array(Int64)', [...options.bucketStartsMs])}`;
}

/** WHERE of the raw rows of the buckets, whatever their organization. */
export function isRawOfBuckets(options: BucketSelection, parameters: SqlParameters): string {
  return bucketPredicate(options, parameters, {
    column: 'time',
    bound: (ms) => `fromUnixTimestamp64Milli(${ms}, 'UTC')`,
    start: rawBucketMs(options.tier),
  });
}

function rawBucketMs(tier: Tier): string {
  const width = TIER_WIDTH_MS[tier];
  return `intDiv(${RAW_TIME_MS}, ${width}) * ${width}`;
}

/** WHERE of the rollup rows of the measures in the buckets, the vanished ones left out. */
export function rollupsOfBuckets(
  options: BucketSelection & { readonly measures: readonly Measure[] },
  parameters: SqlParameters,
): string {
  const fingerprints = options.measures.map((measure) => measure.fingerprint);
  const isInBucket = bucketPredicate(options, parameters, {
    column: 'bucket',
    bound: (ms) => `toDateTime(intDiv(${ms}, 1000), 'UTC')`,
    start: ROLLUP_BUCKET_MS,
  });
  return `organization = ${parameters.bind('String', options.organization)}
    AND measure IN ${parameters.bind('Array(String)', fingerprints)}
    AND ${isInBucket}
    AND events > 0`;
}

export function typesPresent(options: BucketSelection & { readonly timeoutMs: number }): Statement {
  const parameters = new SqlParameters();
  const organization = parameters.bind('String', options.organization);
  return {
    sql: `SELECT DISTINCT toString(type) AS type FROM events WHERE organization = ${organization} AND ${isRawOfBuckets(options, parameters)}`,
    parameters: parameters.values,
    timeoutMs: options.timeoutMs,
  };
}

/** (start, rows): how many events and rollup rows each of the buckets has that has any. Reads times alone. */
export function rowsOfBuckets(
  options: BucketSelection & { readonly measures: readonly Measure[]; readonly timeoutMs: number },
): Statement {
  const parameters = new SqlParameters();
  const organization = parameters.bind('String', options.organization);
  return {
    sql: `SELECT start, sum(present) AS rows
FROM (
  SELECT ${rawBucketMs(options.tier)} AS start, count() AS present
  FROM events
  WHERE organization = ${organization} AND ${isRawOfBuckets(options, parameters)}
  GROUP BY start
  UNION ALL
  SELECT ${ROLLUP_BUCKET_MS} AS start, count() AS present
  FROM ${ROLLUP_TABLE[options.tier]}
  WHERE ${rollupsOfBuckets(options, parameters)}
  GROUP BY start
)
GROUP BY start`,
    parameters: parameters.values,
    timeoutMs: options.timeoutMs,
  };
}

/** State rows (measure, bucket, dimensions, `STATE_COLUMNS`) that raw gives for the buckets, one SELECT a combination. */
export function rawStates(
  options: BucketSelection & { readonly measures: readonly Measure[] },
  parameters: SqlParameters,
): string {
  const source = { ...options, isInBucket: isRawOfBuckets(options, parameters) };
  return combinationsOf(options.measures)
    .map((measures) => combinedStates(measures, source, parameters))
    .join('\n  UNION ALL\n  ');
}

/**
 * The measures in lists, combination by combination, whose `rawStates` take at most `RAW_STATES_CHARACTERS_MAX` or are of one measure.
 * Measures together take no more than each for itself.
 */
export function measuresByStatement(
  options: BucketSelection & { readonly measures: readonly Measure[] },
): readonly (readonly Measure[])[] {
  const source = { ...options, isInBucket: isRawOfBuckets(options, new SqlParameters()) };
  const lists: Measure[][] = [];
  let characters = 0;
  for (const measure of combinationsOf(options.measures).flat()) {
    const added = combinedStates([measure], source, new SqlParameters()).length;
    const list = lists.at(-1);
    if (list === undefined || characters + added > RAW_STATES_CHARACTERS_MAX) {
      lists.push([measure]);
      characters = added;
    } else {
      list.push(measure);
      characters += added;
    }
  }
  return lists;
}

function insertInto(tier: Tier): string {
  return `INSERT INTO ${ROLLUP_TABLE[tier]} (organization, measure, bucket, dimensions, ${STATE_COLUMNS.join(', ')}, version)`;
}

/** Makes the rollups anew of what raw holds. */
export function recomputeStatement(options: Writing): Statement {
  const parameters = new SqlParameters();
  const version = parameters.bind('UInt64', options.version);
  const organization = parameters.bind('String', options.organization);
  return {
    sql: `${insertInto(options.tier)}
SELECT ${organization} AS organization, measure, bucket, dimensions, ${STATE_COLUMNS.join(', ')}, ${version} AS version
FROM (
  ${rawStates(options, parameters)}
)`,
    parameters: parameters.values,
    settings: INSERT_SETTINGS,
    timeoutMs: options.timeoutMs,
  };
}

/**
 * Empties the rows that a recomputation of this version has not written, though it was to write all that raw has: raw no longer
 * has their combination. To be run after `recomputeStatement`; rows of a greater version stand, since whoever wrote them saw more.
 */
export function vanishStatement(options: Writing): Statement {
  const parameters = new SqlParameters();
  const version = parameters.bind('UInt64', options.version);
  const isOfBuckets = rollupsOfBuckets(options, parameters);
  return {
    sql: `${insertInto(options.tier)}
SELECT organization, measure, bucket, dimensions, ${STATE_COLUMNS.map((column) => EMPTY_STATE[column]).join(', ')}, ${version}
FROM ${ROLLUP_TABLE[options.tier]} FINAL
WHERE ${isOfBuckets}
    AND version < ${version}`,
    parameters: parameters.values,
    settings: INSERT_SETTINGS,
    timeoutMs: options.timeoutMs,
  };
}
