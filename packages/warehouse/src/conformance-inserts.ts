import { beforeAll, describe, expect, it } from '@jest/globals';
import type { Current } from './conformance-current.ts';
import type { RowInsert } from './port.ts';

const TABLE = 'conformance_inserts';

export function describeInserts(current: Current): void {
  const insert = (lines: readonly string[], extra: Partial<RowInsert> = {}): Promise<void> =>
    current().insert({
      table: TABLE,
      ndjson: Buffer.from(lines.join('\n')),
      rowCount: lines.length,
      ...extra,
    });
  const count = async (batch: string): Promise<number> => {
    const sql = `SELECT toUInt32(count()) AS n FROM ${TABLE} WHERE batch = {batch:String}`;
    const rows = await current().query<{ n: number }>({ sql, parameters: { batch } });
    return rows[0]?.n ?? -1;
  };
  const row = (batch: string, n: number | string): string => JSON.stringify({ batch, n });

  describe('inserts', () => {
    beforeAll(async () => {
      await current().command({
        sql: `CREATE TABLE ${TABLE} (batch String, n UInt32, pad String DEFAULT '') ENGINE = MergeTree
              ORDER BY (batch, n) SETTINGS non_replicated_deduplication_window = 100`,
      });
    });

    it('stores all rows, readable on return', async () => {
      await insert([row('all', 1), row('all', 2), row('all', 3)]);
      expect(await count('all')).toBe(3);
    });

    it('takes a last line with or without its end, and no rows at all', async () => {
      await insert([row('end', 1), '']);
      expect(await count('end')).toBe(1);
      await insert([], { ndjson: Buffer.alloc(0), rowCount: 0 });
    });

    it('stores nothing when one row in the middle is bad', async () => {
      const lines = Array.from({ length: 1_000 }, (_, n) => row('middle', n === 500 ? 'boom' : n));
      await expect(insert(lines)).rejects.toMatchObject({ code: 'insert-refused' });
      expect(await count('middle')).toBe(0);
    });

    it('stores nothing when the last row of a large body is bad, and one part when none is', async () => {
      const pad = 'x'.repeat(300);
      const lines = Array.from({ length: 60_000 }, (_, n) => JSON.stringify({ batch: 'large', n, pad }));
      await expect(insert([...lines, row('large', 'boom')])).rejects.toMatchObject({
        code: 'insert-refused',
      });
      expect(await count('large')).toBe(0);
      await insert(lines);
      const parts = await current().query({
        sql: `SELECT toUInt32(uniqExact(_part)) AS parts, toUInt32(count()) AS n FROM ${TABLE} WHERE batch = 'large'`,
      });
      expect(parts).toEqual([{ parts: 1, n: 60_000 }]);
    });

    it('refuses unknown columns', async () => {
      const line = JSON.stringify({ batch: 'unknown', n: 1, other: 1 });
      await expect(insert([line])).rejects.toMatchObject({ code: 'insert-refused' });
      expect(await count('unknown')).toBe(0);
    });

    it('refuses a body cut off in a row', async () => {
      await expect(insert([row('cut', 1), '{"batch":"cut","n":'])).rejects.toMatchObject({
        code: 'insert-refused',
      });
      expect(await count('cut')).toBe(0);
    });

    it('does not take equal rows for copies', async () => {
      await insert([row('equal', 1)]);
      await insert([row('equal', 1)]);
      expect(await count('equal')).toBe(2);
    });

    it('takes rows of one token for copies', async () => {
      const deduplicationToken = `it's "a" \\ token`;
      await insert([row('token', 1)], { deduplicationToken });
      await insert([row('token', 1)], { deduplicationToken });
      await insert([row('token', 1)], { deduplicationToken: 'another' });
      expect(await count('token')).toBe(2);
    });

    it('is sure that nothing is stored when the table is not there, and blames no row', async () => {
      await expect(insert([row('x', 1)], { table: 'not_there' })).rejects.toMatchObject({
        code: 'warehouse-unavailable',
      });
    });

    it('refuses for ever what spreads over too many partitions', async () => {
      await current().command({
        sql: 'CREATE TABLE conformance_partitions (n UInt32) ENGINE = MergeTree PARTITION BY n ORDER BY n',
      });
      const lines = Array.from({ length: 101 }, (_, n) => JSON.stringify({ n }));
      await expect(insert(lines, { table: 'conformance_partitions' })).rejects.toMatchObject({
        code: 'insert-refused',
      });
      const rows = await current().query({
        sql: 'SELECT toUInt32(count()) AS n FROM conformance_partitions',
      });
      expect(rows).toEqual([{ n: 0 }]);
    });

    it('tells to wait when there are too many parts', async () => {
      await current().command({
        sql: `CREATE TABLE conformance_parts (n UInt32) ENGINE = MergeTree ORDER BY n
              SETTINGS parts_to_throw_insert = 1, parts_to_delay_insert = 1, max_delay_to_insert = 1`,
      });
      await current().command({ sql: 'SYSTEM STOP MERGES conformance_parts' });
      const table = 'conformance_parts';
      await insert([JSON.stringify({ n: 1 })], { table });
      await expect(insert([JSON.stringify({ n: 2 })], { table })).rejects.toMatchObject({
        code: 'warehouse-unavailable',
      });
    });

    it('stores inserts that come together', async () => {
      const numbers = Array.from({ length: 20 }, (_, n) => n);
      await Promise.all(numbers.map((n) => insert([row('together', n)], { queryId: `together-${n}` })));
      expect(await count('together')).toBe(20);
    });
  });
}
