import { describe, expect, it } from '@jest/globals';
import { MINUTE_MS } from '@tidemark/core';
import type { FieldCondition } from '@tidemark/core';
import {
  eventBatch,
  eventRow,
  measureOf,
  newToken,
  NOON_MS,
  organizationId,
  TYPE,
} from './conformance-stores-rows.ts';
import { aggregateRaw } from './conformance-stores-states.ts';
import { COUNTS, createRollupWriter, MEASURES, SUMS, TIMEOUT_MS } from './conformance-stores-writer.ts';
import type { Stores } from './conformance-stores-opened.ts';
import { measuresByStatement } from './rollup-statements.ts';

const range = (length: number) => Array.from({ length }, (_, index) => index);

export function describeRollupStore(current: () => Stores): void {
  const { store, eventAt, recompute, rollupOf } = createRollupWriter(current);

  describe('rollups', () => {
    it('are the same after being made again', async () => {
      const organization = organizationId();
      await store(organization, [eventAt(NOON_MS, { value: '1.5' }), eventAt(NOON_MS + 1, { value: '2' })]);
      for (const version of [7, 7, 8]) await recompute(organization, { version, bucketStartsMs: [NOON_MS] });
      const [measure] = MEASURES.slice(1);
      expect(await rollupOf({ organization, ...(measure === undefined ? {} : { measure }) })).toMatchObject([
        { events: 2, valueCount: 2, sum: '3.5', last: '2' },
      ]);
    });

    it.each([
      ['the greater version last', [5, 10], 2],
      ['the greater version first', [10, 5], 1],
    ])('stand with the greatest version: %s', async (_, versions, expected) => {
      const organization = organizationId();
      for (const version of versions) {
        await store(organization, [eventAt(NOON_MS)]);
        await recompute(organization, { version, bucketStartsMs: [NOON_MS] });
      }
      expect(await rollupOf({ organization })).toMatchObject([{ events: expected }]);
    });

    it('take versions beyond 2^53', async () => {
      const organization = organizationId();
      for (const version of [2n ** 63n, 2n ** 63n - 1n]) {
        await store(organization, [eventAt(NOON_MS)]);
        await current().rollups.recompute({
          organization,
          tier: '1m',
          bucketStartsMs: [NOON_MS],
          measures: MEASURES,
          version,
          timeoutMs: TIMEOUT_MS,
        });
      }
      expect(await rollupOf({ organization })).toMatchObject([{ events: 1 }]);
    });

    it('never hold what another organization sent', async () => {
      const organizations = range(3).map(() => organizationId());
      for (const [index, organization] of organizations.entries()) {
        await store(
          organization,
          range(index + 1).map(() => eventAt(NOON_MS, { value: 10 ** index })),
        );
      }
      for (const organization of organizations) {
        await recompute(organization, { bucketStartsMs: [NOON_MS], measures: [COUNTS, SUMS] });
      }
      for (const [index, organization] of organizations.entries()) {
        expect(await rollupOf({ organization })).toMatchObject([{ events: index + 1 }]);
        const sum = String((index + 1) * 10 ** index);
        expect(await rollupOf({ organization, measure: SUMS })).toMatchObject([{ sum }]);
      }
      expect(await rollupOf({ organization: organizationId() })).toEqual([]);
    });

    it('are made of the buckets asked for and no others', async () => {
      const organization = organizationId();
      const minutes = range(10).map((index) => NOON_MS + index * MINUTE_MS);
      await store(
        organization,
        minutes.flatMap((ms) => [eventAt(ms), eventAt(ms + MINUTE_MS - 1)]),
      );
      const asked = minutes.filter((_, index) => [0, 1, 4, 9].includes(index));
      await recompute(organization, { bucketStartsMs: [...asked.toReversed(), NOON_MS] });
      expect((await rollupOf({ organization })).map(({ bucketMs, events }) => [bucketMs, events])).toEqual(
        asked.map((ms) => [ms, 2]),
      );
    });

    it('refuse what is not the start of a bucket', async () => {
      const organization = organizationId();
      await expect(recompute(organization, { bucketStartsMs: [NOON_MS + 1] })).rejects.toThrow(
        /Assertion failed/,
      );
    });

    it('may spread over more than a hundred partitions at once', async () => {
      const organization = organizationId();
      const months = range(150).map((month) => Date.UTC(2000, month, 3));
      const years = range(130).map((year) => Date.UTC(1970 + year, 5, 1));
      await store(
        organization,
        [...months, ...years].map((ms) => eventAt(ms)),
      );
      await recompute(organization, { bucketStartsMs: months });
      expect(await rollupOf({ organization })).toHaveLength(months.length);
      await recompute(organization, { tier: '1d', bucketStartsMs: years });
      expect(await rollupOf({ organization, tier: '1d' })).toHaveLength(years.length);
    });

    it('are made of measures whose events are there, however many are declared', async () => {
      const organization = organizationId();
      await store(organization, [eventAt(NOON_MS, { value: 5 })]);
      const measures = range(150).map((index) =>
        measureOf({
          aggregation: 'sum',
          value: 'data.amount',
          filters: [{ field: 'data.amount', op: 'lt', value: index }],
        }),
      );
      const selection = { organization, tier: '1m', bucketStartsMs: [NOON_MS], measures } as const;
      expect(measuresByStatement(selection).length).toBeGreaterThan(1);
      const strange = measureOf({ aggregation: 'count', eventTypes: ['other.happened'] });
      const bucketStartsMs = [NOON_MS];
      expect(await recompute(organization, { bucketStartsMs, measures: [strange, ...measures] })).toBe(
        measures.length,
      );
      for (const index of [5, 6, measures.length - 1]) {
        const measure = measures[index];
        if (measure === undefined) throw new Error('the measure is declared');
        expect(await rollupOf({ organization, measure })).toHaveLength(index > 5 ? 1 : 0);
      }
      expect(await recompute(organization, { bucketStartsMs, measures: [strange] })).toBe(0);
      expect(await recompute(organization, { bucketStartsMs: [] })).toBe(0);
    });

    it('would have a row for each combination of rolled-up dimensions that raw has', async () => {
      const organization = organizationId();
      const dimensions = { plan: 'data.plan' } as const;
      await store(organization, [
        eventAt(NOON_MS, { value: '1', dimensions: ['free', ''] }),
        eventAt(NOON_MS + 1, { value: '2', dimensions: ['free', ''] }),
        eventAt(NOON_MS + MINUTE_MS, { value: '3', dimensions: ['paid', ''] }),
      ]);
      const combinationsOf = (measure: ReturnType<typeof measureOf>) =>
        current().rollups.combinationsOf(organization, measure);
      expect(await combinationsOf(measureOf({ aggregation: 'count', dimensions }))).toBe(2);
      expect(await combinationsOf(measureOf({ aggregation: 'count' }))).toBe(1);
      const paid: FieldCondition[] = [{ field: 'data.plan', op: 'eq', value: 'paid' }];
      expect(await combinationsOf(measureOf({ aggregation: 'count', dimensions, filters: paid }))).toBe(1);
      const none = measureOf({ aggregation: 'count', dimensions, eventTypes: ['never.happened'] });
      expect(await combinationsOf(none)).toBe(0);
    });

    it('are the same whatever measures are made with them', async () => {
      const organization = organizationId();
      const dimensions = { plan: 'data.plan' } as const;
      const filters = (value: string): FieldCondition[] => [{ field: 'data.plan', op: 'eq', value }];
      const together = [
        measureOf({ aggregation: 'quantile', value: 'data.amount', dimensions }),
        measureOf({ aggregation: 'last', value: 'data.amount', dimensions, filters: filters('free') }),
        measureOf({ aggregation: 'last', value: 'data.amount', dimensions, filters: filters('paid') }),
        measureOf({ aggregation: 'unique', value: 'data.amount', dimensions, filters: filters('paid') }),
        measureOf({ aggregation: 'count', dimensions, filters: filters('paid') }),
        measureOf({ aggregation: 'count', dimensions, filters: filters('nobody') }),
        measureOf({ aggregation: 'sum', value: 'data.amount', filters: filters('free') }),
      ];
      await store(organization, [
        eventAt(NOON_MS, { value: '1.5', dimensions: ['free', ''] }),
        eventAt(NOON_MS + 1, { value: '2.5', dimensions: ['free', ''] }),
        eventAt(NOON_MS + 2, { value: '-4', dimensions: ['paid', ''] }),
        eventAt(NOON_MS + 3, { value: 'none', dimensions: ['paid', ''] }),
        eventAt(NOON_MS + 4, { value: 'none', dimensions: ['gone', ''] }),
      ]);
      await recompute(organization, { bucketStartsMs: [NOON_MS], measures: together });
      const shown: [number, string, string | null][][] = [];
      for (const measure of together) {
        const rows = await rollupOf({ organization, measure });
        expect(rows).toEqual(await aggregateRaw(current().warehouse, { organization, measure, tier: '1m' }));
        shown.push(rows.map(({ dimensions: [plan = ''], events, last }) => [events, plan, last]));
      }
      expect(shown).toEqual([
        [
          [2, 'free', '2.5'],
          [1, 'gone', null],
          [2, 'paid', '-4'],
        ],
        [[2, 'free', '2.5']],
        [[2, 'paid', '-4']],
        [[2, 'paid', null]],
        [[2, 'paid', null]],
        [],
        [[2, '', '2.5']],
      ]);
    });

    it('count each event of several types once', async () => {
      const organization = organizationId();
      const row = (offset: number, type: string) => eventRow({ organization, offset, type });
      await current().events.insert(
        eventBatch([row(0, TYPE), row(1, 'other.happened'), row(2, 'third.happened')]),
        newToken(),
      );
      const measure = measureOf({
        aggregation: 'count',
        eventTypes: [TYPE, 'other.happened'],
        dimensions: { type: 'type', source: 'source', subject: 'subject' },
      });
      await recompute(organization, { bucketStartsMs: [NOON_MS], measures: [measure] });
      expect(
        (await rollupOf({ organization, measure })).map(({ dimensions, events }) => [dimensions, events]),
      ).toEqual([
        [['tests', '', 'other.happened'], 1],
        [['tests', '', TYPE], 1],
      ]);
    });
  });
}
