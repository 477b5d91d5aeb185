import { describe, expect, it } from '@jest/globals';
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { exportTable } from './export-table.ts';
import { bytesOf, EVERY_TYPE, HOSTILE_ROWS, HOSTILE_TEXTS, tableOf } from './testing.ts';

const read = (bytes: Buffer): string[][] => parse(bytes, { record_delimiter: '\r\n' });
const neutral = (text: string): string => (/^[=+\-@\t\r]/.test(text) ? `'${text}` : text);

describe('CSV', () => {
  it('gives back hostile text, with an apostrophe where a spreadsheet would compute', async () => {
    const [header, ...rows] = read(await bytesOf(exportTable('csv', tableOf(EVERY_TYPE, HOSTILE_ROWS))));
    expect(header).toEqual(EVERY_TYPE.map(({ name }) => name));
    expect(rows).toHaveLength(HOSTILE_ROWS.length);
    expect(rows.slice(0, HOSTILE_TEXTS.length).map(([text]) => text)).toEqual(HOSTILE_TEXTS.map(neutral));
    expect(rows.slice(0, HOSTILE_TEXTS.length).map((row) => row.at(-1))).toEqual(HOSTILE_TEXTS.map(neutral));
  });

  it('keeps numbers numbers, exact ones exact, and the absent apart from the empty', async () => {
    const text = String(await bytesOf(exportTable('csv', tableOf(EVERY_TYPE, HOSTILE_ROWS.slice(-5)))));
    expect(text.split('\r\n')).toEqual([
      'text,number,money,time,flag,json,scalar',
      ',,,,,,',
      'numbers,1e+308,0.000000000001,2026-03-29T01:00:00.000Z,true,"{""a"":[1,""=1""]}",-5',
      "numbers,0,-12345678901234567890123456.123456789012,1999-12-31T23:59:59.999Z,false,'-7,1.5",
      'numbers,9223372036854775808,12.50,2026-01-02T03:04:05.123Z,true,[],9223372036854775808',
      'numbers,-5.25,-3,1969-07-20T20:17:40.000Z,true,null,true',
      '',
    ]);
    const empty = String(await bytesOf(exportTable('csv', tableOf([{ name: 'a', type: 'text' }], [['']]))));
    expect(empty).toBe('a\r\n""\r\n');
  });

  it('neutralises names of columns, and text that only looks like a number', async () => {
    const columns = [
      { name: '=HYPERLINK("x")', type: 'text' },
      { name: '-metric', type: 'number' },
    ] as const;
    const rows = read(await bytesOf(exportTable('csv', tableOf(columns, [['-5', '=1']]))));
    expect(rows).toEqual([
      [`'=HYPERLINK("x")`, "'-metric"],
      ["'-5", "'=1"],
    ]);
  });

  it('begins with a byte order mark and metadata when asked', async () => {
    const table = tableOf([{ name: 'a', type: 'text' }], [['b']]);
    const bytes = await bytesOf(exportTable('csv', table, { withByteOrderMark: true, withMetadata: true }));
    expect(String(bytes)).toBe(
      '\uFEFF# question: {"metrics":["a.b"]}\r\n# organization: "acme"\r\na\r\nb\r\n',
    );
  });

  it('makes no cell of what a question in the metadata says', async () => {
    const table = tableOf([{ name: 'a', type: 'text' }], [['b']]);
    const metadata = { ...table.metadata, question: { metrics: ['x,=1+1,'] } } as typeof table.metadata;
    const bytes = await bytesOf(exportTable('csv', { ...table, metadata }, { withMetadata: true }));
    const [comment = ''] = String(bytes).split('\r\n');
    expect(comment).not.toContain(',');
    expect(JSON.parse(comment.replace('# question: ', ''))).toEqual({ metrics: ['x,=1+1,'] });
  });

  it('gives back any text and any number', async () => {
    const cells = fc.tuple(
      fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom(...HOSTILE_TEXTS)),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
    );
    const columns = [
      { name: 't', type: 'text' },
      { name: 'n', type: 'number' },
    ] as const;
    const roundTrip = async (rows: [string, number][]): Promise<void> => {
      const bytes = await bytesOf(exportTable('csv', tableOf(columns, rows)));
      const found = read(bytes).slice(1);
      expect(found.map(([text]) => text)).toEqual(rows.map(([text]) => neutral(text)));
      expect(found.map(([, number]) => Number(number))).toEqual(rows.map(([, number]) => number + 0));
    };
    await fc.assert(fc.asyncProperty(fc.array(cells, { minLength: 1, maxLength: 20 }), roundTrip));
  });
});
