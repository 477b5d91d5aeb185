/** `/api/v1/analytics/…`: the parameters and the answer of each view, from its declaration. */
import {
  type FilterNode,
  GRANULARITIES,
  type ParameterValue,
  type ViewDeclaration,
  type ViewParameter,
  type ViewSection,
} from '@tidemark/core';
import Type, { type TObject, type TSchema } from 'typebox';
import { FilterTextSchema, parseFilterTexts, QueryFilterSchema } from './query-filter.ts';
import { AnswerSchema } from './query.ts';
import { instantText, nullable, oneOf } from './shapes.ts';

const TEXT_LENGTH_MAX = 512;
const METRICS_MAX = 20;
const FILTERS_MAX = 64;

const Value = AnswerSchema.properties.series.items.properties.points.items.properties.value;
const Dimensions = AnswerSchema.properties.series.items.properties.dimensions;
const Share = Type.Union([Type.Number({ minimum: 0, maximum: 1 }), Type.Null()]);
const Units = Type.Record(Type.String(), nullable(Type.String()), { description: 'Of each metric' });
const { series: Series, groupsOmitted, nextCursor, ...Context } = AnswerSchema.properties;

const FiguresSchema = Type.Object({
  kind: Type.Literal('figures'),
  title: Type.String(),
  ...Context,
  figures: Type.Record(
    Type.String(),
    Type.Object({
      value: Value,
      unit: nullable(Type.String()),
      partial: Type.Boolean({ description: 'The range is not complete yet: more may come' }),
      previous: Type.Optional(Value),
      changePercent: Type.Optional(
        Type.Union([Type.Number(), Type.Null()], {
          description: 'Of the complete part against the same part of the base; null without a base',
        }),
      ),
    }),
  ),
});

const SeriesSchema = Type.Object({
  kind: Type.Literal('series'),
  title: Type.String(),
  ...Context,
  units: Units,
  series: Series,
  groupsOmitted,
});

const TableSchema = Type.Object({
  kind: Type.Literal('table'),
  title: Type.String(),
  ...Context,
  units: Units,
  rows: Type.Array(
    Type.Object({
      dimensions: Dimensions,
      isOther: Type.Boolean({ description: 'Everything beyond the rows shown, together' }),
      values: Type.Record(Type.String(), Value),
      changePercent: Type.Optional(Type.Record(Type.String(), nullable(Type.Number()))),
      share: Share,
    }),
    { description: '`share`: of the total of the first metric; null unless it is a count or a sum' },
  ),
  groupsOmitted,
  nextCursor,
});

const TrendSchema = Type.Object({
  kind: Type.Literal('trend'),
  title: Type.String(),
  ...Context,
  unit: nullable(Type.String()),
  points: Series.items.properties.points,
  trend: Type.Object(
    {
      count: Type.Integer({ minimum: 0 }),
      min: nullable(Type.Number()),
      max: nullable(Type.Number()),
      mean: nullable(Type.Number()),
      standardDeviation: nullable(Type.Number()),
      direction: nullable(oneOf(['up', 'down', 'stable'])),
      changePercent: nullable(Type.Number()),
    },
    {
      description:
        'Of the complete points. `direction`: Mann and Kendall at 5 %, null of fewer than four; `changePercent`: along the line of Theil and Sen, null without a base',
    },
  ),
});

const DistributionSchema = Type.Object({
  kind: Type.Literal('distribution'),
  title: Type.String(),
  metric: Type.String(),
  from: Type.String({ format: 'date-time' }),
  to: Type.String({ format: 'date-time' }),
  timeZone: Type.String(),
  completeThrough: nullable(Type.String({ format: 'date-time' })),
  groups: Type.Array(
    Type.Object({
      dimensions: Dimensions,
      count: Type.Integer({ minimum: 0 }),
      bins: Type.Array(
        Type.Object({
          from: nullable(Type.Number()),
          to: nullable(Type.Number()),
          count: Type.Integer({ minimum: 0 }),
          share: Share,
        }),
        { description: 'Half-open [from, to); null: unbounded on that side' },
      ),
    }),
  ),
  groupsOmitted,
});

const SubjectSchema = Type.Object({
  kind: Type.String(),
  id: Type.String(),
  attributes: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Null()]), {
    description: 'Null: no event has told it',
  }),
  firstSeen: Type.String({ format: 'date-time' }),
  lastSeen: Type.String({ format: 'date-time' }),
});

const SECTION_SCHEMAS: Readonly<Record<ViewSection['kind'], TObject>> = {
  figures: FiguresSchema,
  series: SeriesSchema,
  table: TableSchema,
  trend: TrendSchema,
  distribution: DistributionSchema,
  subject: Type.Object({
    kind: Type.Literal('subject'),
    title: Type.String(),
    subject: Type.Union([SubjectSchema, Type.Null()]),
  }),
  subjects: Type.Object({
    kind: Type.Literal('subjects'),
    title: Type.String(),
    subjects: Type.Array(SubjectSchema),
  }),
};

