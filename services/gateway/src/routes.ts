import type { Bus } from '@tidemark/bus';
import type { Cache } from '@tidemark/cache';
import type { Catalog, Ledger, PipelineState } from '@tidemark/catalog';
import { EVENTS_TOPIC } from '@tidemark/contracts';
import type { EventLimits } from '@tidemark/contracts';
import type { Catalogue, Clock, OrganizationId } from '@tidemark/core';
import {
  type Answers,
  createAnswers,
  createQueryEngine,
  DEFAULT_STATEMENT_LIMITS,
  type FlushFeed,
  type QueryEngine,
  withRecentProgress,
} from '@tidemark/query';
import type { StatementLimits } from '@tidemark/query';
import type {
  Authenticator,
  HttpServer,
  Logger,
  OrganizationDirectory,
  RateLimiter,
  Telemetry,
} from '@tidemark/runtime';
import type { WarehouseExecutor } from '@tidemark/warehouse';
import { createLetterReplay } from './app/letter-replay.ts';
import { createQuestionGate, type QuestionGate } from './app/question-gate.ts';
import { createReceiptCounter } from './app/receipt-counter.ts';
import { createAccess } from './http/access.ts';
import type { Access } from './http/access.ts';
import { registerApiKeyRoutes } from './http/api-key-routes.ts';
import { registerAuditRoutes } from './http/audit-routes.ts';
import { registerCacheRoutes } from './http/cache-routes.ts';
import { registerDistributionRoutes } from './http/distribution-routes.ts';
import { registerLedgerRoutes } from './http/ledger-routes.ts';
import { registerLetterRoutes } from './http/letter-routes.ts';
import { registerMetricRoutes } from './http/metric-routes.ts';
import { registerOrganizationRoutes } from './http/organization-routes.ts';
import { registerQueryRoutes } from './http/query-routes.ts';
import { registerRebuildRoutes } from './http/rebuild-routes.ts';
import { registerSettingsRoutes } from './http/settings-routes.ts';
import { registerStatusRoutes } from './http/status-routes.ts';
import { registerUserRoutes } from './http/user-routes.ts';
import { registerVerifyRoutes } from './http/verify-routes.ts';
import type { GatewayStores } from './stores.ts';

/** Rebuilds and checks of one organization under way at once, in this process: each reads much of raw. */
const REBUILDS_AT_ONCE_MAX = 1;

export interface GatewayRoutesOptions {
  readonly bus: Pick<Bus, 'bounds' | 'publish'>;
  readonly warehouse: Pick<WarehouseExecutor, 'query'>;
  readonly stores: GatewayStores;
  readonly catalog: Pick<Catalog, 'apiKeys' | 'auditLog' | 'definitions' | 'organizations' | 'users'> & {
    readonly ledger: Pick<Ledger, 'days' | 'recordReceipts'>;
    readonly pipeline: Pick<
      PipelineState,
      'progress' | 'countDirty' | 'countDirtyWithin' | 'dirtyBuckets' | 'markDirtyNow' | 'unknownMeasures'
    >;
  };
  readonly catalogue: Catalogue;
  /** Of organizations that are not disabled (`guardOrganizations`). */
  readonly authenticator: Authenticator;
  readonly organizations: OrganizationDirectory;
  readonly rateLimiter: RateLimiter;
  /** What is known of flushes: answers are kept until one touches them. Closed by whoever made it. */
  readonly feed: Pick<FlushFeed, 'caughtUp' | 'version' | 'onFlush'>;
  /** Where answers are kept. */
  readonly answerCache: Pick<Cache, 'get' | 'set' | 'deleteByPrefix'>;
  readonly log: Logger;
  readonly telemetry: Telemetry;
  readonly clock: Clock;
  /** Cryptographic randomness (`node:crypto`). */
  readonly randomBytes: (size: number) => Uint8Array;
  /** Unique to this run of this process: under it the ledger has what it replays. */
  readonly instance: string;
  readonly allowedLatenessMs: number;
  /** Of replayed events; those of ingest. */
  readonly eventLimits: EventLimits;
  /** Whose administrators administer all organizations, and see what belongs to nobody. */
  readonly operatorOrganization: string;
  /** Requests of one key in ten seconds. */
  readonly requestsMax: number;
  /** Requests in ten seconds of one organization that is granted nothing else. */
  readonly organizationRequestsMax: number;
  readonly questions: {
    /** Questions under way at once, in this process, of one organization that is granted nothing else. */
    readonly atOnceMax: number;
    /** Statements of one question under way at once. */
    readonly statementsAtOnceMax: number;
  };
}

