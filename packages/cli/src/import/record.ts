/** A cell of a record, as its format gives it; undefined when the record has no such cell. */
export type Cell = string | number | boolean | undefined;

/** Where a record stands in its file. */
export interface RecordPosition {
  /** Counts records of the file from 1, unreadable ones included and blank lines not. */
  readonly number: number;
  /** The first line of the record, from 1: for the user to find it. */
  readonly line: number;
  /** The record as it stands in the file, without the line break at its end. */
  readonly text: string;
}

/** One record of a file: the cells a mapping asked for, in its order, or why there are none. */
export type SourceRecord = RecordPosition &
  (
    | { readonly cells: readonly Cell[]; readonly fault: null }
    | { readonly cells: null; readonly fault: string }
  );

/** A longer record is unreadable, and is not held in memory. */
export const RECORD_LENGTH_MAX = 1_048_576;
