import type { AuditLog } from '@tidemark/catalog';
import { AppError } from '@tidemark/core';
import type { Catalogue, Clock, Fault } from '@tidemark/core';
import {
  REBUILD_DAYS_MAX,
  RebuildParametersSchema,
  RebuildProgressSchema,
  RebuildRequestSchema,
  RebuildStartedSchema,
} from '@tidemark/contracts';
import type { Catalogues } from '@tidemark/query';
import type { HttpServer } from '@tidemark/runtime';
import { markForRebuild, rebuildProgress } from '../app/rebuild.ts';
import type { RebuildDependencies } from '../app/rebuild.ts';
import type { QuestionGate } from '../app/question-gate.ts';
import type { Access } from './access.ts';
import { readRange, toInstant } from './ranges.ts';
import { problemResponses } from './responses.ts';

const PATH = '/api/v1/analytics/aggregate';

export interface RebuildRoutesOptions {
  readonly rebuild: RebuildDependencies;
  /** For one such task of an organization at a time. */
  readonly gate: QuestionGate;
  readonly auditLog: Pick<AuditLog, 'append'>;
  readonly access: Access;
  readonly catalogues: Pick<Catalogues, 'of'>;
  readonly clock: Clock;
}

export function registerRebuildRoutes(app: HttpServer, options: RebuildRoutesOptions): void {
  const { rebuild, gate, auditLog, access, catalogues, clock } = options;
  const tags = ['Rollups'];
  const onRequest = access.requires('admin');

  app.post(
    PATH,
    {
      onRequest,
      schema: {
        tags,
        summary: 'Make the rollups of a range of event time anew, or fill them in for new metrics',
        description:
          'Numbers never change by it: until the rollup of a bucket is made again, the bucket is answered from raw. Open buckets are made when they close.',
        body: RebuildRequestSchema,
        response: { 202: RebuildStartedSchema, ...problemResponses(400, 401, 403, 422, 429, 503) },
      },
    },
    async (request, reply) => {
      const { organization } = access.principalOf(request);
      const range = readRange(request.body, { nowMs: clock.nowMs(), daysMax: REBUILD_DAYS_MAX });
      const { catalogue } = await catalogues.of(organization);
      const eventTypes = eventTypesOf(catalogue, request.body.metrics);
      const { from, to, metrics = null } = request.body;
      const act = {
        action: 'rollups.rebuild',
        target: organization,
        details: { from, to, metrics },
      } as const;
      await auditLog.append({ organization, ...act }, access.actorOf(request));
      const buckets = await gate.pass(organization, () =>
        markForRebuild(rebuild, { organization, ...range }, eventTypes),
      );
      return reply.status(202).send({ buckets, from: toInstant(range.fromMs), to: toInstant(range.toMs) });
    },
  );

  app.get(
    PATH,
    {
      onRequest,
      schema: {
        tags,
        summary: 'How many buckets of a range still wait for their rollup',
        querystring: RebuildParametersSchema,
        response: { 200: RebuildProgressSchema, ...problemResponses(400, 401, 403, 429, 503) },
      },
    },
    async (request, reply) => {
      const { organization } = access.principalOf(request);
      const range = readRange(request.query, { nowMs: clock.nowMs(), daysMax: REBUILD_DAYS_MAX });
      const { dirtyBuckets, closedThroughMs } = await rebuildProgress(rebuild, { organization, ...range });
      const closedThrough = closedThroughMs === null ? null : toInstant(closedThroughMs);
      return reply.header('cache-control', 'no-store').send({ dirtyBuckets, closedThrough });
    },
  );
}

/** @throws unknown-metric naming every metric that is none */
function eventTypesOf(catalogue: Catalogue, keys: readonly string[] | undefined): readonly string[] | null {
  if (keys === undefined) return null;
  const faults: Fault[] = [];
  const types = keys.flatMap((key, index) => {
    const metric = catalogue.metric(key);
    if (metric !== null) return metric.eventTypes;
    const detail = `${JSON.stringify(key)} is not in the catalogue: GET /api/v1/metrics lists it`;
    faults.push({ code: 'unknown-metric', pointer: `/metrics/${index}`, detail });
    return [];
  });
  if (faults.length === 0) return [...new Set(types)];
  throw new AppError('unknown-metric', faults.map(({ detail }) => detail).join('; '), { faults });
}
