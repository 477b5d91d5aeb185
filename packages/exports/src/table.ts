import type { Cell, TableColumn, TableRow } from '@tidemark/core';

/** A table on its way out; its rows are read once. */
export interface ExportedTable {
  readonly columns: readonly TableColumn[];
  /** What the numbers are worth and what was asked: a JSON object. */
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly batches: AsyncIterable<readonly TableRow[]>;
}

const DECIMAL_TEXT = /^-?\d+(?:\.\d+)?$/;

/** Whether the cell is a number for its reader: as a number, or as the exact text of one in a column of numbers. */
export function isNumeric(cell: Cell, { type }: TableColumn): boolean {
  if (typeof cell === 'number') return Number.isFinite(cell);
  if (typeof cell === 'bigint') return true;
  return (type === 'number' || type === 'decimal') && typeof cell === 'string' && DECIMAL_TEXT.test(cell);
}

/** JSON has no numbers that are not finite, and neither has any answer: they are no value. */
export function isAbsent(cell: Cell | undefined): cell is null | undefined {
  return cell === null || cell === undefined || (typeof cell === 'number' && !Number.isFinite(cell));
}
