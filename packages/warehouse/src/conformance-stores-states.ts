/** Reads finished state rows, from rollups and straight from raw, for the conformance suite of the stores. */
import { TIER_WIDTH_MS } from '@tidemark/core';
import type { FieldCondition, Measure, OrganizationId, Tier } from '@tidemark/core';
import type { FoldState } from './conformance-stores-fold.ts';
import {
  conditionSql,
  MERGED_COLUMNS,
  mergedQuantiles,
  RAW_TIME_MS,
  rawPredicate,
  rawStateColumns,
  rawValueColumn,
  ROLLUP_BUCKET_MS,
  ROLLUP_TABLE,
  rollupPredicate,
  SqlParameters,
  textOf,
} from './measure-sql.ts';
import type { WarehouseExecutor } from './port.ts';

export const LEVELS = [0.5, 0.95] as const;

/** As `FoldState`, with quantiles in the place of all values. */
export interface ReadState extends Omit<FoldState, 'values'> {
  readonly quantiles: readonly (number | null)[];
}

interface StateRow {
  readonly [column: string]: unknown;
  readonly bucketMs: string;
  readonly dimensions: readonly string[];
  readonly events: string;
  readonly valueCount: string;
  readonly sum: string;
  readonly min: string | null;
  readonly max: string | null;
  readonly last: string | null;
  readonly unique: string;
  readonly quantiles: readonly (number | null)[];
}

const FINISHED = [
  ...Object.entries(MERGED_COLUMNS).map(([name, sql]) => `${sql} AS \`f_${name}\``),
  `${mergedQuantiles(LEVELS)} AS f_quantiles`,
].join(', ');
const RENAMED = [...Object.keys(MERGED_COLUMNS), 'quantiles']
  .map((name) => `f_${name} AS \`${name}\``)
  .join(', ');

export interface StateRequest {
  readonly organization: OrganizationId;
  readonly measure: Measure;
  readonly tier: Tier;
  /** On the first dimension of the rollup. */
  readonly condition?: Pick<FieldCondition, 'op' | 'value'>;
}

export function readRollups(warehouse: WarehouseExecutor, request: StateRequest): Promise<ReadState[]> {
  const parameters = new SqlParameters();
  const { condition } = request;
  const where = [
    rollupPredicate(request.measure, request.organization, parameters),
    ...(condition === undefined ? [] : [conditionSql('dimensions[1]', condition, parameters)]),
  ];
  const rows = `SELECT *, ${ROLLUP_BUCKET_MS} AS bucketMs FROM ${ROLLUP_TABLE[request.tier]} FINAL
    WHERE ${where.join(' AND ')}`;
  return finish(warehouse, rows, parameters);
}

/** What the rollups should hold, by the same generator over raw. */
export function aggregateRaw(warehouse: WarehouseExecutor, request: StateRequest): Promise<ReadState[]> {
  const { organization, measure, tier } = request;
  const parameters = new SqlParameters();
  const width = TIER_WIDTH_MS[tier];
  const texts = measure.dimensions.map(({ field }) => textOf(field));
  const rows = `SELECT bucketMs, dimensions, ${rawStateColumns(measure)} FROM (
      SELECT time, id, intDiv(${RAW_TIME_MS}, ${width}) * ${width} AS bucketMs,
        CAST([${texts.join(', ')}], 'Array(String)') AS dimensions, ${rawValueColumn(measure)}
      FROM events WHERE ${rawPredicate(measure, organization, parameters)}
    ) GROUP BY bucketMs, dimensions`;
  return finish(warehouse, rows, parameters);
}

async function finish(
  warehouse: WarehouseExecutor,
  rows: string,
  parameters: SqlParameters,
): Promise<ReadState[]> {
  const read = await warehouse.query<StateRow>({
    sql: `SELECT bucketMs, dimensions, ${RENAMED} FROM (
        SELECT bucketMs, dimensions, ${FINISHED} FROM (${rows}) GROUP BY bucketMs, dimensions
      ) ORDER BY bucketMs, dimensions`,
    parameters: parameters.values,
  });
  return read.map((row) => ({
    ...row,
    bucketMs: Number(row.bucketMs),
    events: Number(row.events),
    valueCount: Number(row.valueCount),
    unique: Number(row.unique),
  }));
}
