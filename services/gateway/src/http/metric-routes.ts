import Type from 'typebox';
import { AppError, roleAllows } from '@tidemark/core';
import { MetricDescriptionSchema, MetricListSchema, toMetricDescription } from '@tidemark/contracts';
import type { Catalogue } from '@tidemark/core';
import type { HttpServer } from '@tidemark/runtime';
import type { Access } from './access.ts';
import { problemResponses } from './responses.ts';

export interface MetricRoutesOptions {
  readonly catalogue: Catalogue;
  readonly access: Access;
}

export function registerMetricRoutes(app: HttpServer, { catalogue, access }: MetricRoutesOptions): void {
  const tags = ['Metrics'];
  app.get(
    '/api/v1/metrics',
    {
      onRequest: access.requires('viewer'),
      schema: {
        tags,
        summary: 'The metrics that this key may ask for',
        response: { 200: MetricListSchema, ...problemResponses(401, 403, 429, 503) },
      },
    },
    async (request, reply) => {
      const { role } = access.principalOf(request);
      return reply.send({
        metrics: catalogue.metrics.filter((metric) => roleAllows(role, metric.role)).map(toMetricDescription),
      });
    },
  );

  app.get(
    '/api/v1/metrics/:key',
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
      const { role } = access.principalOf(request);
      const metric = catalogue.metric(request.params.key);
      if (metric === null || !roleAllows(role, metric.role)) {
        throw new AppError('not-found', `there is no metric ${request.params.key} for this key`);
      }
      return reply.send(toMetricDescription(metric));
    },
  );
}
