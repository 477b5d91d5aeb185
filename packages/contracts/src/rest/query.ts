/** `POST /api/v1/query`, `GET /api/v1/metrics` and `GET /api/v1/metrics/{key}/series`. */
import {
  AGGREGATIONS,
  type CatalogueMetric,
  FILLS,
  GRANULARITIES,
  type Query,
  ROLES,
  WEEKDAYS,
} from '@tidemark/core';
import Type, { type Static } from 'typebox';
import { FilterTextSchema, parseFilterTexts, QueryFilterSchema } from './query-filter.ts';
import { nullable, oneOf } from './shapes.ts';

const Instant = (description: string) => Type.String({ minLength: 1, maxLength: 64, description });

const FROM = Instant(
  'RFC 3339 with an offset, a calendar date (its first instant in the zone), `now`, or `now` with offsets and a truncation: `now-24h`, `now-7d`, `now-1M/M` (units s m h d w M Q y)',
);
const TO = Instant('As `from`; the range [from, to) is half-open');
const TIME_ZONE = Type.String({ maxLength: 64, description: 'IANA name; `UTC` when absent' });
const GRANULARITY = oneOf(GRANULARITIES, { description: 'Absent: one point over the whole range' });
const WEEK_START = oneOf(WEEKDAYS, { description: '`monday` when absent' });
const FILL = oneOf(FILLS, {
  description:
    'What stands where no event was; `none` (the default) leaves such points out, but not under `compare`. Buckets that have not begun are never filled',
});
const COMPARE = oneOf(['previous_period', 'previous_year']);
const LIMIT = Type.Integer({ minimum: 1, maximum: 1_000, description: 'Groups shown; 100 when absent' });

const METRIC_KEY = Type.String({ minLength: 1, maxLength: 128, description: 'Of `GET /api/v1/metrics`' });
const AS = Type.String({
  minLength: 1,
  maxLength: 64,
  description: 'What the answer calls it: letters, digits, `_`, `-` and space',
});

const MetricSelectionSchema = Type.Union([
  METRIC_KEY,
  Type.Object(
    {
      as: AS,
      metric: METRIC_KEY,
      level: Type.Number({ description: 'Of a metric that is a quantile: another level, between 0 and 1' }),
    },
    { additionalProperties: false },
  ),
  Type.Object(
    {
      as: AS,
      expression: Type.String({
        minLength: 1,
        maxLength: 1_000,
        description:
          'Numbers, metric keys, `seconds` (the length of the bucket, as far as it has passed), `+ - * /` and parentheses',
      }),
      unit: Type.Optional(
        Type.String({ minLength: 1, maxLength: 32, description: 'A currency (`USD`) makes it exact: text' }),
      ),
    },
    { additionalProperties: false },
  ),
]);

const FISCAL_YEAR_START = Type.Integer({
  minimum: 1,
  maximum: 12,
  description: 'The month in which years, and so quarters, begin; 1 when absent',
});
const OTHER = Type.Boolean({
  description: 'One more series for each metric, last: all groups that are not shown, together',
});
const CURSOR = Type.String({
  minLength: 1,
  maxLength: 1_000_000,
  description:
    'The `nextCursor` of an answer to the same question (only `limit` may differ): the groups that rank behind it',
});
const TARGETS = Type.Object(
  {
    attribute: Type.String({ minLength: 1, maxLength: 64 }),
    values: Type.Record(Type.String(), Type.Number(), { maxProperties: 1_000 }),
    otherwise: nullable(Type.Number()),
  },
  {
    additionalProperties: false,
    description:
      'In place of the declared ones: by the value of an attribute, or for all others; null: no target',
  },
);

export const QueryRequestSchema = Type.Object(
  {
    metrics: Type.Array(MetricSelectionSchema, { minItems: 1, maxItems: 20 }),
    from: FROM,
    to: TO,
    granularity: Type.Optional(GRANULARITY),
    timeZone: Type.Optional(TIME_ZONE),
    weekStart: Type.Optional(WEEK_START),
    fiscalYearStart: Type.Optional(FISCAL_YEAR_START),
    groupBy: Type.Optional(Type.Array(Type.String(), { maxItems: 8 })),
    filters: Type.Optional(
      Type.Array(QueryFilterSchema, {
        maxItems: 64,
        description: 'All must hold. At most 64 conditions, 8 levels deep',
      }),
    ),
    compare: Type.Optional(COMPARE),
    fill: Type.Optional(FILL),
    orderBy: Type.Optional(
      Type.Object(
        { metric: Type.String(), direction: oneOf(['asc', 'desc']) },
        {
          additionalProperties: false,
          description:
            'Ranks groups by one of the metrics asked, over the whole range. Absent: the first, greatest first',
        },
      ),
    ),
    limit: Type.Optional(LIMIT),
    other: Type.Optional(OTHER),
    cursor: Type.Optional(CURSOR),
    targets: Type.Optional(TARGETS),
  },
  { title: 'QueryRequest', additionalProperties: false },
);

const PointSchema = Type.Object(
  {
    start: Type.String({ format: 'date-time' }),
    end: Type.String({ format: 'date-time' }),
    value: Type.Union([Type.Number(), Type.String(), Type.Null()], {
      description: 'Money and integers beyond 2^53 are decimal text; null where there is no value',
    }),
    partial: Type.Boolean({ description: 'The bucket is cut by the range, or still open: more may come' }),
  },
  { title: 'Point' },
);

