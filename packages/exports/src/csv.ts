import type { Cell, TableColumn, TableRow } from '@tidemark/core';
import { isAbsent, isNumeric, type ExportedTable } from './table.ts';

export interface CsvOptions {
  /** Excel takes a file for UTF-8 only when it begins with one. */
  readonly withByteOrderMark: boolean;
  /** Lines `# name: JSON` ahead of the header: RFC 4180 has no such thing, readers must be told to skip them. */
  readonly withMetadata: boolean;
}

const LINE_END = '\r\n';
/** Spreadsheets compute text that begins so (OWASP, CSV injection). An apostrophe before it makes them show it. */
const FORMULA_START = /^[=+\-@\t\r]/;
const MUST_BE_QUOTED = /[",\r\n\0]|^\s|\s$/;

/**
 * RFC 4180 in UTF-8: CRLF after every line, a header, quotes where they are needed. An absent value is empty, an empty text is `""`.
 * Numbers are written as such, with whatever sign; text and names that a spreadsheet would compute begin with an apostrophe.
 */
export async function* writeCsv(table: ExportedTable, options: CsvOptions): AsyncGenerator<Uint8Array> {
  const { columns } = table;
  const comments = options.withMetadata ? Object.entries(table.metadata).map(toComment) : [];
  const head = [...comments, columns.map(({ name }) => quoted(neutralised(name))).join(',')];
  yield Buffer.from(`${options.withByteOrderMark ? '\uFEFF' : ''}${head.join(LINE_END)}${LINE_END}`);
  for await (const rows of table.batches) {
    if (rows.length > 0) yield Buffer.from(rows.map((row) => toLine(row, columns)).join(''));
  }
}

function toComment([name, value]: [string, unknown]): string {
  // No comma within it, which would make a cell of what follows: one that a spreadsheet might compute.
  return `# ${name}: ${JSON.stringify(value)?.replaceAll(',', String.raw`\u002c`)}`;
}

function toLine(row: TableRow, columns: readonly TableColumn[]): string {
  return `${columns.map((column, index) => toField(row[index] ?? null, column)).join(',')}${LINE_END}`;
}

function toField(cell: Cell, column: TableColumn): string {
  if (isAbsent(cell)) return '';
  if (typeof cell === 'boolean' || isNumeric(cell, column)) return String(cell);
  return quoted(neutralised(String(cell)));
}

function neutralised(text: string): string {
  return FORMULA_START.test(text) ? `'${text}` : text;
}

function quoted(text: string): string {
  return text === '' || MUST_BE_QUOTED.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
