import { createKafkaBus } from '@tidemark/bus';
import { openPostgresCatalog } from '@tidemark/catalog';
import { createCatalogue } from '@tidemark/core';
import { PACKS } from '@tidemark/packs';
import {
  createHealth,
  createHttpServer,
  listen,
  createTelemetry,
  registerOperationsRoutes,
  systemClock,
} from '@tidemark/runtime';
import type { ConfigValues, Lifecycle, Logger } from '@tidemark/runtime';
import {
  createClickhouseDatabase,
  createClickhouseExecutor,
  runWarehouseMigrations,
  WAREHOUSE_MIGRATIONS,
} from '@tidemark/warehouse';
import { assembleAggregator } from './assemble.ts';
import type { AGGREGATOR_FIELDS } from './config.ts';

/** The aggregator over Kafka, ClickHouse and Postgres: the only place here that names adapters. */
export async function composeAggregator(
  config: ConfigValues<typeof AGGREGATOR_FIELDS>,
  lifecycle: Lifecycle,
  log: Logger,
): Promise<void> {
  const clock = systemClock;
  const telemetry = createTelemetry({ withProcessFigures: true });

  const catalog = await openPostgresCatalog({ url: config.postgresUrl.reveal(), log });
  lifecycle.onStop('catalog', () => catalog.close());
  const clickhouse = { url: config.clickhouseUrl.reveal(), log };
  await createClickhouseDatabase(clickhouse);
  const warehouse = createClickhouseExecutor(clickhouse);
  lifecycle.onStop('warehouse', () => warehouse.close());
  await runWarehouseMigrations(warehouse, WAREHOUSE_MIGRATIONS, { clock, log });
  const bus = createKafkaBus({ brokers: config.kafkaBrokers, clientId: 'tidemark-aggregator', clock, log });
  lifecycle.onStop('bus', () => bus.close());

  const { measures, facts } = createCatalogue(PACKS);
  const aggregator = await assembleAggregator(
    {
      bus,
      warehouse,
      catalog,
      measures,
      facts,
      clock,
      log,
      telemetry,
      random: Math.random,
      onFatal: (error) => {
        log.fatal({ err: error }, 'the aggregator cannot go on');
        process.exitCode = 1;
        void lifecycle.stop('fatal').then(() => process.exit(1));
      },
    },
    {
      partitions: config.eventsPartitions,
      allowedLatenessMs: config.allowedLatenessMs,
      batchRecordsMax: config.batchRecordsMax,
      batchWaitMs: config.batchWaitMs,
      unreadableRecordsMax: config.unreadableRecordsMax,
      dedupeWindowMs: config.dedupeWindowMs,
      dedupeBlocksMax: config.dedupeBlocksMax,
      auditIntervalMs: config.auditIntervalMs,
    },
  );
  lifecycle.onStop('aggregator', () => aggregator.close());

  const app = createHttpServer({ log, telemetry });
  const health = createHealth({
    clock,
    stopping: lifecycle.stopping,
    checks: {
      bus: () => bus.ping(),
      warehouse: () => warehouse.ping(),
      catalog: () => catalog.ping(),
      partitions: () => aggregator.assertGoing(),
    },
  });
  registerOperationsRoutes(app, health, telemetry);
  lifecycle.onStop('http', () => app.close());
  await listen(app, { port: config.port, host: '0.0.0.0', variable: 'TIDEMARK_AGGREGATOR_PORT' });
}
