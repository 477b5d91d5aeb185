import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { openPgliteCatalog } from './catalog.ts';
import { describeCatalog } from './conformance/index.ts';
import { parseOrganizationId } from '@tidemark/core';
import { createPgliteExecutor } from './pglite-executor.ts';

const DURABILITY_SETTINGS = `
SELECT name, setting FROM pg_settings
WHERE name IN ('fsync', 'synchronous_commit', 'wal_sync_method') ORDER BY name`;

describeCatalog('PGlite', {
  async createStore() {
    const path = await mkdtemp(join(tmpdir(), 'tidemark-catalog-'));
    const executor = await createPgliteExecutor({ path });
    return {
      connect: async () => await Promise.resolve(executor),
      async destroy() {
        await executor.close();
        await rm(path, { recursive: true });
      },
    };
  },
});

describe('PGlite catalog on its folder', () => {
  it('is made anew when a process died while making it, and syncs its commits', async () => {
    await withFolder(async (path) => {
      await mkdir(join(path, 'postgres.new'));
      await writeFile(join(path, 'postgres.new', 'PG_VERSION'), '17');
      const executor = await createPgliteExecutor({ path });
      expect(await executor.query(DURABILITY_SETTINGS)).toEqual([
        { name: 'fsync', setting: 'on' },
        { name: 'synchronous_commit', setting: 'on' },
        { name: 'wal_sync_method', setting: 'fsync' },
      ]);
      await executor.close();
    });
  });

  it('keeps what was written when it is opened again, and refuses calls once closed', async () => {
    await withFolder(async (path) => {
      const acme = parseOrganizationId('acme');
      if (acme === null) throw new Error('acme is an organization id');
      const first = await openPgliteCatalog({ path });
      await first.organizations.ensure(acme, 'Acme', 1);
      await first.close();
      await first.close();
      await expect(first.ping()).rejects.toMatchObject({ code: 'catalog-unavailable' });
      const second = await openPgliteCatalog({ path });
      expect(await second.organizations.find(acme)).toMatchObject({ name: 'Acme' });
      await second.close();
    });
  });
});

async function withFolder(body: (path: string) => Promise<void>): Promise<void> {
  const path = await mkdtemp(join(tmpdir(), 'tidemark-catalog-'));
  try {
    await body(path);
  } finally {
    await rm(path, { recursive: true });
  }
}
