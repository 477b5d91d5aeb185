import { describe, expect, it } from '@jest/globals';
import type { Clock } from '@tidemark/core';
import type { Current } from './conformance-current.ts';
import { runWarehouseMigrations, type WarehouseMigration } from './migrate.ts';

const NOW_MS = 1_795_300_000_000;
const clock: Clock = { nowMs: () => NOW_MS, sleep: () => Promise.resolve() };
const log = { info: () => undefined, warn: () => undefined };

const FIRST: WarehouseMigration = {
  number: 1,
  name: 'first',
  statements: ['CREATE TABLE IF NOT EXISTS conformance_migrated (n UInt32) ENGINE = MergeTree ORDER BY n'],
};
const SECOND: WarehouseMigration = {
  number: 2,
  name: 'second',
  statements: [`ALTER TABLE conformance_migrated ADD COLUMN IF NOT EXISTS note String DEFAULT 'none'`],
};

export function describeMigrations(current: Current): void {
  const run = (...migrations: WarehouseMigration[]): Promise<readonly number[]> =>
    runWarehouseMigrations(current(), migrations, { clock, log });

  describe('migrations', () => {
    it('applies what is missing, once, by several starters at once', async () => {
      const applied = await Promise.all([run(FIRST), run(FIRST), run(FIRST)]);
      expect(applied.flat()).toContain(1);
      expect(await run(FIRST)).toEqual([]);
      await Promise.all([run(FIRST, SECOND), run(FIRST, SECOND)]);
      expect(await run(FIRST, SECOND)).toEqual([]);
      await current().command({ sql: 'INSERT INTO conformance_migrated (n) SELECT 1' });
      expect(await current().query({ sql: 'SELECT * FROM conformance_migrated' })).toEqual([
        { n: 1, note: 'none' },
      ]);
    });

    it('refuses a warehouse of a newer release', async () => {
      await expect(run(FIRST)).rejects.toMatchObject({ code: 'schema-too-new' });
    });

    it('refuses an edited migration, and gaps', async () => {
      await expect(run(FIRST, { ...SECOND, statements: ['SELECT 1'] })).rejects.toThrow(/was edited/);
      await expect(run(SECOND)).rejects.toThrow(/expected 1/);
    });
  });
}
