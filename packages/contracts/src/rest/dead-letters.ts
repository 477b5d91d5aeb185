/** `/api/v1/dead-letters`: what could not be stored, to be understood, mended and sent again. */
import Type, { type Static } from 'typebox';
import { Count, FROM_DESCRIPTION, Instant, instantText, oneOf } from './shapes.ts';

export const LETTERS_PER_PAGE_MAX = 1_000;
export const LETTERS_PER_PAGE_DEFAULT = 100;
/** Letters that one call looks at for replaying. */
export const LETTERS_PER_REPLAY_MAX = 1_000;

const StateSchema = oneOf(['open', 'discarded', 'replaying', 'replayed']);
const TextOrNull = Type.Union([Type.String(), Type.Null()]);
const CURSOR = Type.String({ maxLength: 1_024, description: 'The `cursor` of the page before' });

/** The letters that do not say whose they are. */
const NOBODY = 'none';
const ORGANIZATION = Type.Literal(NOBODY, {
  description: 'Letters that do not say whose they are; for administrators of the operator alone',
});

export const LetterScopeSchema = Type.Object(
  { organization: Type.Optional(ORGANIZATION) },
  { title: 'DeadLetterScope', additionalProperties: false },
);

const filterMembers = {
  code: Type.Optional(Type.String({ minLength: 1, maxLength: 64, description: 'As docs/errors.md lists' })),
  type: Type.Optional(Type.String({ minLength: 1, maxLength: 256, description: 'Of the event' })),
  from: Type.Optional(instantText(`Earliest arrival: ${FROM_DESCRIPTION}`)),
  to: Type.Optional(instantText('Behind the latest arrival')),
  contains: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 256,
      description: 'Text that the detail, id, source or value holds',
    }),
  ),
};
const stateMember = { state: Type.Optional(StateSchema) };
const scopeMember = { organization: Type.Optional(ORGANIZATION) };

export const LetterFilterSchema = Type.Object(
  { ...stateMember, ...filterMembers, ...scopeMember },
  { title: 'DeadLetterFilter', additionalProperties: false },
);
export type LetterFilterParameters = Static<typeof LetterFilterSchema>;

export const LetterSearchSchema = Type.Object(
  {
    ...stateMember,
    ...filterMembers,
    ...scopeMember,
    limit: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: LETTERS_PER_PAGE_MAX,
        description: `${LETTERS_PER_PAGE_DEFAULT} when absent`,
      }),
    ),
    cursor: Type.Optional(CURSOR),
  },
  { title: 'DeadLetterSearch', additionalProperties: false },
);

const letterMembers = {
  id: Type.String({ description: 'Holds colons: percent-encode it in paths' }),
  organization: TextOrNull,
  stage: oneOf(['ingest', 'aggregator'], {
    description: 'Who gave it up: before it was in the log, or after',
  }),
  code: Type.String(),
  detail: Type.String(),
  eventType: TextOrNull,
  eventSource: TextOrNull,
  eventId: TextOrNull,
  arrivedAt: Instant,
  attempt: Type.Integer({ minimum: 1, description: 'More than 1 after replays' }),
  state: StateSchema,
  changedAt: Instant,
  replay: Type.Union(
    [
      Type.Object({
        since: Type.String({ format: 'date-time', description: 'When the first replay was begun' }),
        source: Type.String(),
        id: Type.String(),
      }),
      Type.Null(),
    ],
    { description: 'As which event it was replayed, the only one it may be replayed as' },
  ),
};

export const LetterListSchema = Type.Object(
  {
    deadLetters: Type.Array(Type.Object(letterMembers, { title: 'DeadLetterHead' }), {
      description: 'Latest arrival first',
    }),
    cursor: Type.Union([Type.String(), Type.Null()], { description: 'Null: there are no more' }),
  },
  { title: 'DeadLetterList' },
);

export const LetterSummarySchema = Type.Object(
  {
    counts: Type.Array(Type.Object({ code: Type.String(), state: StateSchema, letters: Count })),
    total: Count,
  },
  { title: 'DeadLetterSummary' },
);

export const LetterSchema = Type.Object(
  {
    ...letterMembers,
    headers: Type.Record(Type.String(), Type.String(), {
      description: 'Of the record; {} of refused events',
    }),
    event: Type.Optional(
      Type.Unknown({
        description: 'The CloudEvent, as far as it can be told; absent when the value is no JSON',
      }),
    ),
    valueBase64: Type.Optional(Type.String({ description: 'The bytes that are no JSON' })),
  },
  { title: 'DeadLetter' },
);

export const ReplayRequestSchema = Type.Union(
  [
    Type.Null(),
    Type.Object(
      {
        event: Type.Optional(
          Type.Unknown({ description: 'The mended CloudEvent; what the letter holds when absent' }),
        ),
      },
      { title: 'ReplayRequest', additionalProperties: false },
    ),
  ],
  { description: 'May be left out' },
);

export const ReplayedSchema = Type.Object(
  {
    id: Type.String(),
    attempt: Type.Integer({ minimum: 2 }),
    coordinate: Type.Object(
      { topic: Type.String(), partition: Count, offset: Count },
      { description: 'Where in the log the event is durable now' },
    ),
  },
  { title: 'Replayed' },
);

export const BulkReplayRequestSchema = Type.Object(
  { ...filterMembers, cursor: Type.Optional(CURSOR) },
  { title: 'BulkReplayRequest', additionalProperties: false },
);
export type BulkReplayRequest = Static<typeof BulkReplayRequestSchema>;

export const BulkReplayedSchema = Type.Object(
  {
    replayed: Count,
    refused: Type.Array(Type.Object({ id: Type.String(), code: Type.String(), detail: Type.String() }), {
      description:
        'Letters whose events are still not acceptable, and those that must not be replayed again (`conflict`); they stay as they are',
    }),
    cursor: Type.Union([Type.String(), Type.Null()], { description: 'Null: no more letters match' }),
  },
  { title: 'BulkReplayed' },
);
export type BulkReplayed = Static<typeof BulkReplayedSchema>;
