/**
 * The SQL of a question. One statement asks one measure: a part per source (rollups, raw), each giving state rows by output
 * bucket and dimensions, merged and finished by the generator of `@tidemark/warehouse`.
 */
import { MERGED_COLUMNS, mergedQuantiles, SqlParameters, type Statement } from '@tidemark/warehouse';
import type { RankPlace } from './cursor.ts';
import type { StatementLimits } from './limits.ts';
import { type Figure, keyColumns, type MeasureRequest, rawRows, stateRows } from './state-rows.ts';

/**
 * Rows `{point?, d0…, f_events, f_sum?, …}`: decimals and 64-bit integers as text, null where there was no value, '' for an
 * absent dimension. A question without bucket and group always gets a row; it then says `f_events: "0"`.
 */
export function measureStatement(request: MeasureRequest, limits: StatementLimits): Statement {
  const parameters = new SqlParameters();
  const keys = keyColumns(request);
  const figures = [...request.figures].map(
    (figure) => `${textFigure(figure, request.levels)} AS ${figureColumn(figure)}`,
  );
  const sql = `SELECT ${[...keys, ...figures].join(', ')}
FROM (
${stateRows(request, parameters)}
)${groupByClause(keys)}`;
  return limited(sql, parameters, limits, limits.resultRowsMax);
}

export interface RankingRequest {
  /** Whose figure ranks. */
  readonly ranked: MeasureRequest;
  readonly figure: 'count' | 'value-count' | 'sum' | 'avg' | 'min' | 'max' | 'last' | 'unique' | 'quantile';
  /** Further measures of the question: their groups belong to the answer too. */
  readonly others: readonly MeasureRequest[];
  readonly direction: 'asc' | 'desc';
  readonly limit: number;
  /** Groups behind this place only, if there are any; null for the first ones. */
  readonly after: RankPlace | null;
}

/**
 * Rows `{d0…, rank_text, is_behind, groups_total, groups_behind}`, best first; groups without a value last; equals by their dimensions.
 * `rank_text` is what `after` takes. Rows that are not `is_behind` come last: they tell the totals when nothing is behind.
 */
export function rankingStatement(request: RankingRequest, limits: StatementLimits): Statement {
  const parameters = new SqlParameters();
  const keys = request.ranked.groupBy.map((_, index) => `d${index}`);
  const part = (measure: MeasureRequest, value: string) =>
    `SELECT ${[...keys, `${value} AS rank_value`].join(', ')} FROM (\n${stateRows(measure, parameters)}\n) GROUP BY ${keys.join(', ')}`;
  const parts = [
    part(request.ranked, rankValue(request)),
    ...request.others.map((other) => part({ ...other, figures: new Set(['events']) }, 'NULL')),
  ];
  // A count of nothing is 0; any other figure of nothing is none, and ranks last.
  const rank = COUNTING.has(request.figure) ? 'ifNull(max(rank_value), 0)' : 'max(rank_value)';
  const { text } = RANK_FORMS[rankForm(request.figure)];
  const sql = `SELECT ${keys.join(', ')}, if(isNull(group_rank), NULL, ${text('assumeNotNull(group_rank)')}) AS rank_text, is_behind,
  toString(count() OVER ()) AS groups_total, toString(countIf(is_behind) OVER ()) AS groups_behind
FROM (
SELECT ${keys.join(', ')}, ${rank} AS group_rank, toUInt8(${isBehind(request, keys, parameters)}) AS is_behind
FROM (
${parts.join('\nUNION ALL\n')}
)
GROUP BY ${keys.join(', ')}
)
ORDER BY is_behind DESC, group_rank ${request.direction === 'asc' ? 'ASC' : 'DESC'} NULLS LAST, ${keys.join(', ')}
LIMIT ${parameters.bind('UInt64', request.limit)}`;
  return limited(sql, parameters, limits, limits.resultRowsMax);
}

type RankForm = 'integer' | 'decimal' | 'float';

/** Texts from which the very same value is read again. A text that is none reads as 0: nobody but a forger writes one. */
const RANK_FORMS: Readonly<Record<RankForm, Readonly<Record<'text' | 'value', (sql: string) => string>>>> = {
  integer: { text: (value) => `toString(${value})`, value: (text) => `toUInt64OrZero(${text})` },
  decimal: { text: (value) => `toString(${value})`, value: (text) => `toDecimal128OrZero(${text}, 12)` },
  float: {
    text: (value) => `toString(reinterpretAsUInt64(${value}))`,
    value: (text) => `reinterpretAsFloat64(toUInt64OrZero(${text}))`,
  },
};

