/** Rollups held against raw, row by row and column by column. */
import type { Measure } from '@tidemark/core';
import {
  scaledQuantilesOf,
  ROLLUP_BUCKET_MS,
  ROLLUP_TABLE,
  SqlParameters,
  STATE_COLUMNS,
} from './measure-sql.ts';
import type { Row, Statement } from './port.ts';
import { rawStates, rollupsOfBuckets, type BucketSelection } from './rollup-statements.ts';

export interface RollupDifference {
  readonly measure: string;
  readonly bucketStartMs: number;
  readonly dimensions: readonly string[];
  /** Columns that differ, or `events` when one side has no such row. */
  readonly columns: readonly string[];
  /** Those columns as a JSON object of texts; '' when this side has no such row. */
  readonly raw: string;
  readonly rollup: string;
}

/**
 * Events and rollup rows of the buckets that one statement compares. Planning for 31 measures takes 0.3 s however few rows they read;
 * 240 minutes of two packs, nearly 200,000 rows, took 3.5 s more, and 600 MB.
 */
export const ROWS_PER_COMPARISON = 100_000;

/** Sketches are held against each other by what they answer. */
const COMPARED_LEVELS = [0.01, 0.25, 0.5, 0.75, 0.9, 0.99];

/**
 * Each column of a state row as a text: exact for numbers and times. What a sketch answers depends on the values it holds alone,
 * not on the order or the grouping in which they came to it (measured on 26.7: equal to the last bit for 2,000,000 values in four orders,
 * in one state and merged of 1,000).
 */
const TEXT_OF_COLUMN: Readonly<Record<(typeof STATE_COLUMNS)[number], string>> = {
  events: 'toString(events)',
  value_count: 'toString(value_count)',
  value_sum: 'toString(value_sum)',
  value_min: `ifNull(toString(value_min), 'none')`,
  value_max: `ifNull(toString(value_max), 'none')`,
  value_last: `ifNull(toString(value_last), 'none')`,
  last_time: 'toString(last_time)',
  last_id: 'last_id',
  quantile_state: `toString(${scaledQuantilesOf('quantile_state', COMPARED_LEVELS)})`,
  unique_state: 'toString(finalizeAggregation(unique_state))',
};

export interface ComparedRow extends Row {
  readonly measure: string;
  readonly start: string;
  readonly dimensions: readonly string[];
  /** JSON array of texts in the order of `STATE_COLUMNS`; '' when there is no such row. */
  readonly raw: string;
  readonly rollup: string;
}

interface Comparison extends BucketSelection {
  readonly measures: readonly Measure[];
  /** Those of the measures that may have rows in raw. */
  readonly measuresInRaw: readonly Measure[];
  readonly rowsMax: number;
  readonly timeoutMs: number;
}

/**
 * The buckets, ascending, in lists that have at most `ROWS_PER_COMPARISON` rows or are of one bucket.
 *
 * @param rowsOf by start; none where it has no entry
 */
export function bucketsByRows(
  startsMs: readonly number[],
  rowsOf: ReadonlyMap<number, number>,
): readonly (readonly number[])[] {
  const lists: number[][] = [];
  let rows = 0;
  for (const start of startsMs.toSorted((a, b) => a - b)) {
    const added = rowsOf.get(start) ?? 0;
    const list = lists.at(-1);
    if (list === undefined || rows + added > ROWS_PER_COMPARISON) {
      lists.push([start]);
      rows = added;
    } else {
      list.push(start);
      rows += added;
    }
  }
  return lists;
}

/** The rows in which raw and rollups differ, by measure, bucket and dimensions. */
export function compareStatement(options: Comparison): Statement {
  const parameters = new SqlParameters();
  // One text: holding an array for each row takes a quarter more time and a seventh more memory
  const texts = `toJSONString([${STATE_COLUMNS.map((column) => TEXT_OF_COLUMN[column]).join(', ')}])`;
  const side = (name: string, source: string) =>
    `    SELECT '${name}' AS side, measure, bucket, dimensions, ${texts} AS texts
    FROM ${source}`;
  const sides = [
    side('rollup', `${ROLLUP_TABLE[options.tier]} FINAL\n    WHERE ${rollupsOfBuckets(options, parameters)}`),
  ];
  if (options.measuresInRaw.length > 0) {
    const states = rawStates({ ...options, measures: options.measuresInRaw }, parameters);
    sides.push(side('raw', `(\n  ${states}\n    )`));
  }
  return {
    sql: `SELECT measure, ${ROLLUP_BUCKET_MS} AS start, dimensions, raw, rollup
FROM (
  SELECT measure, bucket, dimensions, anyIf(texts, side = 'raw') AS raw, anyIf(texts, side = 'rollup') AS rollup
  FROM (
${sides.join('\n    UNION ALL\n')}
  )
  GROUP BY measure, bucket, dimensions
  HAVING raw != rollup
)
ORDER BY measure, start, dimensions
LIMIT ${parameters.bind('UInt32', options.rowsMax)}`,
    parameters: parameters.values,
    timeoutMs: options.timeoutMs,
  };
}

export function toDifference(row: ComparedRow): RollupDifference {
  const { measure, start, dimensions } = row;
  const [raw, rollup] = [textsOf(row.raw), textsOf(row.rollup)];
  const isOneSided = raw.length === 0 || rollup.length === 0;
  const columns = STATE_COLUMNS.filter((column, index) =>
    isOneSided ? column === 'events' : raw[index] !== rollup[index],
  );
  const show = (texts: readonly string[]) =>
    texts.length === 0
      ? ''
      : JSON.stringify(
          Object.fromEntries(columns.map((column) => [column, texts[STATE_COLUMNS.indexOf(column)] ?? ''])),
        );
  return { measure, bucketStartMs: Number(start), dimensions, columns, raw: show(raw), rollup: show(rollup) };
}

function textsOf(json: string): readonly string[] {
  return json === '' ? [] : (JSON.parse(json) as string[]);
}
