import { afterEach, describe, expect, it } from '@jest/globals';
import { createCatalog } from '../catalog.ts';
import { migrate } from '../migrate.ts';
import { MIGRATIONS } from '../migrations/index.ts';
import type { Migration } from '../migrations/migration.ts';
import type { SqlExecutor } from '../port.ts';
import { ACME, emptyStore, NOW_MS, withoutClose } from './harness.ts';

const NEXT: Migration = {
  number: MIGRATIONS.length + 1,
  name: 'next',
  statements: ['CREATE TABLE next_release (value integer)'],
};

export function describeMigrations(executors: () => readonly [SqlExecutor, SqlExecutor]): void {
  describe('migrations', () => {
    afterEach(async () => await emptyStore(executors()[0]));

    it('apply once when two start at once', async () => {
      const [first, second] = executors();
      await emptyStore(first);
      const applied = await Promise.all([migrate(first, MIGRATIONS), migrate(second, MIGRATIONS)]);
      expect(applied.flat()).toEqual(MIGRATIONS.map((migration) => migration.number));
    });

    it('add what is missing and keep what is there', async () => {
      const [executor] = executors();
      const catalog = await createCatalog(withoutClose(executor));
      await catalog.organizations.ensure(ACME, 'Acme', NOW_MS);
      expect(await migrate(executor, [...MIGRATIONS, NEXT])).toEqual([NEXT.number]);
      expect(await migrate(executor, [...MIGRATIONS, NEXT])).toEqual([]);
      expect(await catalog.organizations.find(ACME)).not.toBeNull();
    });

    it('refuse a store that a newer release has written', async () => {
      const [executor] = executors();
      await migrate(executor, [...MIGRATIONS, NEXT]);
      await expect(createCatalog(withoutClose(executor))).rejects.toMatchObject({ code: 'schema-too-new' });
    });

    it('refuse a migration that was edited after it had been applied', async () => {
      const [executor] = executors();
      await migrate(executor, [...MIGRATIONS, NEXT]);
      const edited = { ...NEXT, statements: ['CREATE TABLE next_release (value bigint)'] };
      await expect(migrate(executor, [...MIGRATIONS, edited])).rejects.toThrow('was edited after');
    });

    it('leave nothing behind when one fails', async () => {
      const [executor] = executors();
      const broken = { ...NEXT, statements: [...NEXT.statements, 'SELECT 1 / 0'] };
      await expect(migrate(executor, [...MIGRATIONS, broken])).rejects.toThrow('division by zero');
      expect(await migrate(executor, [...MIGRATIONS, NEXT])).toEqual([NEXT.number]);
    });
  });
}
