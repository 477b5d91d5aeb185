import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { describeCatalog } from './conformance/index.ts';
import type { SqlExecutor } from './port.ts';
import { type CatalogLog, createPostgresExecutor } from './postgres-executor.ts';

const url = readUrl();
const silent: CatalogLog = { warn: () => undefined };

describeCatalog('Postgres', { createStore: async () => await createDatabase(false) });
describeCatalog('Postgres, as behind a transaction pooler', {
  createStore: async () => await createDatabase(true),
});

describe('Postgres executor', () => {
  it('answers catalog-unavailable when nobody listens', async () => {
    const executor = createPostgresExecutor({ url: 'postgres://127.0.0.1:1/none', log: silent });
    await expect(executor.query('SELECT 1')).rejects.toMatchObject({ code: 'catalog-unavailable' });
    await expect(executor.transaction(async (tx) => await tx.query('SELECT 1'))).rejects.toMatchObject({
      code: 'catalog-unavailable',
    });
    await executor.close();
  });

  it('bounds the time of a statement', async () => {
    const executor = createPostgresExecutor({ url, log: silent, statementTimeoutMs: 50 });
    await expect(executor.query('SELECT pg_sleep(20)')).rejects.toMatchObject({
      code: 'catalog-unavailable',
    });
    expect(await executor.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await executor.close();
  });

  it('bounds the time of a statement in a transaction behind a pooler', async () => {
    const executor = createPostgresExecutor({
      url,
      log: silent,
      statementTimeoutMs: 50,
      transactionPooling: true,
    });
    const slow = executor.transaction(async (tx) => await tx.query('SELECT pg_sleep(20)'));
    await expect(slow).rejects.toMatchObject({ code: 'catalog-unavailable' });
    await executor.close();
  });

  it('bounds the wait for a connection', async () => {
    const executor = createPostgresExecutor({ url, log: silent, poolSizeMax: 1, connectTimeoutMs: 50 });
    await executor.transaction(async () => {
      await expect(executor.query('SELECT 1')).rejects.toMatchObject({ code: 'catalog-unavailable' });
    });
    await executor.close();
  });

  it('survives the death of its connections, idle or in a transaction', async () => {
    const warnings: string[] = [];
    const log: CatalogLog = { warn: (_, message) => warnings.push(message) };
    const victim = createPostgresExecutor({ url, log, poolSizeMax: 2 });
    const killer = createPostgresExecutor({ url, log: silent });
    await killAfter(victim, killer, await pidOf(victim));
    const torn = victim.transaction(async (tx) => {
      await killAfter(null, killer, await pidOf(tx));
      await tx.query('SELECT 1');
    });
    await expect(torn).rejects.toMatchObject({ code: 'catalog-unavailable' });
    expect(await victim.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(warnings.length).toBeGreaterThan(0);
    await victim.close();
    await killer.close();
  });

  it('refuses calls once closed', async () => {
    const executor = createPostgresExecutor({ url, log: silent });
    await executor.close();
    await executor.close();
    await expect(executor.query('SELECT 1')).rejects.toMatchObject({ code: 'catalog-unavailable' });
  });
});

async function pidOf(executor: Pick<SqlExecutor, 'query'>): Promise<number> {
  const [row] = await executor.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  if (row === undefined) throw new Error('Postgres told no process id');
  return row.pid;
}

/** Ends the server's side of a connection; then waits until its owner, if told, has another one. */
async function killAfter(victim: SqlExecutor | null, killer: SqlExecutor, pid: number): Promise<void> {
  await killer.query('SELECT pg_terminate_backend($1, 5000)', [pid]);
  if (victim === null) return;
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const next = await pidOf(victim).catch(() => pid);
    if (next !== pid) return;
  }
  throw new Error('the pool kept a dead connection');
}

function readUrl(): string {
  const value = process.env.TIDEMARK_TEST_POSTGRES_URL;
  if (value === undefined) throw new Error('TIDEMARK_TEST_POSTGRES_URL must name a Postgres to test against');
  return value;
}

async function createDatabase(transactionPooling: boolean) {
  const name = `tidemark_test_${randomUUID().replaceAll('-', '')}`;
  const admin = createPostgresExecutor({ url, log: silent, poolSizeMax: 1 });
  await admin.query(`CREATE DATABASE ${name}`);
  const own = new URL(url);
  own.pathname = `/${name}`;
  const executors: SqlExecutor[] = [];
  return {
    async connect() {
      const executor = createPostgresExecutor({ url: own.href, log: silent, transactionPooling });
      executors.push(executor);
      return await Promise.resolve(executor);
    },
    async destroy() {
      await Promise.all(executors.map(async (executor) => await executor.close()));
      await admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
      await admin.close();
    },
  };
}
