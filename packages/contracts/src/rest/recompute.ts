/** `/api/v1/analytics/aggregate` and `/api/v1/analytics/verify`: rollups made again, and held to raw. */
import { TIERS } from '@tidemark/core';
import Type, { type Static } from 'typebox';
import { Count, countOf, FROM_TEXT, Instant, oneOf, TO_TEXT } from './shapes.ts';

/** Days of event time that one call marks. */
export const REBUILD_DAYS_MAX = 400;
/** Hours of event time that one call compares. */
export const VERIFY_HOURS_MAX = 24;

export const RebuildRequestSchema = Type.Object(
  {
    from: FROM_TEXT,
    to: TO_TEXT,
    metrics: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 128 }), {
        minItems: 1,
        maxItems: 20,
        description: 'Only buckets with events that feed these metrics',
      }),
    ),
  },
  { title: 'RebuildRequest', additionalProperties: false },
);
export type RebuildRequest = Static<typeof RebuildRequestSchema>;

export const RebuildStartedSchema = Type.Object(
  { buckets: countOf('Marked, over all tiers'), from: Instant, to: Instant },
  { title: 'RebuildStarted' },
);

export const RebuildParametersSchema = Type.Object(
  { from: FROM_TEXT, to: TO_TEXT },
  { title: 'RebuildParameters', additionalProperties: false },
);

export const RebuildProgressSchema = Type.Object(
  {
    dirtyBuckets: countOf(
      'Closed buckets that touch the range and wait for their rollup. Open ones are not counted: they are answered from raw anyway',
    ),
    closedThrough: Type.Union([Instant, Type.Null()], {
      description: 'Buckets that end by then are closed; null before everything has reported once',
    }),
  },
  { title: 'RebuildProgress' },
);

const TierSchema = oneOf(TIERS);

export const VerifyRequestSchema = Type.Object(
  {
    from: FROM_TEXT,
    to: TO_TEXT,
    tiers: Type.Optional(
      Type.Array(TierSchema, { minItems: 1, maxItems: TIERS.length, description: 'All when absent' }),
    ),
    duplicates: Type.Optional(
      Type.Boolean({ description: 'false: events that are there twice are not looked for' }),
    ),
  },
  { title: 'VerifyRequest', additionalProperties: false },
);
export type VerifyRequest = Static<typeof VerifyRequestSchema>;

export const VerifiedSchema = Type.Object(
  {
    from: Instant,
    to: Instant,
    checkedBuckets: Count,
    skippedDirty: countOf('Buckets that wait for their rollup: answered from raw, nothing to compare'),
    differences: Type.Array(
      Type.Object({
        tier: TierSchema,
        bucket: Instant,
        metrics: Type.Array(Type.String(), { description: 'Those that read what differs' }),
        measure: Type.String(),
        dimensions: Type.Array(Type.String()),
        columns: Type.Array(Type.String(), { description: 'What differs' }),
        raw: Type.String(),
        rollup: Type.String(),
      }),
    ),
    isTruncated: Type.Boolean({
      description:
        'Some tier has more differences than are told: not all of its buckets were compared. Ask for less of the range',
    }),
    notCompared: Type.Array(Type.Object({ tier: TierSchema, code: Type.String(), detail: Type.String() }), {
      description: 'Tiers whose comparison takes too much at once: ask for less of the range',
    }),
    duplicates: Type.Array(
      Type.Object({ source: Type.String(), id: Type.String(), copies: Type.Integer({ minimum: 2 }) }),
      {
        description:
          'Events that are in raw more than once, of those that ARRIVED in the range; at most 1,000',
      },
    ),
    duplicatesSearchedThrough: Type.String({
      format: 'date-time',
      description: '`to`; earlier when so much arrived that what arrived behind it was not searched',
    }),
    duplicatesParts: countOf(
      'Parts of the range searched one by one, for what has arrived is much: copies in two of them are not found. 1: none is missing',
    ),
  },
  { title: 'Verified' },
);
export type Verified = Static<typeof VerifiedSchema>;
