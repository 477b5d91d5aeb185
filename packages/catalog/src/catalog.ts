import { createApiKeys } from './api-keys.ts';
import { createAuditLog } from './audit-log.ts';
import { createDefinitions } from './definitions.ts';
import { createLedger } from './ledger.ts';
import { migrate } from './migrate.ts';
import { MIGRATIONS } from './migrations/index.ts';
import { createOrganizations } from './organizations.ts';
import { createPgliteExecutor, type PgliteExecutorOptions } from './pglite-executor.ts';
import { createPipelineState } from './pipeline-state.ts';
import type { Catalog, SqlExecutor } from './port.ts';
import { createPostgresExecutor, type PostgresExecutorOptions } from './postgres-executor.ts';
import { createUsers } from './users.ts';

/**
 * Migrates the store, then serves it. The catalog owns the executor from here on: it is closed with the catalog, and at once
 * when the migration fails.
 * @throws schema-too-new, catalog-unavailable
 */
export async function createCatalog(executor: SqlExecutor): Promise<Catalog> {
  try {
    await migrate(executor, MIGRATIONS);
  } catch (error) {
    await executor.close();
    throw error;
  }
  return {
    organizations: createOrganizations(executor),
    users: createUsers(executor),
    apiKeys: createApiKeys(executor),
    definitions: createDefinitions(executor),
    auditLog: createAuditLog(executor),
    pipeline: createPipelineState(executor),
    ledger: createLedger(executor),
    async ping() {
      await executor.query('SELECT 1');
    },
    close: async () => await executor.close(),
  };
}

/** The embedded catalog. @throws schema-too-new */
export async function openPgliteCatalog(options: PgliteExecutorOptions): Promise<Catalog> {
  return await createCatalog(await createPgliteExecutor(options));
}

/** The shared catalog. @throws schema-too-new; catalog-unavailable when Postgres cannot be reached now */
export async function openPostgresCatalog(options: PostgresExecutorOptions): Promise<Catalog> {
  return await createCatalog(createPostgresExecutor(options));
}