/** What a view answers. Sections that the asker's role does not see are absent. */
export function viewAnswerSchema({ sections }: Pick<ViewDeclaration, 'sections'>): TObject {
  const members = sections.map(({ key, kind, title, description }) => [
    key,
    Type.Optional({ ...SECTION_SCHEMAS[kind], description: description ?? title }),
  ]);
  return Type.Object({
    view: Type.String(),
    parameters: Type.Record(Type.String(), Type.Unknown(), {
      description: 'As they were used, defaults included',
    }),
    sections: Type.Object(Object.fromEntries(members) as Record<string, TSchema>),
    omitted: Type.Array(Type.String(), { description: "Sections that the asker's role does not see" }),
  });
}

/** Names between braces in the path. */
export function pathParametersOf({ path }: Pick<ViewDeclaration, 'path'>): ReadonlySet<string> {
  return new Set([...path.matchAll(/\{([^}]+)\}/g)].map(([, name = '']) => name));
}

interface ViewSchemas {
  readonly params: TObject;
  readonly querystring: TObject;
  readonly body: TObject;
}

/** Where the parameters of a view are read: the path, and the query string of a GET or the body of a POST. */
export function viewRequestSchemas(view: Pick<ViewDeclaration, 'path' | 'parameters'>): ViewSchemas {
  const inPath = pathParametersOf(view);
  const others = view.parameters.filter(({ name }) => !inPath.has(name));
  const members = (door: 'query' | 'body') =>
    Object.fromEntries(
      others.flatMap((parameter): [string, TSchema][] => {
        const [name, schema] = schemaOf(parameter, door);
        return [[name, parameter.isRequired === true ? schema : Type.Optional(schema)]];
      }),
    );
  return {
    params: Type.Object(
      Object.fromEntries(
        view.parameters
          .filter(({ name }) => inPath.has(name))
          .map((parameter) => [parameter.name, schemaOf(parameter, 'query')[1]]),
      ),
    ),
    querystring: Type.Object(members('query'), { additionalProperties: false }),
    body: Type.Object(members('body'), { additionalProperties: false }),
  };
}

function schemaOf(parameter: ViewParameter, door: 'query' | 'body'): [string, TSchema] {
  const { name, type, minimum, maximum, unit, default: value } = parameter;
  const description = `${parameter.description}${unit === undefined ? '' : ` (${unit})`}${value === undefined ? '' : `; \`${value}\` when absent`}`;
  switch (type) {
    case 'integer':
    case 'number': {
      const bounds = {
        description,
        ...(minimum === undefined ? {} : { minimum }),
        ...(maximum === undefined ? {} : { maximum }),
      };
      return [name, type === 'integer' ? Type.Integer(bounds) : Type.Number(bounds)];
    }
    case 'instant':
      return [name, instantText(description)];
    case 'granularity':
      return [name, oneOf(GRANULARITIES, { description })];
    case 'timeZone':
      return [name, Type.String({ minLength: 1, maxLength: 64, description })];
    case 'filters':
      return door === 'body'
        ? [name, Type.Array(QueryFilterSchema, { maxItems: FILTERS_MAX, description })]
        : [
            'filter',
            Type.Union([FilterTextSchema, Type.Array(FilterTextSchema, { maxItems: FILTERS_MAX })], {
              description,
            }),
          ];
    case 'metrics':
      return door === 'body'
        ? [name, Type.Array(Type.String({ maxLength: 128 }), { maxItems: METRICS_MAX, description })]
        : [name, Type.String({ maxLength: 2_048, description: `${description}; separated by commas` })];
    case 'string':
      return parameter.enum === undefined
        ? [name, Type.String({ minLength: 1, maxLength: TEXT_LENGTH_MAX, description })]
        : [name, oneOf(parameter.enum, { description })];
  }
}

/**
 * The parameters by name, from a query string: lists and filters are read from their texts.
 *
 * @throws invalid-query with every filter that cannot be read
 */
export function readViewQuery(
  { parameters }: Pick<ViewDeclaration, 'parameters'>,
  given: Readonly<Record<string, unknown>>,
): Record<string, ParameterValue> {
  const values = parameters.map(({ name, type }): [string, ParameterValue] => {
    if (type === 'filters') return [name, readFilters(given['filter'])];
    const value = given[name] as string | number | undefined;
    return [name, type === 'metrics' && value !== undefined ? String(value).split(',') : value];
  });
  return Object.fromEntries(values);
}

function readFilters(given: unknown): readonly FilterNode[] | undefined {
  return given === undefined ? undefined : parseFilterTexts([given].flat().map(String));
}
