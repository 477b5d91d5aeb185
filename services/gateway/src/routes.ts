import { randomUUID } from 'node:crypto';
import type { Bus } from '@tidemark/bus';
import type { Cache } from '@tidemark/cache';
import type { Catalog, Ledger, PipelineState } from '@tidemark/catalog';
import { EVENTS_TOPIC } from '@tidemark/contracts';
import type { EventLimits } from '@tidemark/contracts';
import type { Catalogue, Clock, OrganizationId } from '@tidemark/core';
import {
  type Answers,
  type Catalogues,
  createAnswers,
  createCatalogues,
  createEventsExport,
  createQueryEngine,
  DEFAULT_STATEMENT_LIMITS,
  type FlushFeed,
  isExactMetric,
  type QueryEngine,
  type ViewSources,
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
import { createExportRegister } from './app/export-register.ts';
import { READER_PAUSE_MAX_MS } from './app/export-stream.ts';
import { createLetterReplay } from './app/letter-replay.ts';
import { createQuestionGate, type QuestionGate } from './app/question-gate.ts';
import { closedThrough } from './app/rebuild.ts';
import { createReceiptCounter } from './app/receipt-counter.ts';
import { createAccess } from './http/access.ts';
import type { Access } from './http/access.ts';
import { registerApiKeyRoutes } from './http/api-key-routes.ts';
import { registerAuditRoutes } from './http/audit-routes.ts';
import { registerCacheRoutes } from './http/cache-routes.ts';
import { registerDistributionRoutes } from './http/distribution-routes.ts';
import { registerExportRoutes } from './http/export-routes.ts';
import { registerLedgerRoutes } from './http/ledger-routes.ts';
import { registerLetterRoutes } from './http/letter-routes.ts';
import { registerLiveRoutes } from './http/live-routes.ts';
import { registerMetricRoutes } from './http/metric-routes.ts';
import { registerOrganizationRoutes } from './http/organization-routes.ts';
import { registerQueryRoutes } from './http/query-routes.ts';
import { registerRebuildRoutes } from './http/rebuild-routes.ts';
import { registerSettingsRoutes } from './http/settings-routes.ts';
import { registerStatusRoutes } from './http/status-routes.ts';
import { registerUserRoutes } from './http/user-routes.ts';
import { registerVerifyRoutes } from './http/verify-routes.ts';
import { registerSubjectRoutes } from './http/subject-routes.ts';
import { registerViewRoutes } from './http/view-routes.ts';
import { createLiveHub } from './live/hub.ts';
import type { GatewayStores } from './stores.ts';

/** Rebuilds and checks of one organization under way at once, in this process: each reads much of raw. */
const REBUILDS_AT_ONCE_MAX = 1;

export interface GatewayRoutesOptions {
  readonly bus: Pick<Bus, 'bounds' | 'publish'>;
  readonly warehouse: Pick<WarehouseExecutor, 'query' | 'stream'>;
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
  const catalogues = createCatalogues({ all: catalogue, definitions: catalog.definitions, clock });
  const definitions = known(catalog.definitions, catalogues);
  const pipeline = withRecentProgress(catalog.pipeline, clock);
  const engine = createQueryEngine({
    warehouse,
    pipeline,
    contextOf: (organization) => catalogues.of(organization),
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
  registerViewRoutes(app, {
    packs: catalogue.packs,
    catalogueOf: async ({ organization }) => (await catalogues.of(organization)).catalogue,
    sources: viewSources(gatedEngine, answers),
    access,
  });
  registerSubjectRoutes(app, {
    engine: gatedEngine,
    catalogueOf: async ({ organization }) => (await catalogues.of(organization)).catalogue,
    access,
  });
  registerCacheRoutes(app, { answers, auditLog: catalog.auditLog, access });
  registerLiveRoutes(app, { ...options, hub: createLiveHub({ ...options, answers, engine }), access });
  registerExports(app, options, { answers, engine, access });
  registerStatusRoutes(app, { bus, pipeline: catalog.pipeline, access, clock, allowedLatenessMs });
  registerLedgerRoutes(app, {
    bus,
    ledger: catalog.ledger,
    pipeline: catalog.pipeline,
    access,
    clock,
    allowedLatenessMs,
  });
  registerTenancy(app, options, { definitions, access });
  registerLetters(app, options, access);
  registerRollups(app, options, { catalogues, definitions, access });
}

/** What changes them here counts here at once. */
function known(definitions: Catalog['definitions'], catalogues: Catalogues): Catalog['definitions'] {
  const forgetting = async <T>(organization: OrganizationId, change: Promise<T>): Promise<T> =>
    await change.finally(() => catalogues.forget(organization));
  return {
    ...definitions,
    changeSettings: (organization, ...rest) =>
      forgetting(organization, definitions.changeSettings(organization, ...rest)),
    putMetric: (organization, ...rest) =>
      forgetting(organization, definitions.putMetric(organization, ...rest)),
    deleteMetric: (organization, ...rest) =>
      forgetting(organization, definitions.deleteMetric(organization, ...rest)),
  };
}

function registerExports(
  app: HttpServer,
  { warehouse, catalog, clock, allowedLatenessMs }: GatewayRoutesOptions,
  asked: {
    readonly answers: Pick<Answers, 'ask'>;
    readonly engine: Pick<QueryEngine, 'resolve'>;
    readonly access: Access;
  },
): void {
  const { answers, engine, access } = asked;
  registerExportRoutes(app, {
    async ask(principal, query, signal) {
      const { answer } = await answers.ask(principal, query, { signal });
      const { metrics } = await engine.resolve(principal, query, clock.nowMs());
      return { answer, exactMetrics: new Set(metrics.filter(isExactMetric).map(({ key }) => key)) };
    },
    events: createEventsExport(warehouse),
    completeThroughMs: () => closedThrough({ pipeline: catalog.pipeline, allowedLatenessMs }),
    register: createExportRegister(clock),
    access,
    clock,
    createId: randomUUID,
    pauseMaxMs: READER_PAUSE_MAX_MS,
  });
}

/** What is found in the cache takes no turn. */
function gated(engine: QueryEngine, gate: QuestionGate): QueryEngine {
  return {
    resolve: (...question) => engine.resolve(...question),
    ask: (principal, query, asking) =>
      gate.pass(principal.organization, () => engine.ask(principal, query, asking), asking?.signal),
    distribute: (principal, query, asking) =>
      gate.pass(principal.organization, () => engine.distribute(principal, query, asking), asking?.signal),
    subject: (principal, query, asking) =>
      gate.pass(principal.organization, () => engine.subject(principal, query, asking), asking?.signal),
    subjects: (principal, query, asking) =>
      gate.pass(principal.organization, () => engine.subjects(principal, query, asking), asking?.signal),
  };
}

/** Whom views ask: the same answers as every other door's. */
function viewSources(engine: QueryEngine, answers: Answers): ViewSources {
  const asking = (signal: AbortSignal | undefined) => (signal === undefined ? {} : { signal });
  return {
    ask: async (principal, query, signal) => (await answers.ask(principal, query, asking(signal))).answer,
    distribute: (principal, query, signal) => engine.distribute(principal, query, asking(signal)),
    subject: (principal, query, signal) => engine.subject(principal, query, asking(signal)),
    subjects: async (principal, query, signal) =>
      (await engine.subjects(principal, query, asking(signal))).subjects,
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

interface Administered {
  readonly definitions: Catalog['definitions'];
  readonly access: Access;
}

function registerTenancy(
  app: HttpServer,
  options: GatewayRoutesOptions,
  { definitions, access }: Administered,
): void {
  const { catalogue, clock, randomBytes, operatorOrganization } = options;
  const { apiKeys, auditLog, organizations, users } = options.catalog;
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

function registerRollups(
  app: HttpServer,
  options: GatewayRoutesOptions,
  { catalogues, definitions, access }: Administered & { readonly catalogues: Catalogues },
): void {
  const { clock, allowedLatenessMs } = options;
  const { auditLog, pipeline } = options.catalog;
  const { events, rollups } = options.stores;
  const gate = createQuestionGate(() => REBUILDS_AT_ONCE_MAX);
  const rebuild = { pipeline, events, rollups, clock, allowedLatenessMs };
  registerRebuildRoutes(app, { rebuild, gate, auditLog, access, catalogues, clock });
  const verify = { pipeline, events, rollups, clock, allowedLatenessMs };
  registerVerifyRoutes(app, { verify, gate, access, catalogues, clock });
  const backfill = { ...rebuild, catalogues, definitions };
  registerMetricRoutes(app, { catalogues, definitions, backfill, gate, auditLog, access });
}
