/** What ingest answers. Refusals of a whole request are `ProblemSchema`. */
import Type, { type Static } from 'typebox';
import { FaultSchema, ProblemSchema } from '../problem.ts';

export const EventRejectSchema = Type.Object(
  {
    index: Type.Integer({
      minimum: 0,
      description: 'Position in the request; of NDJSON, among non-blank lines',
    }),
    id: Type.Union([Type.String(), Type.Null()]),
    code: Type.String(),
    detail: Type.String(),
    pointer: Type.String({ description: 'RFC 6901 pointer within the event' }),
    retryable: Type.Boolean(),
    faults: Type.Array(FaultSchema, { description: 'Every fault of the event; the first one is told above' }),
  },
  { title: 'EventReject' },
);

const outcomeMembers = {
  received: Type.Integer({ minimum: 0 }),
  accepted: Type.Integer({ minimum: 0, description: 'Durable in the bus when the answer is sent' }),
  rejected: Type.Array(EventRejectSchema),
};

/** 202: at least one event was accepted, or none was sent. */
export const IngestOutcomeSchema = Type.Object(outcomeMembers, { title: 'IngestOutcome' });
export type IngestOutcome = Static<typeof IngestOutcomeSchema>;

/** 4xx: events were sent and none was accepted. A problem that also has the members of the outcome. */
export const IngestProblemSchema = Type.Object(
  { ...ProblemSchema.properties, ...outcomeMembers },
  { title: 'IngestProblem' },
);
export type IngestProblem = Static<typeof IngestProblemSchema>;

/** The JSON event format, for the description only: events are checked by `parseEventRequest`. */
export const CloudEventSchema = Type.Object(
  {
    specversion: Type.Literal('1.0'),
    id: Type.String({
      minLength: 1,
      maxLength: 256,
      description: 'With `source`, the identity of the event',
    }),
    source: Type.String({ minLength: 1, maxLength: 1024, format: 'uri-reference' }),
    type: Type.String({ minLength: 1, maxLength: 256 }),
    subject: Type.Optional(
      Type.String({ minLength: 1, maxLength: 512, description: 'Whom the event concerns' }),
    ),
    time: Type.Optional(Type.String({ format: 'date-time', description: 'The time of receipt when absent' })),
    datacontenttype: Type.Optional(Type.String()),
    data: Type.Optional(Type.Unknown({ description: 'Anything but an object is kept as {"value": …}' })),
    data_base64: Type.Optional(Type.String()),
  },
  { title: 'CloudEvent', additionalProperties: Type.Union([Type.String(), Type.Boolean(), Type.Integer()]) },
);

/** For the description only. */
export const CustomMetricSchema = Type.Object(
  {
    name: Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_.:-]{0,127}$' }),
    type: Type.Union([Type.Literal('counter'), Type.Literal('gauge'), Type.Literal('histogram')]),
    value: Type.Union([Type.Number(), Type.String({ description: 'A decimal number, exactly' })]),
    labels: Type.Optional(
      Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Boolean()])),
    ),
    time: Type.Optional(Type.String({ format: 'date-time' })),
    id: Type.Optional(Type.String({ description: 'Sent again under the same id, it counts once' })),
  },
  { title: 'CustomMetric', additionalProperties: false },
);

/** For the description only: which keys there are depends on the recorder. */
export const RecordedSchema = Type.Record(
  Type.String(),
  Type.Union([Type.String(), Type.Number(), Type.Boolean()]),
  { title: 'Recorded' },
);
