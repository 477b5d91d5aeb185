import { createHash } from 'node:crypto';
import { AppError, assertThat, isAppError, type Clock } from '@tidemark/core';
import type { WarehouseLog } from './executor.ts';
import type { WarehouseExecutor } from './port.ts';

/**
 * One step of the schema. ClickHouse has no transactions over DDL: a starter may die between two statements, and several
 * may run them at once. So each statement does nothing the second time (`IF NOT EXISTS`, `ADD COLUMN IF NOT EXISTS`).
 */
export interface WarehouseMigration {
  /** 1, 2, 3, …: the place in the list. */
  readonly number: number;
  readonly name: string;
  readonly statements: readonly string[];
}

export interface MigrateOptions {
  readonly clock: Clock;
  readonly log: WarehouseLog;
}

/** A row says that all statements of the migration have been run. Several starters may write it; the copies are equal. */
const CREATE_LEDGER = `
CREATE TABLE IF NOT EXISTS schema_migrations (
  number UInt32,
  name String,
  checksum String,
  applied_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY number`;

/** Two starters that alter one table at once: one of them is told to try again. */
const ATTEMPTS_MAX = 5;
const ATTEMPT_INTERVAL_MS = 500;
const STATEMENT_TIMEOUT_MS = 120_000;

interface AppliedRow {
  readonly [column: string]: unknown;
  readonly number: number;
  readonly checksum: string;
}

/**
 * Brings the warehouse to the newest migration. Idempotent, and safe for several starters at once: they do the same work
 * twice rather than wait for each other.
 * @returns the numbers this call applied
 * @throws schema-too-new when the warehouse holds a migration this release does not know; warehouse-unavailable; query-timeout
 */
export async function runWarehouseMigrations(
  executor: WarehouseExecutor,
  migrations: readonly WarehouseMigration[],
  options: MigrateOptions,
): Promise<readonly number[]> {
  assertNumbered(migrations);
  await runStatement(executor, CREATE_LEDGER, options.clock);
  const applied = await executor.query<AppliedRow>({
    sql: 'SELECT DISTINCT number, checksum FROM schema_migrations ORDER BY number, checksum',
  });
  assertKnown(applied, migrations);
  const done = new Set(applied.map((row) => row.number));
  const missing = migrations.filter((migration) => !done.has(migration.number));
  for (const migration of missing) {
    for (const statement of migration.statements) await runStatement(executor, statement, options.clock);
    await record(executor, migration, options.clock);
    options.log.info({ migration: migration.number, name: migration.name }, 'warehouse migration applied');
  }
  return missing.map((migration) => migration.number);
}

async function runStatement(executor: WarehouseExecutor, sql: string, clock: Clock): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await executor.command({ sql, timeoutMs: STATEMENT_TIMEOUT_MS });
    } catch (error) {
      if (!isAppError(error, 'warehouse-unavailable') || attempt >= ATTEMPTS_MAX) throw error;
      await clock.sleep(attempt * ATTEMPT_INTERVAL_MS);
    }
  }
}

function record(executor: WarehouseExecutor, migration: WarehouseMigration, clock: Clock): Promise<void> {
  return executor.command({
    sql: `INSERT INTO schema_migrations (number, name, checksum, applied_at)
SELECT {number:UInt32}, {name:String}, {checksum:String}, fromUnixTimestamp64Milli({applied_at:Int64}, 'UTC')`,
    parameters: {
      number: migration.number,
      name: migration.name,
      checksum: checksumOf(migration),
      applied_at: clock.nowMs(),
    },
    settings: { async_insert: 0 },
  });
}

/** SHA-256, hex, of the statements: what may never change once applied anywhere. */
function checksumOf(migration: WarehouseMigration): string {
  return createHash('sha256').update(JSON.stringify(migration.statements)).digest('hex');
}

function assertNumbered(migrations: readonly WarehouseMigration[]): void {
  for (const [index, migration] of migrations.entries()) {
    assertThat(
      migration.number === index + 1,
      `migration "${migration.name}" has number ${migration.number}, expected ${index + 1}`,
    );
  }
}

function assertKnown(applied: readonly AppliedRow[], migrations: readonly WarehouseMigration[]): void {
  for (const row of applied) {
    const known = migrations[row.number - 1];
    if (known === undefined) {
      throw new AppError(
        'schema-too-new',
        `The warehouse holds migration ${row.number}; this release knows ${migrations.length}. Run a newer release.`,
      );
    }
    assertThat(
      row.checksum === checksumOf(known),
      `migration ${known.number} "${known.name}" was edited after the warehouse had applied it`,
    );
  }
}
