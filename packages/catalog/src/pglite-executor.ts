import { existsSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PGlite, type Results, type Transaction, types } from '@electric-sql/pglite';
import { isAppError } from '@tidemark/core';
import { DurableNodeFs } from './durable-node-fs.ts';
import type { SqlExecutor } from './port.ts';
import { isTransientSqlState, sqlStateOf, toCatalogUnavailable } from './sql-errors.ts';

export interface PgliteExecutorOptions {
  /** A folder, created when missing. Used by one process at a time: the caller sees to that. */
  readonly path: string;
}

/**
 * As PGlite's own, less `-F` (which turns fsync off). Only `wal_sync_method=fsync` reaches our file system: Emscripten's
 * `fdatasync` is a no-op.
 */
const START_PARAMETERS = [
  ...PGlite.defaultStartParams.filter((parameter) => parameter !== '-F'),
  '-c',
  'wal_sync_method=fsync',
];

/**
 * PGlite has no background workers, hence no autovacuum: a row marked, claimed and cleared leaves some 60 bytes behind for
 * ever, gigabytes a day at 1,000 marks a second. After this many written rows the next caller waits for a VACUUM of our
 * tables.
 */
const VACUUM_AFTER_ROWS = 20_000;

const USER_TABLES = `
SELECT string_agg(format('%I.%I', schemaname, tablename), ', ') AS names
FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`;

/**
 * Postgres in this process, on a folder. A commit is on the disk when its promise resolves and survives kill -9 and loss of
 * power. Statements run one after another on the calling thread. 64-bit integers come out as decimal strings.
 * @throws catalog-unavailable from every call after `close`, and when the disk is full
 */
export async function createPgliteExecutor({ path }: PgliteExecutorOptions): Promise<SqlExecutor> {
  const folder = await ensureStore(path);
  const db = await openStore(folder);
  let rowsSinceVacuum = 0;
  let closing: Promise<void> | null = null;

  async function run<T extends object>(
    connection: Pick<PGlite, 'query'> | Transaction,
    sql: string,
    parameters: readonly unknown[],
  ): Promise<T[]> {
    const results: Results<T> = await connection.query<T>(sql, [...parameters]);
    rowsSinceVacuum += results.affectedRows ?? 0;
    return results.rows;
  }

  async function vacuumWhenDue(): Promise<void> {
    if (rowsSinceVacuum < VACUUM_AFTER_ROWS) return;
    rowsSinceVacuum = 0;
    const [tables] = (await db.query<{ names: string | null }>(USER_TABLES)).rows;
    if (tables?.names) await db.query(`VACUUM ${tables.names}`);
  }

  async function translateErrors<T>(work: () => Promise<T>): Promise<T> {
    try {
      const result = await work();
      await vacuumWhenDue();
      return result;
    } catch (error) {
      if (isAppError(error)) throw error;
      const sqlState = sqlStateOf(error);
      if (closing !== null || (sqlState !== null && isTransientSqlState(sqlState))) {
        throw toCatalogUnavailable(error);
      }
      throw error;
    }
  }

  return {
    query: async <T extends object>(sql: string, parameters: readonly unknown[] = []): Promise<T[]> =>
      await translateErrors(async () => await run<T>(db, sql, parameters)),
    transaction: async (body) =>
      await translateErrors(
        async () =>
          await db.transaction(
            async (tx) =>
              await body({
                query: async <T extends object>(sql: string, parameters: readonly unknown[] = []) =>
                  await run<T>(tx, sql, parameters),
              }),
          ),
      ),
    async close() {
      closing ??= db.close();
      await closing;
    },
  };
}

async function openStore(folder: string): Promise<PGlite> {
  return await PGlite.create({
    fs: new DurableNodeFs(folder),
    startParams: START_PARAMETERS,
    parsers: { [types.INT8]: (text: string) => text },
  });
}

/**
 * A new store is made under another name and renamed when it is complete and on the disk. PGlite takes a folder for a store by
 * one of its files, which it neither writes last nor syncs: a death meanwhile could leave a store that does not open.
 */
async function ensureStore(path: string): Promise<string> {
  const folder = join(path, 'postgres');
  if (existsSync(folder)) return folder;
  const draft = join(path, 'postgres.new');
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { recursive: true });
  const db = await openStore(draft);
  await db.close();
  await syncTree(draft);
  await rename(draft, folder);
  await syncPath(path);
  return folder;
}

async function syncTree(folder: string): Promise<void> {
  const entries = await readdir(folder, { recursive: true });
  for (const entry of entries) await syncPath(join(folder, entry));
  await syncPath(folder);
}

async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
