import { AppError, assertThat, isAppError, SECOND_MS } from '@tidemark/core';
import pg from 'pg';
import type { SqlExecutor } from './port.ts';
import { isTransientSqlState, sqlStateOf, toCatalogUnavailable } from './sql-errors.ts';

/** The part of a logger the adapter needs (pino fits). */
export interface CatalogLog {
  warn(fields: object, message: string): void;
}

export interface PostgresExecutorOptions {
  /** `postgres://user:password@host:port/database`; query parameters such as `sslmode` are libpq's. */
  readonly url: string;
  readonly log: CatalogLog;
  /** Upper bound of connections of this process. Default 10. */
  readonly poolSizeMax?: number;
  /** Longest wait for a connection, new or from the pool. Default 5 s. */
  readonly connectTimeoutMs?: number;
  /** Longest run of one statement, on the server; this side gives up one second later. Default 10 s. */
  readonly statementTimeoutMs?: number;
  /** A connection unused for so long is closed. Default 30 s. */
  readonly idleTimeoutMs?: number;
  /**
   * True behind a pooler that hands out server connections per transaction (PgBouncer): session parameters, which such
   * poolers refuse at connect, are then not sent; the server's own time-out is set in each transaction instead, and a
   * lone statement is bounded by this side only. Nothing else in this package needs a session. Default false.
   */
  readonly transactionPooling?: boolean;
}

/** More callers than this waiting for a connection are refused at once. */
const POOL_WAITERS_MAX = 1_000;
/** How much longer than the server this side waits before it drops the connection. */
const CLIENT_GRACE_MS = SECOND_MS;

/**
 * Postgres through a pool; connects on first use. 64-bit integers come out as decimal strings, so no digit is lost.
 * A lost connection surfaces on the statements that needed it and nowhere else. A COMMIT whose answer is lost rejects with
 * catalog-unavailable although it may have taken effect: every statement of this package may be repeated.
 */
export function createPostgresExecutor(options: PostgresExecutorOptions): SqlExecutor {
  const statementTimeoutMs = options.statementTimeoutMs ?? 10 * SECOND_MS;
  const transactionPooling = options.transactionPooling ?? false;
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.poolSizeMax ?? 10,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 5 * SECOND_MS,
    idleTimeoutMillis: options.idleTimeoutMs ?? 30 * SECOND_MS,
    query_timeout: statementTimeoutMs + CLIENT_GRACE_MS,
    keepAlive: true,
    application_name: 'tidemark',
    ...(transactionPooling ? {} : sessionParameters(statementTimeoutMs)),
  });
  logBrokenConnections(pool, options.log);
  const begin = transactionPooling ? `BEGIN; SET LOCAL statement_timeout = ${statementTimeoutMs}` : 'BEGIN';
  let closing: Promise<void> | null = null;

  return {
    async query<T extends object>(sql: string, parameters: readonly unknown[] = []): Promise<T[]> {
      refuseWhenCrowded(pool);
      return await translateErrors(async () => (await pool.query<T>(sql, [...parameters])).rows);
    },
    async transaction(body) {
      refuseWhenCrowded(pool);
      const client = await translateErrors(async () => await pool.connect());
      return await runTransaction(client, begin, body);
    },
    async close() {
      closing ??= pool.end();
      await closing;
    },
  };
}

function sessionParameters(statementTimeoutMs: number): pg.ClientConfig {
  return {
    statement_timeout: statementTimeoutMs,
    idle_in_transaction_session_timeout: statementTimeoutMs,
  };
}

/** Without a listener the 'error' of an idle or a checked-out connection would end the process. */
function logBrokenConnections(pool: pg.Pool, log: CatalogLog): void {
  pool.on('error', (error) => log.warn({ err: error }, 'an idle catalog connection broke'));
  pool.on('connect', (client) => {
    client.on('error', (error) => log.warn({ err: error }, 'a catalog connection broke'));
  });
}

function refuseWhenCrowded(pool: pg.Pool): void {
  if (pool.waitingCount < POOL_WAITERS_MAX) return;
  throw new AppError(
    'catalog-unavailable',
    `${pool.waitingCount} callers already wait for a catalog connection, at most ${POOL_WAITERS_MAX} may`,
  );
}

async function runTransaction<T>(
  client: pg.PoolClient,
  begin: string,
  body: (tx: Pick<SqlExecutor, 'query'>) => Promise<T>,
): Promise<T> {
  const tx: Pick<SqlExecutor, 'query'> = {
    query: async <R extends object>(sql: string, parameters: readonly unknown[] = []): Promise<R[]> =>
      await translateErrors(async () => (await client.query<R>(sql, [...parameters])).rows),
  };
  let result: T;
  try {
    await tx.query(begin);
    result = await body(tx);
    const commit = await translateErrors(async () => await client.query('COMMIT'));
    assertThat(commit.command === 'COMMIT', 'a transaction whose statement failed must not be committed');
  } catch (error) {
    await rollBack(client);
    throw error;
  }
  client.release();
  return result;
}

/** Gives the connection back usable, or not at all. */
async function rollBack(client: pg.PoolClient): Promise<void> {
  try {
    await client.query('ROLLBACK');
    client.release();
  } catch (rollbackError) {
    client.release(rollbackError instanceof Error ? rollbackError : true);
  }
}

/** Whatever is not an answer of the server is the driver's trouble with reaching it. */
async function translateErrors<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isAppError(error)) throw error;
    const sqlState = sqlStateOf(error);
    if (sqlState !== null && !isTransientSqlState(sqlState)) throw error;
    throw toCatalogUnavailable(error);
  }
}
