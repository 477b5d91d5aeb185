import { describe, expect, it } from '@jest/globals';
import type { TableRow } from '@tidemark/core';
import readSheets from 'read-excel-file/node';
import { exportTable } from './export-table.ts';
import { bytesOf, EVERY_TYPE, HOSTILE_ROWS, HOSTILE_TEXTS, tableOf } from './testing.ts';
import { CELL_CHARACTERS_MAX } from './xlsx-sheet.ts';
import { writeXlsx } from './xlsx.ts';

async function read(pieces: AsyncIterable<Uint8Array>) {
  return await readSheets(await bytesOf(pieces), { trim: false });
}

describe('XLSX', () => {
  it('gives back hostile text as text', async () => {
    const [sheet] = await read(exportTable('xlsx', tableOf(EVERY_TYPE, HOSTILE_ROWS)));
    expect(sheet?.sheet).toBe('Data');
    const [header, ...rows] = sheet?.data ?? [];
    expect(header).toEqual(EVERY_TYPE.map(({ name }) => name));
    const texts = rows.slice(0, HOSTILE_TEXTS.length);
    expect(texts.map(([text]) => text ?? '')).toEqual(HOSTILE_TEXTS);
    expect(texts.map((row) => row.at(-1) ?? '')).toEqual(HOSTILE_TEXTS);
  });

  it('types cells: numbers as far as a spreadsheet holds them, dates, booleans', async () => {
    const [sheet] = await read(exportTable('xlsx', tableOf(EVERY_TYPE, HOSTILE_ROWS)));
    const [number, money, time, flag, json, scalar] = [1, 2, 3, 4, 5, 6].map((column) =>
      (sheet?.data ?? []).slice(-4).map((row) => row[column]),
    );
    expect(number).toEqual([1e308, 0, '9223372036854775808', -5.25]);
    expect(money).toEqual([1e-12, '-12345678901234567890123456.123456789012', 12.5, -3]);
    // Days in binary floating point: the reader may end up a millisecond away
    const offMs = HOSTILE_ROWS.slice(-4).map(
      (row, index) => Date.parse(String(row[3])) - Number(time?.[index]),
    );
    expect(Math.max(...offMs.map(Math.abs))).toBeLessThanOrEqual(1);
    expect(flag).toEqual([true, false, true, true]);
    expect(json).toEqual(['{"a":[1,"=1"]}', '-7', '[]', 'null']);
    expect(scalar).toEqual([-5, 1.5, '9223372036854775808', true]);
  });

  it('goes on in the next sheet when one is full, each with its header', async () => {
    const columns = [{ name: '=n', type: 'number' }] as const;
    const rows = Array.from({ length: 25 }, (_, index): TableRow => [index]);
    const write = (count: number) =>
      writeXlsx(tableOf(columns, rows.slice(0, count)), { sheetRowsMax: 11, onTruncated: () => undefined });
    const sheets = await read(write(25));
    expect(sheets.map(({ sheet }) => sheet)).toEqual(['Data', 'Data 2', 'Data 3', 'Metadata']);
    expect(sheets.map(({ data }) => data[0]?.[0])).toEqual(['=n', '=n', '=n', 'name']);
    const numbers = sheets.slice(0, 3).flatMap(({ data }) => data.slice(1).map(([n]) => n));
    expect(numbers).toEqual(rows.map(([n]) => n));
    expect((await read(write(20))).map(({ sheet }) => sheet)).toEqual(['Data', 'Data 2', 'Metadata']);
    expect((await read(write(0))).map(({ sheet }) => sheet)).toEqual(['Data', 'Metadata']);
  });

  it('cuts off visibly what a cell cannot hold, and counts it', async () => {
    const texts = [CELL_CHARACTERS_MAX, CELL_CHARACTERS_MAX + 1, 100_000].map((length) => 'é'.repeat(length));
    let truncated = 0;
    const table = tableOf(
      [{ name: 't', type: 'text' }],
      texts.map((text) => [text]),
    );
    const sheets = await read(exportTable('xlsx', table, { onTruncated: () => void (truncated += 1) }));
    const cells = sheets[0]?.data.slice(1).map(([text]) => String(text)) ?? [];
    expect(cells.map(({ length }) => length)).toEqual([32_767, 32_767, 32_767]);
    expect(cells.map((text) => text.endsWith('… [truncated]'))).toEqual([false, true, true]);
    expect(truncated).toBe(2);
    expect(sheets[1]?.data).toContainEqual(['truncatedCells', 2]);
    expect(sheets[1]?.data).toContainEqual(['question', '{"metrics":["a.b"]}']);
  });

  it('fails with its rows, and ends them when nobody reads on', async () => {
    const columns = [{ name: 'n', type: 'number' }] as const;
    let isOver = false;
    async function* endless(failAt: number): AsyncGenerator<readonly TableRow[]> {
      try {
        for (let batch = 0; ; batch += 1) {
          if (batch === failAt) throw new Error('the rows broke off');
          yield Array.from({ length: 5_000 }, (_, index): TableRow => [Math.sin(batch + index)]);
        }
      } finally {
        isOver = true;
      }
    }
    const broken = exportTable('xlsx', { columns, metadata: {}, batches: endless(20) });
    await expect(bytesOf(broken)).rejects.toThrow('the rows broke off');
    isOver = false;
    let bytes = 0;
    for await (const piece of exportTable('xlsx', { columns, metadata: {}, batches: endless(1_000) })) {
      bytes += piece.length;
      if (bytes > 100_000) break;
    }
    expect(isOver).toBe(true);
  });
});
