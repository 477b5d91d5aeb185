/** The embedded profile: every service in one process, on one port, over the embedded adapters. */
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { assembleAggregator } from '@tidemark/aggregator';
import { createLmdbBus } from '@tidemark/bus';
import { createMemoryCache } from '@tidemark/cache';
import { openPgliteCatalog } from '@tidemark/catalog';
import { declareTopics, FLUSHES_TOPIC } from '@tidemark/contracts';
import { createCatalogue } from '@tidemark/core';
import { createGatewayStores, ensureDefaultOrganization, registerGatewayRoutes } from '@tidemark/gateway';
import { ingestRoutes, toIngestLimits } from '@tidemark/ingest';
import { PACKS } from '@tidemark/packs';
import { createFlushFeed } from '@tidemark/query';
import {
  createAuthenticator,
  createHealth,
  createHttpServer,
  listen,
  createRateLimiter,
  createTelemetry,
  createTenancy,
  createTokenVerifier,
  registerOpenApi,
  registerOperationsRoutes,
  systemClock,
} from '@tidemark/runtime';
import type { ConfigValues, Lifecycle, Logger } from '@tidemark/runtime';
import { createChdbExecutor, runWarehouseMigrations, WAREHOUSE_MIGRATIONS } from '@tidemark/warehouse';
import type { STANDALONE_FIELDS } from './config.ts';

/** The engine shares this process with the pipeline: an organization's questions take no more lanes than there are for
 * statements that are no inserts. */
const QUESTIONS = { atOnceMax: 2, statementsAtOnceMax: 1 };

export type StandaloneConfig = ConfigValues<typeof STANDALONE_FIELDS>;

export interface Standalone {
  /** Where it listens, without a final slash. */
  readonly url: string;
  /** The first admin key, on the first start only; null when there was one already. */
  readonly adminKey: string | null;
}

/**
 * Starts everything and registers with the lifecycle how to stop it.
 *
 * @throws conflict when another process uses the data folder; schema-too-new when a newer release has written it
 */
export async function startStandalone(
  config: StandaloneConfig,
  lifecycle: Lifecycle,
  log: Logger,
): Promise<Standalone> {
  const clock = systemClock;
  const telemetry = createTelemetry({ withProcessFigures: true });
  const dataDir = path.resolve(config.dataDir);
  await mkdir(dataDir, { recursive: true });

  // The log first: its lock keeps a second process away from the whole folder.
  const bus = await createLmdbBus({ path: path.join(dataDir, 'bus'), clock, log });
  lifecycle.onStop('bus', () => bus.close());
  const [catalog, warehouse] = await Promise.all([
    openPgliteCatalog({ path: path.join(dataDir, 'catalog') }),
    openWarehouse(path.join(dataDir, 'warehouse'), log),
  ]);
  lifecycle.onStop('catalog', () => catalog.close());
  lifecycle.onStop('warehouse', () => warehouse.close());
  const cache = createMemoryCache({ clock });
  lifecycle.onStop('cache', () => cache.close());
  // Of their own: answers never push out what limits requests.
  const answerCache = createMemoryCache({ clock });
  lifecycle.onStop('cache of answers', () => answerCache.close());

  await bus.ensureTopics(declareTopics(config.partitions));
  const instance = randomUUID();
  const feed = createFlushFeed({ bus, topic: FLUSHES_TOPIC, instance, clock, log, telemetry });
  lifecycle.onStop('flush feed', () => feed.close());
  const adminKey = await ensureDefaultOrganization({
    catalog,
    clock,
    randomBytes,
    bootstrapKey: config.bootstrapKey?.reveal() ?? null,
  });

  const catalogue = createCatalogue(PACKS);
  const aggregator = await assembleAggregator(
    {
      bus,
      warehouse,
      catalog,
      measures: catalogue.measures,
      facts: catalogue.facts,
      clock,
      log,
      telemetry,
      random: Math.random,
      onFatal: (error) => {
        log.fatal({ err: error }, 'the aggregator cannot go on');
        void lifecycle.stop('fatal').then(() => process.exit(1));
      },
    },
    config,
  );
  lifecycle.onStop('aggregator', () => aggregator.close());

  const app = createHttpServer({ log, telemetry });
  await registerOpenApi(app, {
    title: 'Tidemark',
    description: 'Events in, true numbers out.',
    version: '1',
  });
  const rateLimiter = createRateLimiter({ counters: cache, clock, log, telemetry });
  const keysAndTokens = createAuthenticator({
    findKey: (id) => catalog.apiKeys.find(id),
    tokens: createTokenVerifier({
      issuers: config.jwtIssuers,
      fetch,
      membershipOf: (identity, organization) => catalog.users.membershipOf(identity, organization),
      clock,
      log,
      telemetry,
    }),
    rateLimiter,
    clock,
    telemetry,
  });
  const tenancy = createTenancy(keysAndTokens, { catalog, lifecycle, clock, log, telemetry });
  await app.register(ingestRoutes, {
    bus,
    pipeline: catalog.pipeline,
    ledger: catalog.ledger,
    instance: randomUUID(),
    log,
    ...tenancy,
    rateLimiter,
    clock,
    telemetry,
    recorders: PACKS.flatMap(({ recorders }) => recorders),
    createId: randomUUID,
    ...toIngestLimits(config),
  });
  registerGatewayRoutes(app, {
    bus,
    warehouse,
    stores: createGatewayStores(warehouse),
    catalog,
    catalogue,
    ...tenancy,
    rateLimiter,
    clock,
    randomBytes,
    instance,
    feed,
    answerCache,
    log,
    telemetry,
    allowedLatenessMs: config.allowedLatenessMs,
    eventLimits: toIngestLimits(config).limits,
    operatorOrganization: config.operatorOrganization,
    requestsMax: config.requestsMax,
    organizationRequestsMax: config.organizationRequestsMax,
    questions: QUESTIONS,
  });
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
  const url = await listen(app, { port: config.port, host: config.host, variable: 'TIDEMARK_PORT' });
  return { url, adminKey };
}

async function openWarehouse(folder: string, log: Logger) {
  const warehouse = createChdbExecutor({ path: folder, log });
  await runWarehouseMigrations(warehouse, WAREHOUSE_MIGRATIONS, { clock: systemClock, log });
  return warehouse;
}
