export { createChdbExecutor, type ChdbExecutorOptions } from './chdb-executor.ts';
export {
  createClickhouseDatabase,
  createClickhouseExecutor,
  type ClickhouseExecutorOptions,
} from './clickhouse-executor.ts';
export { INSERT_BYTES_MAX, INSERT_ROWS_MAX, type WarehouseLog } from './executor.ts';
export { runWarehouseMigrations, type MigrateOptions, type WarehouseMigration } from './migrate.ts';
export * from './events.ts';
export * from './measure-sql.ts';
export * from './port.ts';
export { createRollupStore } from './rollups.ts';
export type { RecomputeOptions, RollupStore } from './rollups.ts';
export { WAREHOUSE_MIGRATIONS } from './schema/index.ts';
