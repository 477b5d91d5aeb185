import { systemClock } from '@tidemark/runtime';
import {
  createChdbExecutor,
  createClickhouseDatabase,
  createClickhouseExecutor,
  runWarehouseMigrations,
  WAREHOUSE_MIGRATIONS,
} from '@tidemark/warehouse';
import type { WarehouseExecutor } from '@tidemark/warehouse';
import type { InsertTarget } from './protocol.ts';

/** `@clickhouse/client` with the product's tables and settings, and nothing else of it. Opened once per worker. */
export function createWarehouseOpener(): {
  open(target: InsertTarget): Promise<WarehouseExecutor>;
  close(): Promise<void>;
} {
  let opened: Promise<WarehouseExecutor> | undefined;
  return {
    open(target) {
      opened ??= openWarehouse(target);
      return opened;
    },
    async close() {
      await (await opened)?.close();
    },
  };
}

async function openWarehouse(target: InsertTarget): Promise<WarehouseExecutor> {
  if (target.kind === 'clickhouse') await createClickhouseDatabase(target);
  const warehouse = target.kind === 'chdb' ? createChdbExecutor(target) : createClickhouseExecutor(target);
  const log = { info: () => undefined, warn: () => undefined };
  await runWarehouseMigrations(warehouse, WAREHOUSE_MIGRATIONS, { clock: systemClock, log });
  return warehouse;
}
