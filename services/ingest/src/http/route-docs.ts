/** What the description (OpenAPI) says about the doors. */
import {
  CloudEventSchema,
  CustomMetricSchema,
  IngestOutcomeSchema,
  IngestProblemSchema,
  IngestReachedSchema,
  IngestWaitQuerySchema,
  ProblemSchema,
  RecordedSchema,
} from '@tidemark/contracts';

const oneOrMany = (schema: object) => ({ anyOf: [schema, { type: 'array', items: schema }] });

export const EVENT_BODY_DOCS = {
  content: {
    'application/cloudevents+json': { schema: CloudEventSchema },
    'application/cloudevents-batch+json': { schema: { type: 'array', items: CloudEventSchema } },
    'application/json': { schema: oneOrMany(CloudEventSchema) },
    'application/x-ndjson': { schema: { type: 'string', description: 'One event a line' } },
    '*/*': { schema: { description: 'Binary mode: the data; the attributes are in ce-* headers' } },
  },
};

export const METRIC_BODY_DOCS = {
  content: { 'application/json': { schema: oneOrMany(CustomMetricSchema) } },
};

export const RECORDER_BODY_DOCS = { content: { 'application/json': { schema: oneOrMany(RecordedSchema) } } };

/** Bodies and waits are described, and checked by their own parsers: nothing here is validated by a schema. */
export function routeOptions(summary: string, body: object) {
  return {
    schema: {
      summary,
      tags: ['Events'],
      querystring: IngestWaitQuerySchema,
      body,
      response: {
        200: IngestReachedSchema,
        202: IngestOutcomeSchema,
        400: IngestProblemSchema,
        ...Object.fromEntries([401, 403, 413, 415, 429, 503].map((status) => [status, ProblemSchema])),
      },
    },
    validatorCompiler: () => () => true,
  };
}
