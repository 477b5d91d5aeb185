/**
 * The SQL of a question. One statement asks one measure: a part per source (rollups, raw), each giving state rows by output
 * bucket and dimensions, merged and finished by the generator of `@tidemark/warehouse`.
 */
import { MERGED_COLUMNS, mergedQuantiles, SqlParameters, type Statement } from '@tidemark/warehouse';
import type { StatementLimits } from './limits.ts';
import { type Figure, keyColumns, type MeasureRequest, stateRows } from './state-rows.ts';

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
}

/** Rows `{d0…, groups_total}`, best first; groups without a value last; equals by their dimensions. */
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
  const sql = `SELECT ${keys.join(', ')}, toString(count() OVER ()) AS groups_total
FROM (
${parts.join('\nUNION ALL\n')}
)
GROUP BY ${keys.join(', ')}
ORDER BY ${rank} ${request.direction === 'asc' ? 'ASC' : 'DESC'} NULLS LAST, ${keys.join(', ')}
LIMIT ${parameters.bind('UInt64', request.limit)}`;
  return limited(sql, parameters, limits, limits.resultRowsMax);
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

function groupByClause(keys: readonly string[]): string {
  return keys.length === 0 ? '' : `\nGROUP BY ${keys.join(', ')}`;
}

export function figureColumn(figure: Figure): string {
  return `f_${figure}`;
}

function textFigure(figure: Figure, levels: readonly number[]): string {
  return figure === 'quantiles' ? mergedQuantiles(levels) : `toString(${MERGED_COLUMNS[figure]})`;
}

function limited(
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
      // A rollup's partition is a function of its bucket, so the versions of a row never lie in two partitions.
      do_not_merge_across_partitions_select_final: 1,
    },
  };
}
