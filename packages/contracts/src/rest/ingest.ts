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
