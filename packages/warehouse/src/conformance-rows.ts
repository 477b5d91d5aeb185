import { beforeAll, describe, expect, it } from '@jest/globals';
import type { Current } from './conformance-current.ts';

const TABLE = 'conformance_rows';

export function describeRows(current: Current): void {
  const insert = (id: string, fields: string): Promise<void> =>
    insertBytes(Buffer.from(`{"id":${JSON.stringify(id)},${fields}}`));
  const insertBytes = (ndjson: Buffer): Promise<void> =>
    current().insert({ table: TABLE, ndjson, rowCount: 1 });
  const read = async (id: string): Promise<Readonly<Record<string, unknown>> | undefined> => {
    const sql = `SELECT * EXCEPT id FROM ${TABLE} WHERE id = {id:String}`;
    return (await current().query({ sql, parameters: { id } }))[0];
  };
  const nested = (depth: number): string => `${'{"x":'.repeat(depth)}1${'}'.repeat(depth)}`;

  describe('rows', () => {
    beforeAll(async () => {
      await current().command({
        sql: `CREATE TABLE ${TABLE} (
                id String, big UInt64, signed Int64, money Decimal(38, 9), at DateTime64(9, 'UTC'), text String, data JSON
              ) ENGINE = MergeTree ORDER BY id`,
      });
    });

    it('keeps 64-bit integers and decimals exact, in and out', async () => {
      await insert(
        'exact',
        '"big":18446744073709551615,"signed":"-9223372036854775808","money":"12345678901234567890123456789.123456789"',
      );
      expect(await read('exact')).toMatchObject({
        big: '18446744073709551615',
        signed: '-9223372036854775808',
        money: '12345678901234567890123456789.123456789',
      });
    });

    it.each([
      ['2026-01-02T03:04:05Z', '2026-01-02 03:04:05.000000000'],
      ['2026-01-02T03:04:05.123456789Z', '2026-01-02 03:04:05.123456789'],
      ['2026-01-02T03:04:05.5+05:30', '2026-01-01 21:34:05.500000000'],
      ['1969-12-31T23:59:59.999Z', '1969-12-31 23:59:59.999000000'],
    ])('reads the time %s', async (text, stored) => {
      await insert(text, `"at":"${text}"`);
      expect(await read(text)).toMatchObject({ at: stored });
    });

    it.each([
      ['text for a number', '"big":"many"'],
      ['a fraction for an integer', '"big":1.5'],
      ['a word for a time', '"at":"yesterday"'],
      ['an array for an object', '"data":[1]'],
      ['a key twice', '"data":{"a":1,"a":2}'],
      ['a dotted key that meets a path', '"data":{"a.b":1,"a":{"b":2}}'],
      ['a lone surrogate', '"data":{"a":"\\ud800"}'],
      ['an integer beyond 64 bits', '"data":{"a":123456789012345678901234567890}'],
      ['2,000 levels', `"data":${'{"x":'.repeat(2_000)}1${'}'.repeat(2_000)}`],
    ])('refuses %s', async (_, fields) => {
      await expect(insert('refused', fields)).rejects.toMatchObject({ code: 'insert-refused' });
      expect(await read('refused')).toBeUndefined();
    });

    it('refuses invalid UTF-8 in data', async () => {
      const line = Buffer.concat([
        Buffer.from('{"id":"utf8","data":{"a":"'),
        Buffer.from([0xff, 0xfe]),
        Buffer.from('"}}'),
      ]);
      await expect(insertBytes(line)).rejects.toMatchObject({ code: 'insert-refused' });
    });

    it('keeps text as it is', async () => {
      const text = 'ü € 漢 😀 \' " \\ \n \t \u0000';
      await insert('text', `"text":${JSON.stringify(text)},"data":{"a":${JSON.stringify(text)}}`);
      expect(await read('text')).toMatchObject({ text, data: { a: text } });
    });

    it('takes nulls beside arrays, as empty arrays where the engine has no type for them', async () => {
      const data = { a: [['x'], null], b: [[null], [[{ c: 1 }]]], d: ['x', null], e: [null, { f: null }] };
      await insert('nulls', `"data":${JSON.stringify(data)}`);
      expect(await read('nulls')).toMatchObject({ data: { a: [['x'], []], d: ['x', null] } });
    });

    it('takes no text for a time, whatever it looks like', async () => {
      for (const text of ['2026-01-02T03:04:05Z', '2026-01-02T03:04:05.5+05:30', '2026-1-2', '2026-01-02']) {
        await insert(
          `looks like ${text}`,
          `"data":{"a":${JSON.stringify(text)},"list":[${JSON.stringify(text)}]}`,
        );
        expect(await read(`looks like ${text}`)).toMatchObject({ data: { a: text, list: [text] } });
      }
    });

    it('keeps the shapes of data', async () => {
      const data = { a: { b: 'c' }, list: ['x', 'y'], n: 1.5, yes: true, '': 'empty key' };
      await insert('shapes', `"data":${JSON.stringify(data)}`);
      expect(await read('shapes')).toMatchObject({ data });
      await insert('deep', `"data":${nested(100)}`);
      const rows = await current().query({
        sql: `SELECT data.${Array.from({ length: 100 }, () => 'x').join('.')}::UInt8 AS v FROM ${TABLE} WHERE id = 'deep'`,
      });
      expect(rows).toEqual([{ v: 1 }]);
    });
  });
}
