import { describe, expect, it } from '@jest/globals';
import type { SqlExecutor } from '../port.ts';

/** What the executors themselves must do. */
export function describeSql(executor: () => SqlExecutor): void {
  describe('executor', () => {
    it('gives 64-bit integers as text, to the last digit', async () => {
      const rows = await executor().query('SELECT $1::bigint AS big, $2::bigint[] AS many', [
        '9223372036854775807',
        ['9007199254740993'],
      ]);
      expect(rows).toEqual([{ big: '9223372036854775807', many: ['9007199254740993'] }]);
    });

    it('binds values, whatever they hold', async () => {
      const text = `'; DROP TABLE organizations; -- "$1" \\ {a,b} \u{1f30a}`;
      expect(await executor().query('SELECT $1::text AS text, $2::text[] AS texts', [text, [text]])).toEqual([
        { text, texts: [text] },
      ]);
    });

    it('keeps all of a transaction or nothing', async () => {
      await executor().query('CREATE TABLE kept (value integer)');
      const failure = new Error('the body gave up');
      const failing = executor().transaction(async (tx) => {
        await tx.query('INSERT INTO kept VALUES (1)');
        throw failure;
      });
      await expect(failing).rejects.toBe(failure);
      await executor().transaction(async (tx) => await tx.query('INSERT INTO kept VALUES (2)'));
      expect(await executor().query('SELECT value FROM kept')).toEqual([{ value: 2 }]);
      await executor().query('DROP TABLE kept');
    });

    it('rejects a transaction one of whose statements failed, and serves the next caller', async () => {
      await expect(executor().transaction(async (tx) => await tx.query('SELECT 1 / 0'))).rejects.toThrow(
        'division by zero',
      );
      await expect(executor().query('SELECT no_such_column')).rejects.toThrow('no_such_column');
      expect(await executor().query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    });
  });
}
