import { randomUUID } from 'node:crypto';
import { createKafkaBus } from '@tidemark/bus';
import { createRedisCache } from '@tidemark/cache';
import { openPostgresCatalog } from '@tidemark/catalog';
import { declareTopics } from '@tidemark/contracts';
import { SECOND_MS } from '@tidemark/core';
import { PACKS } from '@tidemark/packs';
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
  type ConfigValues,
  type Lifecycle,
  type Logger,
} from '@tidemark/runtime';
import { toIngestLimits, type INGEST_FIELDS } from './config.ts';
import { ingestRoutes } from './plugin.ts';

/** A request waits for the catalog no longer than this: every answer, also a refusal, comes within a few seconds. */
const CATALOG_TIMEOUT_MS = 2 * SECOND_MS;

/** Ingest over Kafka, Postgres and Redis: the only place here that names adapters. */
export async function composeIngest(
  config: ConfigValues<typeof INGEST_FIELDS>,
  lifecycle: Lifecycle,
  log: Logger,
): Promise<void> {
  const clock = systemClock;
  const telemetry = createTelemetry({ withProcessFigures: true });
  const catalog = await openPostgresCatalog({
    url: config.postgresUrl.reveal(),
    log,
    connectTimeoutMs: CATALOG_TIMEOUT_MS,
    statementTimeoutMs: CATALOG_TIMEOUT_MS,
  });
  lifecycle.onStop('catalog', () => catalog.close());
  const cache = createRedisCache({ url: config.redisUrl.reveal(), log });
  lifecycle.onStop('cache', () => cache.close());
  const bus = createKafkaBus({ brokers: config.kafkaBrokers, clientId: 'tidemark-ingest', clock, log });
  lifecycle.onStop('bus', () => bus.close());
  await bus.ensureTopics(declareTopics(config.eventsPartitions));

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
  lifecycle.onStop('http', () => app.close());
  await registerOpenApi(app, {
    title: 'Tidemark ingest',
    description: 'Where producers send events.',
    version: '1.0.0',
  });
  const checks = { bus: () => bus.ping(), catalog: () => catalog.ping() };
  registerOperationsRoutes(app, createHealth({ clock, checks, stopping: lifecycle.stopping }), telemetry);
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
  await listen(app, { port: config.port, host: '0.0.0.0', variable: 'TIDEMARK_INGEST_PORT' });
}
