export { createChdbExecutor, type ChdbExecutorOptions } from './chdb-executor.ts';
export {
  createClickhouseDatabase,
  createClickhouseExecutor,
  type ClickhouseExecutorOptions,
} from './clickhouse-executor.ts';
export { INSERT_BYTES_MAX, INSERT_ROWS_MAX, type WarehouseLog } from './executor.ts';
export { runWarehouseMigrations, type MigrateOptions, type WarehouseMigration } from './migrate.ts';
export * from './dead-letters.ts';
export { DUPLICATES_ROWS_MAX, DUPLICATES_SHOWN_MAX } from './event-copies.ts';
export * from './events.ts';
export { createLetterBooks, type BuriedDay, type LetterBooks } from './letter-books.ts';
export * from './measure-sql.ts';
export * from './port.ts';
export { createRollupStore, DIFFERENCES_SHOWN_MAX } from './rollups.ts';
export type { RollupDifference } from './rollup-comparison.ts';
export type { RecomputeOptions, RollupStore } from './rollups.ts';
export * from './subject-sql.ts';
export { createSubjectStore, type SubjectStore } from './subjects.ts';
export { EVENTS_TOKENS_REMEMBERED, WAREHOUSE_MIGRATIONS } from './schema/index.ts';
