/** A table of typed cells: what answers and events become when they leave as a file. */

/**
 * What the cells of a column hold (null is in all of them):
 * - `text`: text of anybody's making;
 * - `number`: a number, or one beyond the reach of numbers as decimal text (`-?digits[.digits]`);
 * - `decimal`: an exact number as decimal text, or a number; at most 26 digits before the point and 12 behind it;
 * - `time`: RFC 3339 in UTC, with as many decimals of the second as there are;
 * - `boolean`: true or false;
 * - `json`: the text of a JSON value;
 * - `scalar`: whatever a field of an event holds: text, a number, a bigint beyond the reach of numbers, a boolean.
 */
export type ColumnType = 'text' | 'number' | 'decimal' | 'time' | 'boolean' | 'json' | 'scalar';

export interface TableColumn {
  /** Unique in its table. Of anybody's making. */
  readonly name: string;
  readonly type: ColumnType;
}

export type Cell = string | number | bigint | boolean | null;

/** One cell for each column, in their order. */
export type TableRow = readonly Cell[];

/** As what a table leaves. */
export const EXPORT_FORMATS = ['csv', 'json', 'ndjson', 'parquet', 'xlsx'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];
