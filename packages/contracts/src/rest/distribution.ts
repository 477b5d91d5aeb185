/** `POST /api/v1/query/distribution`. */
import Type from 'typebox';
import { QueryRequestSchema } from './query.ts';
import { nullable } from './shapes.ts';

const { from, to, timeZone, weekStart, filters, groupBy, limit } = QueryRequestSchema.properties;

export const DistributionRequestSchema = Type.Object(
  {
    metric: Type.String({
      minLength: 1,
      maxLength: 128,
      description:
        'One that reads a number of events or of subjects (a sum, an average, an extreme, a percentile, a time elapsed)',
    }),
    from,
    to,
    timeZone,
    weekStart,
    filters,
    bounds: Type.Optional(
      Type.Array(Type.Number(), { minItems: 1, maxItems: 200, description: 'Between the bins; ascending' }),
    ),
    bins: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 200,
        description:
          'In place of bounds: so many bins of equal width from the least to the greatest value; 10 when neither is given',
      }),
    ),
    groupBy,
    limit,
  },
  { title: 'DistributionRequest', additionalProperties: false },
);

const BinSchema = Type.Object(
  {
    from: nullable(Type.Number()),
    to: nullable(Type.Number()),
    count: Type.Integer({ minimum: 0 }),
    share: Type.Union([Type.Number(), Type.Null()], { description: 'Of the values of the group, 0 to 1' }),
  },
  { title: 'Bin' },
);

export const DistributionAnswerSchema = Type.Object(
  {
    metric: Type.String(),
    from: Type.String({ format: 'date-time' }),
    to: Type.String({ format: 'date-time' }),
    timeZone: Type.String(),
    completeThrough: nullable(Type.String({ format: 'date-time' })),
    groups: Type.Array(
      Type.Object({
        dimensions: Type.Record(Type.String(), nullable(Type.String())),
        count: Type.Integer({ minimum: 0, description: 'Values of the group' }),
        bins: Type.Array(BinSchema, {
          description:
            'Half-open [from, to), null: unbounded on that side. The last of equal width holds the greatest value too',
        }),
      }),
      { description: 'Those with the most values first' },
    ),
    groupsOmitted: Type.Integer({ minimum: 0, description: 'Groups that are not shown' }),
  },
  { title: 'DistributionAnswer' },
);
