import { createHash } from 'node:crypto';
import { AppError, assertThat } from '@tidemark/core';
import type { Migration } from './migrations/migration.ts';
import type { SqlExecutor } from './port.ts';

/** Any number will do as long as every starter of every release takes the same one ("tide" in ASCII). */
const MIGRATION_LOCK = 0x74696465;

const CREATE_LEDGER = `
CREATE TABLE IF NOT EXISTS schema_migrations (
  number integer PRIMARY KEY,
  name text NOT NULL,
  checksum text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now()
)`;

interface AppliedRow {
  readonly number: number;
  readonly checksum: string;
}

/**
 * Brings the store to the newest migration: all missing ones, in one transaction, or none. Starters that come together wait
 * for each other on a transaction-scoped advisory lock, so it works behind transaction pooling too. Idempotent.
 * Returns the numbers applied by this call.
 * @throws schema-too-new when the store holds a migration this release does not know; catalog-unavailable
 */
export async function migrate(
  executor: SqlExecutor,
  migrations: readonly Migration[],
): Promise<readonly number[]> {
  assertNumbered(migrations);
  return await executor.transaction(async (tx) => {
    await tx.query('SELECT pg_advisory_xact_lock($1)', [MIGRATION_LOCK]);
    await tx.query(CREATE_LEDGER);
    const applied = await tx.query<AppliedRow>(
      'SELECT number, checksum FROM schema_migrations ORDER BY number',
    );
    assertKnown(applied, migrations);
    const missing = migrations.slice(applied.length);
    for (const migration of missing) {
      for (const statement of migration.statements) await tx.query(statement);
      await tx.query('INSERT INTO schema_migrations (number, name, checksum) VALUES ($1, $2, $3)', [
        migration.number,
        migration.name,
        checksumOf(migration),
      ]);
    }
    return missing.map((migration) => migration.number);
  });
}

/** SHA-256, hex, of the statements: what may never change once applied anywhere. */
function checksumOf(migration: Migration): string {
  return createHash('sha256').update(JSON.stringify(migration.statements)).digest('hex');
}

function assertNumbered(migrations: readonly Migration[]): void {
  for (const [index, migration] of migrations.entries()) {
    assertThat(
      migration.number === index + 1,
      `migration "${migration.name}" has number ${migration.number}, expected ${index + 1}`,
    );
  }
}

function assertKnown(applied: readonly AppliedRow[], migrations: readonly Migration[]): void {
  for (const row of applied) {
    const known = migrations[row.number - 1];
    if (known === undefined) {
      throw new AppError(
        'schema-too-new',
        `The catalog holds migration ${row.number}; this release knows ${migrations.length}. Run a newer release.`,
      );
    }
    assertThat(
      row.checksum === checksumOf(known),
      `migration ${known.number} "${known.name}" was edited after the catalog had applied it`,
    );
  }
  assertThat(
    applied.every((row, index) => row.number === index + 1),
    'the catalog has a gap in its applied migrations',
  );
}
