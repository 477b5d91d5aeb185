import { describe, expect, it } from '@jest/globals';
import type { Cell, TableRow } from '@tidemark/core';
import { exportTable } from './export-table.ts';
import { bytesOf, EVERY_TYPE, HOSTILE_ROWS, tableOf } from './testing.ts';

/** As the API writes it. */
const expected = (row: TableRow): object =>
  Object.fromEntries(EVERY_TYPE.map(({ name, type }, index) => [name, valueOf(row[index] ?? null, type)]));

function valueOf(cell: Cell, type: string): unknown {
  if (type === 'json' && typeof cell === 'string') return JSON.parse(cell) as unknown;
  if (typeof cell === 'bigint') return String(cell);
  return cell === 0 ? 0 : cell;
}

describe('JSON', () => {
  it('is one document with metadata, columns and rows', async () => {
    const bytes = await bytesOf(exportTable('json', tableOf(EVERY_TYPE, HOSTILE_ROWS)));
    expect(JSON.parse(String(bytes))).toEqual({
      metadata: { question: { metrics: ['a.b'] }, organization: 'acme' },
      columns: EVERY_TYPE,
      rows: HOSTILE_ROWS.map(expected),
    });
    const none = await bytesOf(exportTable('json', tableOf(EVERY_TYPE, [])));
    expect(JSON.parse(String(none))).toMatchObject({ rows: [] });
  });

  it('keeps the text of JSON values, beyond what numbers hold', async () => {
    const table = tableOf([{ name: 'data', type: 'json' }], [['{"n":9223372036854775807}']]);
    expect(String(await bytesOf(exportTable('ndjson', table)))).toBe('{"data":{"n":9223372036854775807}}\n');
  });

  it('takes a value that is not finite for none', async () => {
    const rows = [[Number.POSITIVE_INFINITY], [Number.NaN]];
    const table = tableOf([{ name: 'n', type: 'number' }], rows);
    expect(String(await bytesOf(exportTable('ndjson', table)))).toBe('{"n":null}\n{"n":null}\n');
  });
});

describe('NDJSON', () => {
  it('is one row a line', async () => {
    const bytes = await bytesOf(exportTable('ndjson', tableOf(EVERY_TYPE, HOSTILE_ROWS)));
    const lines = String(bytes).split('\n');
    expect(lines.pop()).toBe('');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(HOSTILE_ROWS.map(expected));
  });

  it('begins with the metadata when asked', async () => {
    const table = tableOf([{ name: 'a', type: 'text' }], [['b']]);
    const [first, second] = String(await bytesOf(exportTable('ndjson', table, { withMetadata: true }))).split(
      '\n',
    );
    expect(JSON.parse(first ?? '')).toMatchObject({ metadata: { organization: 'acme' } });
    expect(second).toBe('{"a":"b"}');
  });
});
