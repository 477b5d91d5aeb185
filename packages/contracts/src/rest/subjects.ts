/** `GET /api/v1/subjects`, `GET /api/v1/subjects/{kind}` and `GET /api/v1/subjects/{kind}/{id}`. */
import type { CatalogueSubject } from '@tidemark/core';
import Type, { type Static } from 'typebox';
import { FilterTextSchema } from './query-filter.ts';
import { nullable, oneOf } from './shapes.ts';

const ATTRIBUTES = Type.Optional(
  Type.String({ description: 'Keys of attributes, separated by commas; all when absent' }),
);

export const SubjectParametersSchema = Type.Object(
  { attributes: ATTRIBUTES },
  { title: 'SubjectParameters', additionalProperties: false },
);

export const SubjectsParametersSchema = Type.Object(
  {
    attributes: ATTRIBUTES,
    filter: Type.Optional(Type.Union([FilterTextSchema, Type.Array(FilterTextSchema, { maxItems: 64 })])),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, description: '100 when absent' })),
    cursor: Type.Optional(Type.String({ description: 'The `nextCursor` of an answer to the same question' })),
  },
  { title: 'SubjectsParameters', additionalProperties: false },
);

export const SubjectSchema = Type.Object(
  {
    kind: Type.String(),
    id: Type.String(),
    attributes: Type.Record(Type.String(), nullable(Type.Union([Type.String(), Type.Number()])), {
      description:
        'By key. Null: no event has told it. What names a person other than the asker is left out of a viewer’s answer',
    }),
    firstSeen: Type.String({
      format: 'date-time',
      description: 'The time of the earliest event that tells of it',
    }),
    lastSeen: Type.String({ format: 'date-time', description: 'The time of the newest' }),
  },
  { title: 'Subject' },
);

export const SubjectListSchema = Type.Object(
  {
    subjects: Type.Array(SubjectSchema, { description: 'Seen last first' }),
    nextCursor: Type.Union([Type.String(), Type.Null()], { description: 'Asks for those behind' }),
  },
  { title: 'SubjectList' },
);

const SubjectKindSchema = Type.Object(
  {
    kind: Type.String(),
    title: Type.String(),
    description: Type.String(),
    eventTypes: Type.Array(Type.String(), { description: 'What tells of it' }),
    attributes: Type.Array(
      Type.Object({
        key: Type.String(),
        title: Type.String(),
        type: oneOf(['string', 'number', 'time']),
        unit: nullable(Type.String()),
      }),
    ),
  },
  { title: 'SubjectKind' },
);

export const SubjectKindsSchema = Type.Object(
  { kinds: Type.Array(SubjectKindSchema) },
  { title: 'SubjectKinds' },
);

export function toSubjectKind({
  kind,
  declaration,
  eventTypes,
}: CatalogueSubject): Static<typeof SubjectKindSchema> {
  return {
    kind,
    title: declaration.title,
    description: declaration.description,
    eventTypes: [...eventTypes],
    attributes: declaration.attributes.map(({ key, title, type, unit }) => ({
      key,
      title,
      type,
      unit: unit ?? null,
    })),
  };
}
