import { describe, expect, it } from '@jest/globals';
import type { Current } from './conformance-current.ts';
import type { WarehouseExecutor } from './port.ts';

export function describeDurability(current: Current, reopen: () => Promise<WarehouseExecutor>): void {
  describe('closing', () => {
    it('keeps the data, refuses statements, and can be asked twice', async () => {
      await current().command({
        sql: 'CREATE TABLE conformance_durable (n UInt32) ENGINE = MergeTree ORDER BY n',
      });
      const ndjson = Buffer.from('{"n":1}\n{"n":2}\n');
      await current().insert({ table: 'conformance_durable', ndjson, rowCount: 2 });
      const closed = current();
      const opened = await reopen();
      expect(await opened.query({ sql: 'SELECT n FROM conformance_durable ORDER BY n' })).toEqual([
        { n: 1 },
        { n: 2 },
      ]);
      await closed.close();
      await expect(closed.query({ sql: 'SELECT 1' })).rejects.toMatchObject({
        code: 'warehouse-unavailable',
      });
      expect(await opened.query({ sql: 'SELECT 1 AS v' })).toEqual([{ v: 1 }]);
    });
  });
}
