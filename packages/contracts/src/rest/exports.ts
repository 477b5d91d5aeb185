/** `POST /api/v1/query/export`, `GET` and `POST /api/v1/events/export`, `GET /api/v1/exports/{id}`. */
import { EXPORT_FORMATS, FILTER_OPERATORS } from '@tidemark/core';
import Type from 'typebox';
import { countOf, FROM_TEXT, Instant, nullable, oneOf, TO_TEXT } from './shapes.ts';

const EXPORT_STATES = ['running', 'done', 'failed', 'aborted'] as const;

const Name = Type.String({ minLength: 1, maxLength: 600 });
const Names = Type.Array(Name, { minItems: 1, maxItems: 100 });
/** Named once or many times in a URL. */
const oneOrMany = (description: string) => Type.Union([Name, Names], { description });

const SHAPE = {
  format: Type.Optional(
    oneOf(EXPORT_FORMATS, { description: 'Absent: what `Accept` asks for first, else `csv`' }),
  ),
  metadata: Type.Optional(
    oneOf(['inline'], {
      description:
        'CSV: lines `# name: JSON` ahead of the header (no RFC 4180); NDJSON: the first line. The other formats hold it always',
    }),
  ),
  bom: Type.Optional(Type.Boolean({ description: 'CSV: begins with a byte order mark, for Excel' })),
};

const closed = { additionalProperties: false } as const;

export const ExportParametersSchema = Type.Object(SHAPE, { title: 'ExportParameters', ...closed });

const COLUMN_DESCRIPTION =
  'Of `id type source subject time received_at data extensions` and any field `data.<key>[.<key>…]`; absent: the first seven';

export const EventsExportParametersSchema = Type.Object(
  {
    ...SHAPE,
    from: FROM_TEXT,
    to: TO_TEXT,
    type: Type.Optional(oneOrMany('Event types; repeat it for several; all when absent')),
    column: Type.Optional(oneOrMany(COLUMN_DESCRIPTION)),
  },
  { title: 'EventsExportParameters', ...closed },
);

const Scalar = Type.Union([Type.String(), Type.Number(), Type.Boolean()]);

export const EventsExportRequestSchema = Type.Object(
  {
    from: FROM_TEXT,
    to: TO_TEXT,
    types: Type.Optional(Names),
    columns: Type.Optional(Type.Array(Name, { minItems: 1, maxItems: 100, description: COLUMN_DESCRIPTION })),
    filters: Type.Optional(
      Type.Array(
        Type.Object(
          {
            field: Type.String({ description: '`subject`, `source`, `type` or `data.<key>[.<key>…]`' }),
            op: oneOf(FILTER_OPERATORS),
            value: Type.Union([Scalar, Type.Array(Scalar)]),
          },
          closed,
        ),
        { maxItems: 64, description: 'All must hold' },
      ),
    ),
  },
  { title: 'EventsExportRequest', ...closed },
);

export const ExportStatusSchema = Type.Object(
  {
    id: Type.String(),
    state: oneOf(EXPORT_STATES, {
      description: '`done`: all of it was handed to the connection; `aborted`: whoever asked has gone',
    }),
    format: oneOf(EXPORT_FORMATS),
    rowsExpected: nullable(countOf('Counted before; null when that took too long')),
    rowsSent: countOf('Of the table'),
    bytesSent: countOf('Of the file, before compression on the way'),
    truncatedCells: countOf('XLSX: texts that no cell holds, cut off visibly'),
    startedAt: Instant,
    endedAt: nullable(Instant),
    code: nullable(Type.String({ description: 'Of a failure' })),
    metadata: Type.Record(Type.String(), Type.Unknown()),
  },
  { title: 'ExportStatus' },
);
