/** Tables for this package's tests, and how to read what was written. */
import type { TableColumn, TableRow } from '@tidemark/core';
import type { ExportedTable } from './table.ts';

export const EVERY_TYPE: readonly TableColumn[] = [
  { name: 'text', type: 'text' },
  { name: 'number', type: 'number' },
  { name: 'money', type: 'decimal' },
  { name: 'time', type: 'time' },
  { name: 'flag', type: 'boolean' },
  { name: 'json', type: 'json' },
  { name: 'scalar', type: 'scalar' },
];

const NOTHING: TableRow = [null, null, null, null, null, null, null];

/** Text that has broken spreadsheets, parsers or terminals. */
export const HOSTILE_TEXTS: readonly string[] = [
  '=1+1',
  "=cmd|' /C calc'!A0",
  '+SUM(A1:A2)',
  '-5',
  '@import',
  '\t=1',
  '\r=1',
  'two\r\nlines',
  'a "quoted", text',
  '',
  ' around ',
  '\u0000nul\u0001\u001b[31m',
  'emoji 👩‍👩‍👧 😀',
  'שלום \u202eright to left',
  '_x000D_ <b>&amp;</b>',
  '\ufeffmark',
  "'quoted",
];

export const HOSTILE_ROWS: readonly TableRow[] = [
  ...HOSTILE_TEXTS.map((text): TableRow => [text, 1, '1', null, null, null, text]),
  NOTHING,
  ['numbers', 1e308, '0.000000000001', '2026-03-29T01:00:00.000Z', true, '{"a":[1,"=1"]}', -5],
  ['numbers', -0, '-12345678901234567890123456.123456789012', '1999-12-31T23:59:59.999Z', false, '-7', 1.5],
  ['numbers', '9223372036854775808', '12.50', '2026-01-02T03:04:05.123Z', true, '[]', 2n ** 63n],
  ['numbers', -5.25, '-3', '1969-07-20T20:17:40.000Z', true, 'null', true],
];

export function tableOf(
  columns: readonly TableColumn[],
  rows: readonly TableRow[],
  batchRows = 7,
): ExportedTable {
  return { columns, metadata: { question: { metrics: ['a.b'] }, organization: 'acme' }, batches: batches() };

  async function* batches(): AsyncGenerator<readonly TableRow[]> {
    yield [];
    for (let at = 0; at < rows.length; at += batchRows) yield rows.slice(at, at + batchRows);
  }
}

export async function bytesOf(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const piece of pieces) chunks.push(piece);
  return Buffer.concat(chunks);
}
