/** What the description (OpenAPI) says about bodies. */
import { CloudEventSchema, CustomMetricSchema, RecordedSchema } from '@tidemark/contracts';

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
