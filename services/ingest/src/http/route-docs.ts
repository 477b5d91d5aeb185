/** What the description (OpenAPI) says about the doors. */
import {
  CloudEventSchema,
  IngestOutcomeSchema,
  IngestProblemSchema,
  IngestReachedSchema,
  IngestWaitQuerySchema,
  ProblemSchema,
} from '@tidemark/contracts';
import { assertNever, type Recorder, type RecorderField } from '@tidemark/core';
import { LABEL_NAME, LABEL_VALUE_LENGTH_MAX, LABELS_MAX } from '../domain/recorder-event.ts';

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

/** One object of one of the recorders, or a list of such. */
export function recorderBodyDocs(recorders: readonly Recorder[]): object {
  const anyOf = recorders.flatMap((recorder) => oneOrMany(recordedSchema(recorder)).anyOf);
  return { content: { 'application/json': { schema: { anyOf } } } };
}

function recordedSchema({ title, eventType, fields }: Recorder): object {
  const own = fields.map((field) => [field.from, fieldSchema(field)] as const);
  return {
    type: 'object',
    title,
    description: `Becomes an event of the type ${eventType}`,
    properties: {
      ...Object.fromEntries(own),
      id: { type: 'string', description: 'Sent again under the same id, it counts once' },
      time: { type: 'string', format: 'date-time', description: 'The time of receipt when absent' },
    },
    required: fields.filter(({ required }) => required).map(({ from }) => from),
    additionalProperties: false,
  };
}

function fieldSchema({ type, enum: values, pattern }: RecorderField): object {
  switch (type) {
    case 'number':
      return {
        anyOf: [{ type: 'number' }, { type: 'string', description: 'A decimal number, exactly' }],
      };
    case 'boolean':
      return { type };
    case 'string':
      return {
        type,
        ...(values === undefined ? {} : { enum: values }),
        ...(pattern === undefined ? {} : { pattern: `^(?:${pattern})$` }),
      };
    case 'labels':
      return {
        type: 'object',
        maxProperties: LABELS_MAX,
        propertyNames: { pattern: LABEL_NAME.source },
        additionalProperties: {
          anyOf: [
            { type: 'string', maxLength: LABEL_VALUE_LENGTH_MAX },
            { type: 'number' },
            { type: 'boolean' },
          ],
        },
      };
    default:
      return assertNever(type);
  }
}

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