/** Everything that readers and administrators may ask, on a server that others may share. */
export function registerGatewayRoutes(app: HttpServer, options: GatewayRoutesOptions): void {
  const { bus, warehouse, catalog, catalogue, organizations, clock, allowedLatenessMs } = options;
  const access = createAccess({
    authenticator: options.authenticator,
    organizations,
    rateLimiter: options.rateLimiter,
    policy: { name: 'requests', quota: options.requestsMax, windowSeconds: 10 },
    organizationPolicy: {
      name: 'organization-requests',
      quota: options.organizationRequestsMax,
      windowSeconds: 10,
    },
    clock,
  });
  const pipeline = withRecentProgress(catalog.pipeline, clock);
  const engine = createQueryEngine({
    warehouse,
    pipeline,
    catalogue,
    clock,
    limitsOf: (organization) => statementLimitsOf(options, organization),
    eventsTopic: EVENTS_TOPIC,
    allowedLatenessMs,
  });
  const { atOnceMax } = options.questions;
  const gate = createQuestionGate(
    async (organization) => (await organizations.limitsOf(organization)).questionsAtOnce ?? atOnceMax,
  );
  const gatedEngine = gated(engine, gate);
  const answers = answersOf(options, { engine: gatedEngine, pipeline });
  app.addHook('onClose', () => answers.close());
  registerQueryRoutes(app, { answers, access });
  registerDistributionRoutes(app, { engine: gatedEngine, access });
  registerCacheRoutes(app, { answers, auditLog: catalog.auditLog, access });
  registerMetricRoutes(app, { catalogue, access });
  registerStatusRoutes(app, { bus, pipeline: catalog.pipeline, access, allowedLatenessMs });
  registerLedgerRoutes(app, {
    bus,
    ledger: catalog.ledger,
    pipeline: catalog.pipeline,
    access,
    clock,
    allowedLatenessMs,
  });
  registerTenancy(app, options, access);
  registerLetters(app, options, access);
  registerRollups(app, options, access);
}

/** What is found in the cache takes no turn. */
function gated(engine: QueryEngine, gate: QuestionGate): QueryEngine {
  return {
    resolve: (...question) => engine.resolve(...question),
    ask: (principal, query, asking) =>
      gate.pass(principal.organization, () => engine.ask(principal, query, asking), asking?.signal),
    distribute: (principal, query, asking) =>
      gate.pass(principal.organization, () => engine.distribute(principal, query, asking), asking?.signal),
  };
}

function answersOf(
  { feed, answerCache: cache, allowedLatenessMs, clock, log, telemetry }: GatewayRoutesOptions,
  asked: Pick<Parameters<typeof createAnswers>[0], 'engine' | 'pipeline'>,
): Answers {
  const eventsTopic = EVENTS_TOPIC;
  return createAnswers({ ...asked, feed, cache, eventsTopic, allowedLatenessMs, clock, log, telemetry });
}

/** What the organization is granted, else what everybody is. */
async function statementLimitsOf(
  { organizations, questions }: GatewayRoutesOptions,
  organization: OrganizationId,
): Promise<StatementLimits> {
  const { timeoutMs, memoryBytesMax, rowsReadMax, resultRowsMax } = {
    ...DEFAULT_STATEMENT_LIMITS,
    ...(await organizations.limitsOf(organization)),
  };
  const { statementsAtOnceMax } = questions;
  return { timeoutMs, memoryBytesMax, rowsReadMax, resultRowsMax, statementsAtOnceMax };
}

function registerTenancy(app: HttpServer, options: GatewayRoutesOptions, access: Access): void {
  const { catalogue, clock, randomBytes, operatorOrganization } = options;
  const { apiKeys, auditLog, definitions, organizations, users } = options.catalog;
  registerOrganizationRoutes(app, { organizations, access, clock, randomBytes, operatorOrganization });
  registerSettingsRoutes(app, { definitions, packs: catalogue.packs, access });
  registerUserRoutes(app, { users, access });
  registerApiKeyRoutes(app, { apiKeys, access, clock, randomBytes });
  registerAuditRoutes(app, { auditLog, access, clock });
}

function registerLetters(app: HttpServer, options: GatewayRoutesOptions, access: Access): void {
  const { bus, catalog, clock, eventLimits, instance, operatorOrganization } = options;
  const { auditLog } = catalog;
  const { letters } = options.stores;
  const receipts = createReceiptCounter(catalog.ledger, instance);
  const replay = createLetterReplay({ bus, letters, receipts, clock, limits: eventLimits });
  registerLetterRoutes(app, { letters, replay, auditLog, access, clock, operatorOrganization });
}

function registerRollups(app: HttpServer, options: GatewayRoutesOptions, access: Access): void {
  const { catalogue, clock, allowedLatenessMs } = options;
  const { auditLog, pipeline } = options.catalog;
  const { events, rollups } = options.stores;
  const gate = createQuestionGate(() => REBUILDS_AT_ONCE_MAX);
  const rebuild = { pipeline, events, rollups, clock, allowedLatenessMs };
  registerRebuildRoutes(app, { rebuild, gate, auditLog, access, catalogue, clock });
  const verify = { pipeline, events, rollups, catalogue, clock, allowedLatenessMs };
  registerVerifyRoutes(app, { verify, gate, access, clock });
}
