import type { Cell, TableColumn, TableRow } from '@tidemark/core';
import { isAbsent, type ExportedTable } from './table.ts';

/** One document: `{"metadata": {…}, "columns": [{name, type}…], "rows": [{name: value…}…]}`. Values are those of the API. */
export async function* writeJson(table: ExportedTable): AsyncGenerator<Uint8Array> {
  const toObject = objectWriter(table.columns);
  const head = JSON.stringify({ metadata: table.metadata, columns: table.columns });
  yield Buffer.from(`${head.slice(0, -1)},"rows":[`);
  let separator = '\n';
  for await (const rows of table.batches) {
    if (rows.length === 0) continue;
    yield Buffer.from(`${separator}${rows.map(toObject).join(',\n')}`);
    separator = ',\n';
  }
  yield Buffer.from('\n]}\n');
}

/** @param options `withMetadata`: the first line is `{"metadata": {…}, "columns": […]}` and no row. */
export async function* writeNdjson(
  table: ExportedTable,
  options: { readonly withMetadata: boolean },
): AsyncGenerator<Uint8Array> {
  const { metadata, columns } = table;
  const toObject = objectWriter(columns);
  if (options.withMetadata) yield Buffer.from(`${JSON.stringify({ metadata, columns })}\n`);
  for await (const rows of table.batches) {
    if (rows.length > 0) yield Buffer.from(rows.map((row) => `${toObject(row)}\n`).join(''));
  }
}

function objectWriter(columns: readonly TableColumn[]): (row: TableRow) => string {
  const names = columns.map(({ name }) => `${JSON.stringify(name)}:`);
  return (row) =>
    `{${columns.map((column, index) => `${names[index]}${toValue(row[index] ?? null, column)}`).join(',')}}`;
}

/** Integers beyond 2^53 are text, as everywhere in the API; the text of a JSON value stands as it is. */
function toValue(cell: Cell, { type }: TableColumn): string {
  if (isAbsent(cell)) return 'null';
  if (type === 'json' && typeof cell === 'string') return cell;
  return JSON.stringify(typeof cell === 'bigint' ? String(cell) : cell);
}
