import Type from 'typebox';
import { AppError, extendCatalogue, OWN_METRIC_PACK, roleAllows } from '@tidemark/core';
import {
  BackfillStartedSchema,
  MetricDescriptionSchema,
  MetricListSchema,
  OWN_METRIC_KEY_PATTERN,
  OwnMetricSchema,
  readOwnMetric,
  toMetricDescription,
} from '@tidemark/contracts';
import type { OwnMetricDeclaration } from '@tidemark/core';
import type { AuditLog, Definitions } from '@tidemark/catalog';
import type { Catalogues } from '@tidemark/query';
import type { HttpServer } from '@tidemark/runtime';
import { backfillMetric, type BackfillDependencies } from '../app/backfill.ts';
import type { QuestionGate } from '../app/question-gate.ts';
import type { Access } from './access.ts';
import { problemResponses } from './responses.ts';

const PATH = '/api/v1/metrics';
const tags = ['Metrics'];

const OwnKey = Type.Object({ key: Type.String({ pattern: OWN_METRIC_KEY_PATTERN, maxLength: 128 }) });

export interface MetricRoutesOptions {
  readonly catalogues: Catalogues;
  readonly definitions: Pick<Definitions, 'metricsOf' | 'putMetric' | 'deleteMetric'>;
  readonly backfill: BackfillDependencies;
  /** For one look through raw of an organization at a time. */
  readonly gate: QuestionGate;
  readonly auditLog: Pick<AuditLog, 'append'>;
  readonly access: Access;
}

export function registerMetricRoutes(app: HttpServer, options: MetricRoutesOptions): void {
  registerList(app, options);
  registerOwn(app, options);
  registerBackfill(app, options);
}

function registerList(app: HttpServer, { catalogues, access }: MetricRoutesOptions): void {
  app.get(
    PATH,
    {
      onRequest: access.requires('viewer'),
      schema: {
        tags,
        summary: 'The metrics that this credential may ask for',
        description: 'Those of the packs that the organization uses, and those it has declared for itself.',
        response: { 200: MetricListSchema, ...problemResponses(401, 403, 429, 503) },
      },
    },
    async (request, reply) => {
      const { organization, role } = access.principalOf(request);
      const { catalogue } = await catalogues.of(organization);
      return reply.send({
        metrics: catalogue.metrics.filter((metric) => roleAllows(role, metric.role)).map(toMetricDescription),
      });
    },
  );

  app.get(
    `${PATH}/:key`,
    {
      onRequest: access.requires('viewer'),
      schema: {
        tags,
        summary: 'One metric',
        params: Type.Object({ key: Type.String() }),
        response: { 200: MetricDescriptionSchema, ...problemResponses(401, 403, 404, 429, 503) },
      },
    },
    async (request, reply) => {
      const { organization, role } = access.principalOf(request);
      const { catalogue, faults } = await catalogues.of(organization);
      const { key } = request.params;
      const metric = catalogue.metric(key);
      if (metric !== null && roleAllows(role, metric.role)) return reply.send(toMetricDescription(metric));
      const why = role === 'admin' ? faults.get(key)?.map(({ detail }) => detail) : undefined;
      throw new AppError(
        'not-found',
        why === undefined
          ? `there is no metric ${key} for this credential`
          : `${key} is declared, but cannot be asked: ${why.join('; ')}`,
      );
    },
  );
}

function registerOwn(app: HttpServer, { catalogues, definitions, access }: MetricRoutesOptions): void {
  app.put(
    `${PATH}/:key`,
    {
      onRequest: access.requires('admin'),
      schema: {
        tags,
        summary: "Declare a metric of the organization's own, or change it",
        description: `Keys begin with \`${OWN_METRIC_PACK}.\`; those of packs are read-only. It is answered at once, over all events that are stored, from raw events; \`POST ${PATH}/{key}/backfill\` has rollups made of it.`,
        params: OwnKey,
        body: OwnMetricSchema,
        response: { 200: MetricDescriptionSchema, ...problemResponses(400, 401, 403, 409, 429, 503) },
      },
    },
    async (request, reply) => {
      const { organization } = access.principalOf(request);
      const { key } = request.params;
      const others = (await definitions.metricsOf(organization)).flatMap((stored): OwnMetricDeclaration[] => {
        const read = stored.key === key ? null : readOwnMetric(stored.key, stored.declaration);
        return read === null ? [] : [read];
      });
      const { catalogue: asked } = await catalogues.of(organization);
      const enabled = asked.packs.map((pack) => pack.key);
      const { catalogue, faults } = extendCatalogue(catalogues.all, enabled, [
        ...others,
        { key, ...request.body },
      ]);
      const own = faults.get(key);
      const metric = catalogue.metric(key);
      if (own !== undefined || metric === null) {
        const list = (own ?? []).map(({ pointer, detail }) => `${pointer}: ${detail}`).join('; ');
        throw new AppError('invalid-request', list, { faults: own ?? [] });
      }
      await definitions.putMetric(organization, key, request.body, access.actorOf(request));
      return reply.send(toMetricDescription(metric));
    },
  );

  app.delete(
    `${PATH}/:key`,
    {
      onRequest: access.requires('admin'),
      schema: {
        tags,
        summary: "Delete a metric of the organization's own; its events stay",
        params: OwnKey,
        response: { 204: Type.Null(), ...problemResponses(401, 403, 404, 429, 503) },
      },
    },
    async (request, reply) => {
      const { organization } = access.principalOf(request);
      const { key } = request.params;
      if (!(await definitions.deleteMetric(organization, key, access.actorOf(request)))) {
        throw new AppError('not-found', `the organization has declared no metric ${key}`);
      }
      return reply.status(204).send(null);
    },
  );
}

function registerBackfill(app: HttpServer, { backfill, gate, auditLog, access }: MetricRoutesOptions): void {
  app.post(
    `${PATH}/:key/backfill`,
    {
      onRequest: access.requires('admin'),
      schema: {
        tags,
        summary: "Have rollups made of a metric of the organization's own, of all that is stored",
        description:
          'Numbers never change by it, questions become faster as the rollups are made. Calling it again does no harm.',
        params: OwnKey,
        response: {
          202: BackfillStartedSchema,
          ...problemResponses(400, 401, 403, 404, 409, 422, 429, 503),
        },
      },
    },
    async (request, reply) => {
      const { organization } = access.principalOf(request);
      const { key } = request.params;
      const act = { action: 'metric.backfill', target: key, details: {} } as const;
      await auditLog.append({ organization, ...act }, access.actorOf(request));
      const buckets = await gate.pass(organization, () => backfillMetric(backfill, organization, key));
      return reply.status(202).send({ buckets });
    },
  );
}
