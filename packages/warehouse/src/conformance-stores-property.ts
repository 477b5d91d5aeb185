import { describe, expect, it } from '@jest/globals';
import { DAY_MS, MINUTE_MS, tierBucketStartMs, TIERS } from '@tidemark/core';
import type { JsonValue, Tier } from '@tidemark/core';
import fc from 'fast-check';
import { foldStates } from './conformance-stores-fold.ts';
import type { FoldEvent, FoldState } from './conformance-stores-fold.ts';
import { NOON_MS, organizationId } from './conformance-stores-rows.ts';
import { aggregateRaw, LEVELS } from './conformance-stores-states.ts';
import type { ReadState } from './conformance-stores-states.ts';
import { createRollupWriter, MEASURES, TIMEOUT_MS } from './conformance-stores-writer.ts';
import type { Stores } from './conformance-stores-opened.ts';
import { QUANTILE_RELATIVE_ERROR } from './measure-sql.ts';

const WORLDS = 4;
/** Also the nights in which Europe changes its clocks: rollups know no zones. */
const INSTANTS_MS = [
  0,
  Date.UTC(2026, 2, 29, 0, 59, 59, 999),
  Date.UTC(2026, 2, 29, 1),
  Date.UTC(2026, 9, 25, 1),
  NOON_MS,
  NOON_MS + MINUTE_MS,
  NOON_MS + DAY_MS - 1,
  Date.UTC(2099, 11, 31, 23, 59, 59, 999),
];

const VALUE = fc.oneof(
  fc
    .tuple(fc.integer({ min: -9_999, max: 9_999 }), fc.integer({ min: 0, max: 999_999 }))
    .map(([whole, fraction]) => `${whole}.${fraction}`),
  fc.integer({ min: -1_000, max: 1_000 }),
  fc.constantFrom<JsonValue>(0.1, 0.2, 0.3, '1e-12', '0.000000000001', '999999999999999.999999999999', '-7'),
  fc.constantFrom<JsonValue>(null, true, '', 'seven', '-', '.', '1.2.3', '1e15', '1e400', 'NaN', { deep: 1 }),
  fc.constant(undefined),
);
const EVENT = fc.record({
  timeMs: fc.constantFrom(...INSTANTS_MS),
  nanos: fc.constantFrom(0, 1, 999_999),
  dimensions: fc.tuple(
    fc.constantFrom<JsonValue | undefined>('free', `o'b\\"`, 7, true, null, undefined),
    fc.constantFrom<JsonValue | undefined>('eu', '', undefined),
  ),
  value: VALUE,
});

function expectStates(read: readonly ReadState[], expected: readonly FoldState[], sketched: boolean): void {
  const byKey = (a: Pick<FoldState, 'bucketMs' | 'dimensions'>, b: typeof a) =>
    a.bucketMs - b.bucketMs || (JSON.stringify(a.dimensions) < JSON.stringify(b.dimensions) ? -1 : 1);
  const ordered = expected.toSorted(byKey);
  expect(read.toSorted(byKey).map(({ quantiles: _, ...state }) => state)).toEqual(
    ordered.map(({ values: _, ...state }) => state),
  );
  for (const [index, { quantiles }] of read.toSorted(byKey).entries()) {
    const values = sketched ? (ordered[index]?.values ?? []) : [];
    for (const [place, level] of LEVELS.entries()) expectQuantile(quantiles[place] ?? null, values, level);
  }
}

/** Within the promised error of one of the two neighbouring order statistics; null when there are none. */
function expectQuantile(quantile: number | null, values: readonly number[], level: number): void {
  if (values.length === 0) {
    expect(quantile).toBeNull();
    return;
  }
  const rank = level * (values.length - 1);
  const near = [values[Math.floor(rank)], values[Math.ceil(rank)]].map(Number);
  const slack = near.map((value) => Math.abs(value) * QUANTILE_RELATIVE_ERROR * (1 + 1e-9));
  expect(quantile).toBeGreaterThanOrEqual((near[0] ?? 0) - (slack[0] ?? 0));
  expect(quantile).toBeLessThanOrEqual((near[1] ?? 0) + (slack[1] ?? 0));
}

export function describeRollupFold(current: () => Stores): void {
  const { store, recompute, rollupOf } = createRollupWriter(current);

  describe('rollups of any events', () => {
    it(
      'hold what a fold over the events holds, in every tier, also after late events',
      async () => {
        await fc.assert(
          fc.asyncProperty(
            fc.array(EVENT, { minLength: 1, maxLength: 40 }),
            fc.array(EVENT, { maxLength: 8 }),
            fc.nat({ max: 2 }),
            async (drafts, lateDrafts, turn) => {
              const organization = organizationId();
              const events = [...drafts, ...lateDrafts].map((draft, index) => ({
                ...draft,
                id: `e${index}`,
              }));
              const early = events.slice(0, drafts.length);
              const late = events.slice(drafts.length);
              const startsOf = (tier: Tier, some: readonly FoldEvent[]) => [
                ...new Set(some.map(({ timeMs }) => tierBucketStartMs(tier, timeMs))),
              ];
              const tiers = [...TIERS.slice(turn), ...TIERS.slice(0, turn)];
              await store(organization, early);
              for (const tier of tiers)
                await recompute(organization, { tier, bucketStartsMs: startsOf(tier, early) });
              await store(organization, late);
              for (const tier of tiers)
                await recompute(organization, { tier, bucketStartsMs: startsOf(tier, late) });
              for (const tier of TIERS) {
                const buckets = { tier, bucketStartsMs: startsOf(tier, events), measures: MEASURES };
                const compared = { organization, ...buckets, timeoutMs: TIMEOUT_MS };
                expect(await current().rollups.compare(compared)).toEqual([]);
                for (const measure of MEASURES) {
                  const read = await rollupOf({ organization, measure, tier });
                  expectStates(read, foldStates(events, tier, measure.valueKind), measure.quantileSketch);
                  if (tier !== '1m') continue;
                  expect(read).toEqual(
                    await aggregateRaw(current().warehouse, { organization, measure, tier }),
                  );
                }
              }
            },
          ),
          { numRuns: WORLDS },
        );
      },
      WORLDS * TIMEOUT_MS,
    );
  });
}
