/** `PUT /api/v1/metrics/{key}`: a metric that an organization declares for itself. */
import { AGGREGATIONS, FILTER_OPERATORS, OWN_METRIC_PACK, type OwnMetricDeclaration } from '@tidemark/core';
import Type, { type Static } from 'typebox';
import { Value } from 'typebox/value';
import { oneOf } from './shapes.ts';

export const OWN_METRIC_KEY_PATTERN = `^${OWN_METRIC_PACK}\\.[a-z0-9_]+(\\.[a-z0-9_]+){0,3}$`;
/** Each costs every statement about the metric. */
const EVENT_TYPES_MAX = 32;
const FILTERS_MAX = 32;
const DIMENSIONS_MAX = 16;

const FIELD = Type.String({
  maxLength: 512,
  description: '`data.<key>[.<key>…]`, `subject`, `source` or `type`',
});

/** No control characters but line breaks: a NUL is more than the catalog takes. */
const TEXT_PATTERN = '^[^\\u0000-\\u0009\\u000b-\\u001f\\u007f]*$';
const text = (options: { readonly minLength?: number; readonly maxLength: number }) =>
  Type.String({ pattern: TEXT_PATTERN, ...options });

const common = {
  title: text({ minLength: 1, maxLength: 200 }),
  description: text({ maxLength: 2_000 }),
  unit: Type.String({
    pattern: TEXT_PATTERN,
    maxLength: 64,
    description: 'As `ms`, `By`, `{token}`, `%`; a currency (`USD`) makes the values exact decimals',
  }),
  direction: oneOf(['up-is-better', 'down-is-better', 'neutral']),
  role: Type.Optional(
    oneOf(['viewer', 'admin'], { description: 'The least that may ask; `viewer` when absent' }),
  ),
};

const BaseSchema = Type.Object(
  {
    kind: Type.Literal('base'),
    ...common,
    eventTypes: Type.Array(text({ minLength: 1, maxLength: 256 }), {
      minItems: 1,
      maxItems: EVENT_TYPES_MAX,
      description: 'Any types, also such that no pack declares',
    }),
    filters: Type.Optional(
      Type.Array(
        Type.Object(
          {
            field: FIELD,
            op: oneOf(FILTER_OPERATORS),
            value: Type.Union([
              text({ maxLength: 4_096 }),
              Type.Number(),
              Type.Boolean(),
              Type.Array(Type.Union([text({ maxLength: 4_096 }), Type.Number(), Type.Boolean()]), {
                maxItems: 100,
              }),
            ]),
          },
          { additionalProperties: false },
        ),
        { maxItems: FILTERS_MAX, description: 'All must hold for an event to count' },
      ),
    ),
    value: Type.Optional(FIELD),
    aggregation: oneOf(AGGREGATIONS, { description: 'All but `count` need a `value`' }),
    level: Type.Optional(Type.Number({ description: 'Of a `quantile`, between 0 and 1' })),
    dimensions: Type.Array(
      Type.Object(
        {
          key: Type.String({ maxLength: 64 }),
          title: text({ minLength: 1, maxLength: 200 }),
          field: FIELD,
          rolledUp: Type.Boolean({
            description: 'True for what has few values; questions about others are answered from raw events',
          }),
          isPersonal: Type.Optional(
            Type.Literal(true, { description: 'The value names a person: viewers see their own alone' }),
          ),
        },
        { additionalProperties: false },
      ),
      { maxItems: DIMENSIONS_MAX },
    ),
  },
  { additionalProperties: false },
);

const DerivedSchema = Type.Object(
  {
    kind: Type.Literal('derived'),
    ...common,
    expression: Type.String({
      minLength: 1,
      maxLength: 1_000,
      description: 'Numbers, metric keys, `seconds`, `+ - * /` and parentheses',
    }),
  },
  { additionalProperties: false },
);

export const OwnMetricSchema = Type.Union([BaseSchema, DerivedSchema], { title: 'OwnMetric' });
export type OwnMetricBody = Static<typeof OwnMetricSchema>;

export const BackfillStartedSchema = Type.Object(
  {
    buckets: Type.Integer({
      minimum: 0,
      description: 'Marked to be made again; until then each is answered from raw events',
    }),
  },
  { title: 'BackfillStarted' },
);

/**
 * The declaration as it is stored, under its key; null when it does not have the form of one (another release may have put it). What it
 * says is checked by `extendCatalogue`.
 */
export function readOwnMetric(key: string, stored: unknown): OwnMetricDeclaration | null {
  if (!Value.Check(OwnMetricSchema, stored)) return null;
  return { key, ...stored };
}
