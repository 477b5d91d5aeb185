/**
 * Making rollups: a pure function of raw. The same buckets may be recomputed any number of times by anybody; the row with the
 * greatest version stands.
 */
import type { Measure, OrganizationId, Tier } from '@tidemark/core';
import {
  rawPredicate,
  ROLLUP_BUCKET_MS,
  ROLLUP_TABLE,
  SqlParameters,
  textOf,
  UNIQUE_PRECISION,
} from './measure-sql.ts';
import type { WarehouseExecutor } from './port.ts';
import {
  bucketsByRows,
  compareStatement,
  toDifference,
  type ComparedRow,
  type RollupDifference,
} from './rollup-comparison.ts';
import {
  measuresByStatement,
  recomputeStatement,
  rowsOfBuckets,
  typesPresent,
  vanishStatement,
  type BucketSelection,
} from './rollup-statements.ts';

export interface RecomputeOptions extends BucketSelection {
  readonly measures: readonly Measure[];
  /** Drawn before raw is read; greater than that of every recomputation that saw less. */
  readonly version: bigint;
  readonly timeoutMs: number;
}

/** Most that one call of `compare` gives. */
export const DIFFERENCES_SHOWN_MAX = 1_000;

/** Of a look through all of an organization's raw. */
const COMBINATIONS_TIMEOUT_MS = 60_000;

export interface RollupStore {
  /**
   * Recomputes the buckets from raw, as many measures in one INSERT SELECT as its text may hold, then empties the rows of dimensions that
   * raw no longer has. Idempotent; what was written before a failure is right and stays. Returns how many measures had events.
   * @throws warehouse-unavailable, query-timeout
   */
  recompute(options: RecomputeOptions): Promise<number>;
  /**
   * Where the rollups of the buckets differ from what raw gives now: counts, sums, extremes, last values and distinct sketches must be
   * equal, quantiles too (the sketch does not depend on the order of merging). Empty when all agree. At most
   * `DIFFERENCES_SHOWN_MAX`. However many the buckets, a statement compares at most `ROWS_PER_COMPARISON` rows, or one bucket. What is
   * written between its two reads shows as a difference: callers look at the marks afterwards.
   * @throws warehouse-unavailable, query-timeout
   */
  compare(options: Omit<RecomputeOptions, 'version'>): Promise<readonly RollupDifference[]>;
  /**
   * How many combinations of rolled-up dimensions all of raw has for the measure, give or take half a percent: a wide bucket may hold as
   * many rows. @throws warehouse-unavailable, query-timeout
   */
  combinationsOf(organization: OrganizationId, measure: Measure): Promise<number>;
  /** Starts of the buckets of one organization within [fromMs, toMs) that have rollup rows, ascending. @throws as `compare` */
  bucketsWithin(
    organization: OrganizationId,
    tier: Tier,
    fromMs: number,
    toMs: number,
  ): Promise<readonly number[]>;
  /** The greatest version of any rollup row; 0 when there is none. @throws warehouse-unavailable, query-timeout */
  greatestVersion(): Promise<bigint>;
}

export function createRollupStore(warehouse: WarehouseExecutor): RollupStore {
  return {
    async recompute(options) {
      if (options.bucketStartsMs.length === 0 || options.measures.length === 0) return 0;
      const measures = await measuresPresent(warehouse, options);
      for (const some of measuresByStatement({ ...options, measures })) {
        await warehouse.command(recomputeStatement({ ...options, measures: some }));
      }
      await warehouse.command(vanishStatement(options));
      return measures.length;
    },
    async compare(options) {
      if (options.bucketStartsMs.length === 0 || options.measures.length === 0) return [];
      const present = await measuresPresent(warehouse, options);
      const absent = options.measures.filter((measure) => !present.includes(measure));
      const differences: RollupDifference[] = [];
      const counted = await warehouse.query<{ start: string; rows: string }>(rowsOfBuckets(options));
      const rowsOf = new Map(counted.map(({ start, rows }) => [Number(start), Number(rows)]));
      for (const bucketStartsMs of bucketsByRows(options.bucketStartsMs, rowsOf)) {
        const buckets = { ...options, bucketStartsMs };
        const [first = [], ...others] = measuresByStatement({ ...buckets, measures: present });
        for (const measuresInRaw of [first, ...others]) {
          const rowsMax = DIFFERENCES_SHOWN_MAX - differences.length;
          if (rowsMax === 0) return differences;
          // Measures without raw rows add nothing to the text: they go with the first
          const measures = measuresInRaw === first ? [...absent, ...first] : measuresInRaw;
          const rows = await warehouse.query<ComparedRow>(
            compareStatement({ ...buckets, measures, measuresInRaw, rowsMax }),
          );
          differences.push(...rows.map(toDifference));
        }
      }
      return differences;
    },
    async combinationsOf(organization, measure) {
      const parameters = new SqlParameters();
      const fields = measure.dimensions.filter(({ rolledUp }) => rolledUp).map(({ field }) => textOf(field));
      const where = rawPredicate(measure, organization, parameters);
      const [row] = await warehouse.query<{ combinations: string }>({
        sql: `SELECT uniqCombined64(${UNIQUE_PRECISION})([${fields.join(', ')}]::Array(String)) AS combinations
              FROM events WHERE ${where}`,
        parameters: parameters.values,
        timeoutMs: COMBINATIONS_TIMEOUT_MS,
      });
      return Number(row?.combinations ?? 0);
    },
    async bucketsWithin(organization, tier, fromMs, toMs) {
      const rows = await warehouse.query<{ start: string }>({
        sql: `SELECT DISTINCT ${ROLLUP_BUCKET_MS} AS start FROM ${ROLLUP_TABLE[tier]} FINAL
              WHERE organization = {organization:String} AND events > 0
                AND bucket >= toDateTime(intDiv({from:Int64}, 1000), 'UTC')
                AND ${ROLLUP_BUCKET_MS} >= {from:Int64} AND ${ROLLUP_BUCKET_MS} < {to:Int64}
              ORDER BY start`,
        parameters: { organization, from: fromMs, to: toMs },
      });
      return rows.map((row) => Number(row.start));
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

/** Those of the measures that may have events in the buckets. */
async function measuresPresent(
  warehouse: WarehouseExecutor,
  options: Omit<RecomputeOptions, 'version'>,
): Promise<readonly Measure[]> {
  const rows = await warehouse.query<{ type: string }>(typesPresent(options));
  const types = new Set(rows.map((row) => row.type));
  return options.measures.filter((measure) => measure.eventTypes.some((type) => types.has(type)));
}
