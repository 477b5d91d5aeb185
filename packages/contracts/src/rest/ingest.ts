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

/**
 * How far the accepted events of a request may be waited for. `stored`: rows of the warehouse, or dead letters. `visible`: every
 * question asked from now on counts them.
 */
export const WAIT_LEVELS = ['stored', 'visible'] as const;
export const WAIT_SECONDS_MAX = 60;
export const WAIT_SECONDS_DEFAULT = 10;

const waitLevel = (description: string) =>
  Type.Union([Type.Literal('stored'), Type.Literal('visible')], { description });
const level = waitLevel('As asked for');
export type WaitLevel = Static<typeof level>;

/** For the description only: the query string is read before the body, by ingest's own parser. */
export const IngestWaitQuerySchema = Type.Object({
  wait: Type.Optional(waitLevel('Answer when the events are stored, or visible to questions')),
  timeout: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: WAIT_SECONDS_MAX,
      default: WAIT_SECONDS_DEFAULT,
      description: 'Seconds to wait at most; only with `wait`',
    }),
  ),
});

const DeadEventSchema = Type.Object(
  {
    index: Type.Integer({ minimum: 0, description: 'Position in the request' }),
    id: Type.String({ description: 'Of the event' }),
    deadLetter: Type.String({ description: 'Id of the dead letter' }),
  },
  { title: 'DeadEvent' },
);

/** 202: at least one event was accepted, or none was sent. */
export const IngestOutcomeSchema = Type.Object(
  {
    ...outcomeMembers,
    wait: Type.Optional(
      Type.Object(
        { level, reached: Type.Literal(false) },
        { description: 'The wait has ended too early: the events are durable and will be stored' },
      ),
    ),
  },
  { title: 'IngestOutcome' },
);
export type IngestOutcome = Static<typeof IngestOutcomeSchema>;

/** 200: the accepted events have got as far as was asked for. */
export const IngestReachedSchema = Type.Object(
  {
    ...outcomeMembers,
    wait: Type.Object({
      level,
      reached: Type.Literal(true),
      deadLetters: Type.Integer({
        minimum: 0,
        description: 'Accepted events that could not be stored and became dead letters',
      }),
      dead: Type.Array(DeadEventSchema),
    }),
  },
  { title: 'IngestReached' },
);
export type IngestReached = Static<typeof IngestReachedSchema>;

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
