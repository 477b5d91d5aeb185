import type { Bus } from '@tidemark/bus';
import type { Catalog, PipelineState } from '@tidemark/catalog';
import { EVENTS_TOPIC } from '@tidemark/contracts';
import type { Catalogue, Clock } from '@tidemark/core';
import { createQueryEngine, DEFAULT_STATEMENT_LIMITS } from '@tidemark/query';
import type { Authenticator, HttpServer, RateLimiter } from '@tidemark/runtime';
import type { WarehouseExecutor } from '@tidemark/warehouse';
import { createQuestionGate } from './app/question-gate.ts';
import { createAccess } from './http/access.ts';
import { registerApiKeyRoutes } from './http/api-key-routes.ts';
import { registerMetricRoutes } from './http/metric-routes.ts';
import { registerQueryRoutes } from './http/query-routes.ts';
import { registerStatusRoutes } from './http/status-routes.ts';

export interface GatewayRoutesOptions {
  readonly bus: Pick<Bus, 'bounds'>;
  readonly warehouse: Pick<WarehouseExecutor, 'query'>;
  readonly catalog: Pick<Catalog, 'apiKeys'> & {
    readonly pipeline: Pick<PipelineState, 'progress' | 'countDirty' | 'dirtyBuckets' | 'unknownMeasures'>;
  };
  readonly catalogue: Catalogue;
  readonly authenticator: Authenticator;
  readonly rateLimiter: RateLimiter;
  readonly clock: Clock;
  /** Cryptographic randomness (`node:crypto`). */
  readonly randomBytes: (size: number) => Uint8Array;
  readonly allowedLatenessMs: number;
  /** Requests of one key in ten seconds. */
  readonly requestsMax: number;
  readonly questions: {
    /** Questions of one organization under way at once, in this process. */
    readonly atOnceMax: number;
    /** Statements of one question under way at once. */
    readonly statementsAtOnceMax: number;
  };
}

/** Everything that readers and administrators may ask, on a server that others may share. */
export function registerGatewayRoutes(app: HttpServer, options: GatewayRoutesOptions): void {
  const { bus, warehouse, catalog, catalogue, clock, randomBytes, allowedLatenessMs } = options;
  const access = createAccess({
    authenticator: options.authenticator,
    rateLimiter: options.rateLimiter,
    policy: { name: 'requests', quota: options.requestsMax, windowSeconds: 10 },
  });
  const engine = createQueryEngine({
    warehouse,
    pipeline: catalog.pipeline,
    catalogue,
    clock,
    limits: { ...DEFAULT_STATEMENT_LIMITS, statementsAtOnceMax: options.questions.statementsAtOnceMax },
    eventsTopic: EVENTS_TOPIC,
    allowedLatenessMs,
  });
  registerQueryRoutes(app, { engine, access, gate: createQuestionGate(options.questions.atOnceMax) });
  registerMetricRoutes(app, { catalogue, access });
  registerApiKeyRoutes(app, { apiKeys: catalog.apiKeys, access, clock, randomBytes });
  registerStatusRoutes(app, { bus, pipeline: catalog.pipeline, access, allowedLatenessMs });
}
