/**
 * Making rollups: a pure function of raw. The same buckets may be recomputed any number of times by anybody; the row with the
 * greatest version stands.
 */
import { assertThat, TIER_WIDTH_MS } from '@tidemark/core';
import type { Measure, OrganizationId, Tier } from '@tidemark/core';
import {
  RAW_TIME_MS,
  rawPredicate,
  rawStateColumns,
  rawValueColumn,
  ROLLUP_TABLE,
  SqlParameters,
  STATE_COLUMNS,
  textOf,
} from './measure-sql.ts';
import type { Statement, WarehouseExecutor } from './port.ts';

export interface RecomputeOptions {
  readonly organization: OrganizationId;
  readonly tier: Tier;
  /** Starts of buckets of the tier, ms since the epoch: multiples of its width. */
  readonly bucketStartsMs: readonly number[];
  readonly measures: readonly Measure[];
  /** Drawn before raw is read; greater than that of every recomputation that saw less. */
  readonly version: bigint;
  readonly timeoutMs: number;
}

/** An engine reads at most 256 KiB of one statement, and a measure takes about 1.5 KiB of it. */
export const MEASURES_PER_STATEMENT_MAX = 64;

export interface RollupStore {
  /**
   * Recomputes the buckets from raw, `MEASURES_PER_STATEMENT_MAX` measures in one INSERT SELECT. Idempotent; what was written before
   * a failure is right and stays. Returns how many measures had events.
   * @throws warehouse-unavailable, query-timeout
   */
  recompute(options: RecomputeOptions): Promise<number>;
  /** The greatest version of any rollup row; 0 when there is none. @throws warehouse-unavailable, query-timeout */
  greatestVersion(): Promise<bigint>;
}

export function createRollupStore(warehouse: WarehouseExecutor): RollupStore {
  return {
    async recompute(options) {
      if (options.bucketStartsMs.length === 0) return 0;
      const types = new Set(
        (await warehouse.query<{ type: string }>(typesPresent(options))).map((row) => row.type),
      );
      const measures = options.measures.filter((measure) =>
        measure.eventTypes.some((type) => types.has(type)),
      );
      for (let start = 0; start < measures.length; start += MEASURES_PER_STATEMENT_MAX) {
        const some = measures.slice(start, start + MEASURES_PER_STATEMENT_MAX);
        await warehouse.command(recomputeStatement({ ...options, measures: some }));
      }
      return measures.length;
    },
    async greatestVersion() {
      const tables = Object.values(ROLLUP_TABLE).map(
        (table) => `SELECT max(version) AS version FROM ${table}`,
      );
      const [row] = await warehouse.query<{ version: string }>({
        sql: `SELECT max(version) AS version FROM (${tables.join(' UNION ALL ')})`,
      });
      return BigInt(row?.version ?? 0);
    },
  };
}

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
 * Rows whose event time lies in one of the buckets. The outer bounds serve the primary key and the minmax index; the bucket
 * list is exact.
 */
function bucketPredicate(options: RecomputeOptions, parameters: SqlParameters): string {
  const width = TIER_WIDTH_MS[options.tier];
  const ranges = bucketRanges(options.tier, options.bucketStartsMs);
  const first = ranges[0];
  const last = ranges.at(-1);
  assertThat(first !== undefined && last !== undefined, 'at least one bucket');
  const time = (ms: number) => `fromUnixTimestamp64Milli(${parameters.bind('Int64', ms)}, 'UTC')`;
  const outer = `time >= ${time(first[0])} AND time < ${time(last[1])}`;
  if (ranges.length === 1) return outer;
  const starts = parameters.bind('Array(Int64)', [...options.bucketStartsMs]);
  return `${outer} AND intDiv(${RAW_TIME_MS}, ${width}) * ${width} IN ${starts}`;
}

function typesPresent(options: RecomputeOptions): Statement {
  const parameters = new SqlParameters();
  const organization = parameters.bind('String', options.organization);
  return {
    sql: `SELECT DISTINCT toString(type) AS type FROM events WHERE organization = ${organization} AND ${bucketPredicate(options, parameters)}`,
    parameters: parameters.values,
    timeoutMs: options.timeoutMs,
  };
}

/** Exported for the golden test. */
export function recomputeStatement(options: RecomputeOptions): Statement {
  const parameters = new SqlParameters();
  const width = TIER_WIDTH_MS[options.tier];
  const version = parameters.bind('UInt64', options.version);
  const organization = parameters.bind('String', options.organization);
  const isInBucket = bucketPredicate(options, parameters);
  const selects = options.measures.map((measure) => {
    const dimensions = measure.dimensions.filter((dimension) => dimension.rolledUp);
    const values = dimensions.map((dimension) => textOf(dimension.field)).join(', ');
    return `SELECT
    ${organization} AS organization,
    ${parameters.bind('String', measure.fingerprint)} AS measure,
    toDateTime(bucket_s, 'UTC') AS bucket,
    dimensions,
    ${rawStateColumns(measure)},
    ${version} AS version
  FROM (
    SELECT
      time, id,
      intDiv(${RAW_TIME_MS}, ${width}) * ${width / 1000} AS bucket_s,
      ${dimensions.length === 0 ? `CAST([], 'Array(String)')` : `[${values}]`} AS dimensions,
      ${rawValueColumn(measure)}
    FROM events
    WHERE ${rawPredicate(measure, options.organization, parameters)}
      AND ${isInBucket}
  )
  GROUP BY bucket_s, dimensions`;
  });
  return {
    sql: `INSERT INTO ${ROLLUP_TABLE[options.tier]} (organization, measure, bucket, dimensions, ${STATE_COLUMNS.join(', ')}, version)
  ${selects.join('\n  UNION ALL\n  ')}`,
    parameters: parameters.values,
    settings: { max_partitions_per_insert_block: 0, insert_deduplicate: 0, async_insert: 0 },
    timeoutMs: options.timeoutMs,
  };
}
