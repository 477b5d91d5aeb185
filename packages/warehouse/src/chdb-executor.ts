import { ClickHouseLogLevel, createClient } from '@clickhouse/client';
import { createEngineConnection } from './chdb-connection.ts';
import { openChdbEngine, type ChdbEngineOptions } from './chdb-engine.ts';
import { createExecutor, type WarehouseLog } from './executor.ts';
import type { WarehouseExecutor } from './port.ts';

export interface ChdbExecutorOptions extends ChdbEngineOptions {
  /** Must exist, or be `default`. */
  readonly database?: string;
  /** Settings of every statement, such as `max_threads`. */
  readonly settings?: Readonly<Record<string, string | number>>;
  readonly log?: WarehouseLog;
}

/**
 * The ClickHouse engine inside this process. `close` gives the data directory back.
 * @throws Error when this process has a data directory open already; warehouse-unavailable when another process has this one
 */
export function createChdbExecutor(options: ChdbExecutorOptions): WarehouseExecutor {
  const engine = openChdbEngine(options);
  const client = createClient({
    connection: createEngineConnection(engine, options.database ?? 'default'),
    log: { level: ClickHouseLogLevel.OFF },
  });
  return createExecutor({
    client,
    capabilities: { shared: false },
    ...(options.log === undefined ? {} : { log: options.log }),
    ...(options.settings === undefined ? {} : { settings: options.settings }),
    onClosed: () => engine.close(),
  });
}