function rankForm(figure: RankingRequest['figure']): RankForm {
  if (COUNTING.has(figure)) return 'integer';
  return figure === 'avg' || figure === 'quantile' ? 'float' : 'decimal';
}

/** SQL of whether a group ranks behind the place. */
function isBehind(
  { after, figure, direction }: RankingRequest,
  keys: readonly string[],
  parameters: SqlParameters,
): string {
  if (after === null) return 'true';
  const group = keys.map((_, index) => parameters.bind('String', after.group[index] ?? ''));
  const isLater = `tuple(${keys.join(', ')}) > tuple(${group.join(', ')})`;
  if (after.rank === null) return `(isNull(group_rank) AND ${isLater})`;
  const place = RANK_FORMS[rankForm(figure)].value(parameters.bind('String', after.rank));
  const isWorse = `group_rank ${direction === 'asc' ? '>' : '<'} ${place}`;
  return `(isNull(group_rank) OR ifNull(${isWorse}, false) OR (ifNull(group_rank = ${place}, false) AND ${isLater}))`;
}

const COUNTING: ReadonlySet<RankingRequest['figure']> = new Set(['count', 'value-count', 'unique']);

function rankValue({ figure, ranked }: RankingRequest): string {
  const present = (value: string) => `if(${MERGED_COLUMNS.valueCount} = 0, NULL, ${value})`;
  switch (figure) {
    case 'count':
      return MERGED_COLUMNS.events;
    case 'value-count':
      return MERGED_COLUMNS.valueCount;
    case 'sum':
      return present(MERGED_COLUMNS.sum);
    case 'avg':
      return present(`toFloat64(${MERGED_COLUMNS.sum}) / ${MERGED_COLUMNS.valueCount}`);
    case 'quantile':
      return present(`${mergedQuantiles(ranked.levels)}[1]`);
    case 'min':
    case 'max':
    case 'last':
    case 'unique':
      return MERGED_COLUMNS[figure];
  }
}

/**
 * Rows `{d0…, bin, bin_count}`: how many values lie in each bin; bins without one are left out. Bin i holds the values that are not
 * below exactly i of the bounds.
 *
 * @param request over raw alone, of a measure of numbers
 * @param bounds ascending decimals, as text
 */
export function binsStatement(
  request: MeasureRequest,
  bounds: readonly string[],
  limits: StatementLimits,
): Statement {
  const parameters = new SqlParameters();
  const keys = keyColumns(request);
  const rows = request.plan.map(({ intervals }) => rawRows(request, intervals, null, parameters));
  const bound = `arrayMap(bound -> toDecimal128(bound, 12), ${parameters.bind('Array(String)', bounds)})`;
  const sql = `SELECT ${[...keys, ''].join(', ')}arrayCount(bound -> bound <= assumeNotNull(value), ${bound}) AS bin, toString(count()) AS bin_count
FROM (
${rows.join('\nUNION ALL\n')}
)
WHERE isNotNull(value)
GROUP BY ${[...keys, 'bin'].join(', ')}`;
  return limited(sql, parameters, limits, limits.resultRowsMax);
}

function groupByClause(keys: readonly string[]): string {
  return keys.length === 0 ? '' : `\nGROUP BY ${keys.join(', ')}`;
}

export function figureColumn(figure: Figure): string {
  return `f_${figure}`;
}

function textFigure(figure: Figure, levels: readonly number[]): string {
  return figure === 'quantiles' ? mergedQuantiles(levels) : `toString(${MERGED_COLUMNS[figure]})`;
}

export function limited(
  sql: string,
  parameters: SqlParameters,
  limits: StatementLimits,
  resultRowsMax: number,
): Statement {
  return {
    sql,
    parameters: parameters.values,
    timeoutMs: limits.timeoutMs,
    settings: {
      max_memory_usage: limits.memoryBytesMax,
      max_rows_to_read: limits.rowsReadMax,
      max_result_rows: resultRowsMax,
      // Whatever a statement says, it changes nothing
      readonly: 2,
      // A rollup's partition is a function of its bucket, so the versions of a row never lie in two partitions.
      do_not_merge_across_partitions_select_final: 1,
    },
  };
}
