import Type from 'typebox';
import { AppError, roleAllows } from '@tidemark/core';
import type { Catalogue, CatalogueMetric } from '@tidemark/core';
import type { HttpServer } from '@tidemark/runtime';
import type { Access } from './access.ts';
import { problemResponses } from './responses.ts';

const MetricSchema = Type.Object(
  {
    key: Type.String(),
    title: Type.String(),
    description: Type.String(),
    kind: Type.Union([Type.Literal('base'), Type.Literal('derived')]),
    unit: Type.String(),
    direction: Type.String({ description: '`up-is-better`, `down-is-better` or `neutral`' }),
    aggregation: Type.Union([Type.String(), Type.Null()], { description: 'null for a derived metric' }),
    level: Type.Union([Type.Number(), Type.Null()], { description: 'Of a quantile' }),
    expression: Type.Union([Type.String(), Type.Null()], { description: 'Of a derived metric' }),
    eventTypes: Type.Array(Type.String()),
    dimensions: Type.Array(
      Type.Object({
        key: Type.String(),
        title: Type.String(),
        rolledUp: Type.Boolean({
          description: 'false: questions by this dimension are answered from raw events only',
        }),
      }),
    ),
    role: Type.String({ description: 'The least role that may ask' }),
  },
  { title: 'Metric' },
);
const MetricListSchema = Type.Object({ metrics: Type.Array(MetricSchema) }, { title: 'MetricList' });

export interface MetricRoutesOptions {
  readonly catalogue: Catalogue;
  readonly access: Access;
}

export function registerMetricRoutes(app: HttpServer, { catalogue, access }: MetricRoutesOptions): void {
  const tags = ['Metrics'];
  app.get(
    '/api/v1/metrics',
    {
      schema: {
        tags,
        summary: 'The metrics that this key may ask for',
        response: { 200: MetricListSchema, ...problemResponses(401, 403, 429, 503) },
      },
    },
    async (request, reply) => {
      const { role } = await access(request, reply, 'viewer');
      return { metrics: catalogue.metrics.filter((metric) => roleAllows(role, metric.role)).map(toMetric) };
    },
  );

  app.get(
    '/api/v1/metrics/:key',
    {
      schema: {
        tags,
        summary: 'One metric',
        params: Type.Object({ key: Type.String() }),
        response: { 200: MetricSchema, ...problemResponses(401, 403, 404, 429, 503) },
      },
    },
    async (request, reply) => {
      const { role } = await access(request, reply, 'viewer');
      const metric = catalogue.metric(request.params.key);
      if (metric === null || !roleAllows(role, metric.role)) {
        throw new AppError('not-found', `there is no metric ${request.params.key} for this key`);
      }
      return toMetric(metric);
    },
  );
}

function toMetric({ declaration, dimensions, eventTypes, role }: CatalogueMetric) {
  const { key, title, description, kind, unit, direction } = declaration;
  return {
    key,
    title,
    description,
    kind,
    unit,
    direction,
    aggregation: declaration.kind === 'base' ? declaration.aggregation : null,
    level: declaration.kind === 'base' ? (declaration.level ?? null) : null,
    expression: declaration.kind === 'derived' ? declaration.expression : null,
    eventTypes: [...eventTypes],
    dimensions: dimensions.map((dimension) => ({
      key: dimension.key,
      title: dimension.title,
      rolledUp: dimension.rolledUp,
    })),
    role,
  };
}
