import { randomBytes, randomUUID } from 'node:crypto';
import { createKafkaBus } from '@tidemark/bus';
import { createRedisCache } from '@tidemark/cache';
import { openPostgresCatalog } from '@tidemark/catalog';
import { declareTopics, DEFAULT_EVENT_LIMITS, FLUSHES_TOPIC } from '@tidemark/contracts';
import { createCatalogue } from '@tidemark/core';
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
import {
  createClickhouseDatabase,
  createClickhouseExecutor,
  runWarehouseMigrations,
  WAREHOUSE_MIGRATIONS,
} from '@tidemark/warehouse';
import { ensureDefaultOrganization } from './app/bootstrap.ts';
import type { GATEWAY_FIELDS } from './config.ts';
import { registerGatewayRoutes } from './routes.ts';
import { createGatewayStores } from './stores.ts';

/** Of one organization, in one gateway: a server of its own answers them. */
const QUESTIONS = { atOnceMax: 8, statementsAtOnceMax: 4 };

/** The gateway over Kafka, ClickHouse, Postgres and Redis: the only place here that names adapters. */
export async function composeGateway(
  config: ConfigValues<typeof GATEWAY_FIELDS>,
  lifecycle: Lifecycle,
  log: Logger,
): Promise<void> {
  const clock = systemClock;
  const telemetry = createTelemetry({ withProcessFigures: true });

  const catalog = await openPostgresCatalog({ url: config.postgresUrl.reveal(), log });
  lifecycle.onStop('catalog', () => catalog.close());
  const cache = createRedisCache({ url: config.redisUrl.reveal(), log });
  lifecycle.onStop('cache', () => cache.close());
  const clickhouse = { url: config.clickhouseUrl.reveal(), log };
  await createClickhouseDatabase(clickhouse);
  const warehouse = createClickhouseExecutor(clickhouse);
  lifecycle.onStop('warehouse', () => warehouse.close());
  await runWarehouseMigrations(warehouse, WAREHOUSE_MIGRATIONS, { clock, log });
  const bus = createKafkaBus({ brokers: config.kafkaBrokers, clientId: 'tidemark-gateway', clock, log });
  lifecycle.onStop('bus', () => bus.close());
  await bus.ensureTopics(declareTopics(config.eventsPartitions));
  const instance = randomUUID();
  const feed = createFlushFeed({ bus, topic: FLUSHES_TOPIC, instance, clock, log, telemetry });
  lifecycle.onStop('flush feed', () => feed.close());

  const firstKey = await ensureDefaultOrganization({
    catalog,
    clock,
    randomBytes,
    bootstrapKey: config.bootstrapKey?.reveal() ?? null,
  });
  if (firstKey !== null) {
    process.stdout.write(`\nFirst start: this admin key is shown once.\n\n  ${firstKey}\n\n`);
  }

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
  const app = createHttpServer({ log, telemetry });
  await registerOpenApi(app, {
    title: 'Tidemark gateway',
    description: 'Questions, metrics and administration.',
    version: '1',
  });
  registerGatewayRoutes(app, {
    bus,
    warehouse,
    stores: createGatewayStores(warehouse),
    catalog,
    catalogue: createCatalogue(PACKS),
    ...tenancy,
    rateLimiter,
    clock,
    randomBytes,
    instance,
    feed,
    answerCache: cache,
    log,
    telemetry,
    allowedLatenessMs: config.allowedLatenessMs,
    eventLimits: { ...DEFAULT_EVENT_LIMITS, eventBytesMax: config.eventBytesMax },
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
      cache: () => cache.ping(),
    },
  });
  registerOperationsRoutes(app, health, telemetry);
  lifecycle.onStop('http', () => app.close());
  await listen(app, { port: config.port, host: '0.0.0.0', variable: 'TIDEMARK_GATEWAY_PORT' });
}
