import { randomBytes, randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  type Catalog,
  createPostgresExecutor,
  openPostgresCatalog,
  type SqlExecutor,
} from '@tidemark/catalog';
import { parseApiKey } from '@tidemark/runtime';
import { DEFAULT_ORGANIZATION, ensureDefaultOrganization } from './bootstrap.ts';

const log = { warn: () => undefined };
const clock = { nowMs: () => 1_768_478_400_000, sleep: () => Promise.resolve() };
/** Gateways that start at once. */
const GATEWAYS = 6;

describe('the first start of several gateways at once, on Postgres', () => {
  const name = `tidemark_test_${randomUUID().replaceAll('-', '')}`;
  let admin: SqlExecutor;
  let catalogs: readonly Catalog[];

  beforeEach(async () => {
    const url = readUrl();
    admin = createPostgresExecutor({ url: url.href, log, poolSizeMax: 1 });
    await admin.query(`CREATE DATABASE ${name}`);
    url.pathname = `/${name}`;
    catalogs = await Promise.all(
      Array.from({ length: GATEWAYS }, async () => await openPostgresCatalog({ url: url.href, log })),
    );
  });

  afterEach(async () => {
    await Promise.all(catalogs.map(async (catalog) => await catalog.close()));
    await admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
    await admin.close();
  });

  it('mints one admin key, and one of them shows it', async () => {
    const shown = await Promise.all(
      catalogs.map((catalog) =>
        ensureDefaultOrganization({ catalog, clock, randomBytes, bootstrapKey: null }),
      ),
    );
    const keys = shown.filter((key) => key !== null);
    expect(keys).toHaveLength(1);
    const known = await catalogs[0]?.apiKeys.list(DEFAULT_ORGANIZATION);
    expect(known?.map((key) => [key.publicId, key.role])).toEqual([
      [parseApiKey(keys[0] ?? '')?.publicId, 'admin'],
    ]);
  });
});

function readUrl(): URL {
  const value = process.env.TIDEMARK_TEST_POSTGRES_URL;
  if (value === undefined) throw new Error('TIDEMARK_TEST_POSTGRES_URL must name a Postgres to test against');
  return new URL(value);
}