export const AnswerSchema = Type.Object(
  {
    series: Type.Array(
      Type.Object(
        {
          metric: Type.String(),
          dimensions: Type.Record(Type.String(), nullable(Type.String()), {
            description: 'Null: the events carried no such value',
          }),
          isOther: Type.Optional(
            Type.Literal(true, {
              description: 'All groups that are not shown, together; every dimension is null',
            }),
          ),
          points: Type.Array(PointSchema),
          compared: Type.Optional(
            Type.Object({
              points: Type.Array(PointSchema, { description: 'Of the compared range, index by index' }),
              changePercent: Type.Union([Type.Number(), Type.Null()], {
                description:
                  'Of the whole range, its complete part against the same part of the base; null without a base',
              }),
            }),
          ),
        },
        { title: 'Series' },
      ),
    ),
    from: Type.String({ format: 'date-time' }),
    to: Type.String({ format: 'date-time' }),
    granularity: nullable(oneOf(GRANULARITIES)),
    timeZone: Type.String(),
    completeThrough: Type.Union([Type.String({ format: 'date-time' }), Type.Null()], {
      description: 'No earlier event is expected; a late one may still come and is then counted',
    }),
    tiersRead: Type.Array(Type.String(), { description: 'Of `1d`, `15m`, `1m` (rollups) and `raw`' }),
    estimates: Type.Array(
      Type.Object({
        metric: Type.String(),
        kind: oneOf(['quantile', 'unique']),
        relativeError: Type.Number({
          description: 'Quantile: a bound on |estimate - true| / |true|. Unique: the standard error',
        }),
        note: Type.String(),
      }),
    ),
    groupsOmitted: Type.Integer({ minimum: 0, description: 'Groups that are not shown' }),
    nextCursor: Type.Union([Type.String(), Type.Null()], {
      description: 'Asks for the groups that rank next; null when there are none',
    }),
  },
  { title: 'Answer' },
);

export const MetricDescriptionSchema = Type.Object(
  {
    key: Type.String(),
    title: Type.String(),
    description: Type.String(),
    unit: Type.String(),
    direction: oneOf(['up-is-better', 'down-is-better', 'neutral']),
    kind: oneOf(['base', 'derived', 'state'], {
      description:
        '`base`: of events; `state`: of subjects as they are now; `derived`: an expression over these',
    }),
    aggregation: nullable(oneOf([...AGGREGATIONS, 'within', 'targeted'])),
    level: Type.Union([Type.Number(), Type.Null()], { description: 'Of a quantile' }),
    expression: Type.Union([Type.String(), Type.Null()], { description: 'Of a derived metric' }),
    subject: Type.Union([Type.String(), Type.Null()], {
      description: 'Of a state metric: the kind of subject',
    }),
    eventTypes: Type.Array(Type.String()),
    dimensions: Type.Array(
      Type.Object({
        key: Type.String(),
        title: Type.String(),
        rolledUp: Type.Boolean({ description: 'False: answered from raw events alone' }),
      }),
    ),
    role: oneOf(ROLES, { description: 'The least role that may ask' }),
  },
  { title: 'Metric' },
);
export type MetricDescription = Static<typeof MetricDescriptionSchema>;

export const MetricListSchema = Type.Object(
  { metrics: Type.Array(MetricDescriptionSchema) },
  { title: 'MetricList' },
);

export function toMetricDescription(metric: CatalogueMetric): MetricDescription {
  const { declaration } = metric;
  const { key, title, description, unit, direction } = declaration;
  return {
    key,
    title,
    description,
    unit,
    direction,
    kind: metric.kind,
    aggregation: declaration.kind === 'derived' ? null : declaration.aggregation,
    level: declaration.kind === 'derived' ? null : (declaration.level ?? null),
    expression: declaration.kind === 'derived' ? declaration.expression : null,
    subject: declaration.kind === 'state' ? declaration.subject : null,
    eventTypes: [...metric.eventTypes],
    dimensions: metric.dimensions.map((dimension) => ({
      key: dimension.key,
      title: dimension.title,
      rolledUp: dimension.rolledUp,
    })),
    role: metric.role,
  };
}

/** The same question in a URL. */
export const SeriesParametersSchema = Type.Object(
  {
    from: FROM,
    to: TO,
    granularity: Type.Optional(GRANULARITY),
    timeZone: Type.Optional(TIME_ZONE),
    weekStart: Type.Optional(WEEK_START),
    fiscalYearStart: Type.Optional(FISCAL_YEAR_START),
    groupBy: Type.Optional(Type.String({ description: 'Dimensions, separated by commas' })),
    filter: Type.Optional(Type.Union([FilterTextSchema, Type.Array(FilterTextSchema, { maxItems: 64 })])),
    compare: Type.Optional(COMPARE),
    fill: Type.Optional(FILL),
    direction: Type.Optional(
      oneOf(['asc', 'desc'], { description: 'Of the ranking of groups; `desc` when absent' }),
    ),
    limit: Type.Optional(LIMIT),
    other: Type.Optional(OTHER),
    cursor: Type.Optional(CURSOR),
  },
  { title: 'SeriesParameters', additionalProperties: false },
);
export type SeriesParameters = Static<typeof SeriesParametersSchema>;

/** @throws invalid-query with every filter that cannot be read */
export function toSeriesQuery(metric: string, parameters: SeriesParameters): Query {
  const { groupBy, filter, direction, ...same } = parameters;
  const filters = parseFilterTexts(filter);
  return {
    ...same,
    metrics: [metric],
    ...(groupBy === undefined ? {} : { groupBy: groupBy.split(',') }),
    ...(filters.length === 0 ? {} : { filters }),
    ...(direction === undefined ? {} : { orderBy: { metric, direction } }),
  };
}
