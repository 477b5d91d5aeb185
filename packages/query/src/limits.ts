import { SECOND_MS } from '@tidemark/core';

/** Bounds of one question; each has a typed refusal. */
export const METRICS_PER_QUERY_MAX = 20;
/** Metrics with values of their own from which those asked are computed. */
export const OPERANDS_PER_QUERY_MAX = 100;
/** Numbers and metrics of an expression whose derived metrics are written out; as in the catalogue. */
export const EXPRESSION_TERMS_MAX = 1_000;
export const GROUP_BY_MAX = 8;
/** Conditions of one question, over all levels of its filters. */
export const FILTER_CONDITIONS_MAX = 64;
/** A condition of the list itself is 1 deep; each `and`, `or` and `not` around it adds one. */
export const FILTER_DEPTH_MAX = 8;
export const FILTER_VALUES_MAX = 1_000;
export const FILTER_TEXT_LENGTH_MAX = 4_096;
/** Of the names of all targets together: they are one parameter. */
export const TARGET_CHARACTERS_MAX = 32_768;
/** Groups shown when the question names no limit, and the most it may name. */
export const GROUPS_DEFAULT = 100;
export const GROUPS_MAX = 1_000;
/** Characters; a cursor holds the texts of one group. */
export const CURSOR_LENGTH_MAX = 1_000_000;
/** Of a distribution. */
export const BOUNDS_MAX = 200;
export const BINS_MAX = 200;
export const BINS_DEFAULT = 10;
/** Points of one answer, over all series. */
export const POINTS_MAX = 500_000;
/** Groups that may be ranked by a derived metric: their operands are read and the expression is evaluated here. */
export const DERIVED_RANKING_GROUPS_MAX = 50_000;

/** What one statement may cost the warehouse. */
export interface StatementLimits {
  readonly timeoutMs: number;
  readonly memoryBytesMax: number;
  readonly rowsReadMax: number;
  readonly resultRowsMax: number;
  /** Statements of one question that run at the same time. */
  readonly statementsAtOnceMax: number;
}

export const DEFAULT_STATEMENT_LIMITS: StatementLimits = {
  timeoutMs: 10 * SECOND_MS,
  memoryBytesMax: 2 * 2 ** 30,
  rowsReadMax: 500_000_000,
  resultRowsMax: 1_000_000,
  statementsAtOnceMax: 4,
};
