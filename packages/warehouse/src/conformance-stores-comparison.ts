/** Planted faults: what does not agree with raw must be found, and what agrees must not be. */
import { describe, expect, it } from '@jest/globals';
import { DAY_MS, MINUTE_MS, TIERS, TIER_WIDTH_MS } from '@tidemark/core';
import type { Measure, OrganizationId, Tier } from '@tidemark/core';
import { measureOf, newToken, NOON_MS, organizationId, unique } from './conformance-stores-rows.ts';
import { eventBatch, eventRow } from './conformance-stores-rows.ts';
import { COUNTS, createRollupWriter, MEASURES, TIMEOUT_MS } from './conformance-stores-writer.ts';
import type { Stores } from './conformance-stores-opened.ts';
import { ROLLUP_TABLE, STATE_COLUMNS } from './measure-sql.ts';
import { measuresByStatement } from './rollup-statements.ts';
import { DIFFERENCES_SHOWN_MAX } from './rollups.ts';

const range = (length: number) => Array.from({ length }, (_, index) => index);
const QUANTILES = MEASURES[1] ?? COUNTS;
const TEXTS = MEASURES[3] ?? COUNTS;

export function describeComparison(current: () => Stores): void {
  const { store, eventAt, recompute, rollupOf } = createRollupWriter(current);
  const compare = (
    organization: OrganizationId,
    options: { bucketStartsMs?: readonly number[]; tier?: Tier; measures?: readonly Measure[] } = {},
  ) =>
    current().rollups.compare({
      organization,
      tier: '1m',
      bucketStartsMs: [NOON_MS],
      measures: MEASURES,
      timeoutMs: TIMEOUT_MS,
      ...options,
    });
  /** Rollup rows of the organization under a new version, with some columns changed. */
  const rewrite = (
    organization: OrganizationId,
    changes: Readonly<Record<string, string>>,
    tier: Tier = '1m',
  ) => {
    const columns = ['organization', 'measure', 'bucket', 'dimensions', ...STATE_COLUMNS];
    const values = columns.map((column) => changes[column] ?? column);
    return current().warehouse.command({
      sql: `INSERT INTO ${ROLLUP_TABLE[tier]} (${columns.join(', ')}, version)
            SELECT ${values.join(', ')}, version + 1 FROM ${ROLLUP_TABLE[tier]} FINAL
            WHERE organization = {organization:String} AND ${changes['where'] ?? 'true'}`,
      parameters: { organization },
    });
  };
  /** Two events of one combination and one of another, rolled up. */
  const agreed = async () => {
    const organization = organizationId();
    await store(organization, [
      eventAt(NOON_MS, { value: '1.5', id: 'a' }),
      eventAt(NOON_MS + 1, { value: '2.5', id: 'b' }),
      eventAt(NOON_MS + 2, { value: '4', id: 'c', dimensions: ['paid', 'us'] }),
    ]);
    await recompute(organization, { bucketStartsMs: [NOON_MS] });
    expect(await compare(organization)).toEqual([]);
    return organization;
  };
  const found = async (organization: OrganizationId, measure: Measure) =>
    (await compare(organization)).filter((difference) => difference.measure === measure.fingerprint);

  describe('comparison of rollups with raw', () => {
    it('finds an event that is in raw twice', async () => {
      const organization = await agreed();
      await store(organization, [eventAt(NOON_MS, { value: '1.5', id: 'a' })]);
      const place = { bucketStartMs: NOON_MS, dimensions: ['free', 'eu'] };
      expect(await found(organization, COUNTS)).toEqual([
        {
          ...place,
          measure: COUNTS.fingerprint,
          columns: ['events'],
          raw: '{"events":"3"}',
          rollup: '{"events":"2"}',
        },
      ]);
      const [difference] = await found(organization, QUANTILES);
      expect(difference).toMatchObject({
        ...place,
        columns: ['events', 'value_count', 'value_sum'],
      });
      expect(JSON.parse(difference?.raw ?? '')).toMatchObject({
        events: '3',
        value_count: '3',
        value_sum: '5.5',
      });
      expect(JSON.parse(difference?.rollup ?? '')).toMatchObject({
        events: '2',
        value_count: '2',
        value_sum: '4',
      });
      await recompute(organization, { bucketStartsMs: [NOON_MS] });
      expect(await compare(organization)).toEqual([]);
    });

    it('finds what only raw has, and what only rollups have', async () => {
      const organization = await agreed();
      await store(organization, [eventAt(NOON_MS, { dimensions: ['new', 'eu'] })]);
      expect(await found(organization, COUNTS)).toEqual([
        {
          measure: COUNTS.fingerprint,
          bucketStartMs: NOON_MS,
          dimensions: ['new', 'eu'],
          columns: ['events'],
          raw: '{"events":"1"}',
          rollup: '',
        },
      ]);
      const other = await agreed();
      await rewrite(other, { dimensions: `['gone', '']`, where: `dimensions[1] = 'paid'` });
      expect(await found(other, COUNTS)).toEqual([
        {
          measure: COUNTS.fingerprint,
          bucketStartMs: NOON_MS,
          dimensions: ['gone', ''],
          columns: ['events'],
          raw: '',
          rollup: '{"events":"1"}',
        },
      ]);
    });

    it('finds all rollups of a bucket whose events are gone, also of types that raw no longer has', async () => {
      const organization = await agreed();
      await current().warehouse.command({
        sql: 'DELETE FROM events WHERE organization = {organization:String}',
        parameters: { organization },
      });
      const differences = await compare(organization);
      expect(differences).toHaveLength(2 * MEASURES.length);
      expect(new Set(differences.map(({ raw }) => raw))).toEqual(new Set(['']));
    });

    it.each([
      ['value_count', 'value_count + 1', 8],
      ['value_sum', `value_sum + toDecimal128('0.000000000001', 12)`, 8],
      ['value_min', `value_min - toDecimal128('0.000000000001', 12)`, 4],
      ['value_min', 'NULL', 4],
      ['value_max', `value_max + toDecimal128('0.000000000001', 12)`, 4],
      ['value_last', 'value_min - 1', 4],
      ['last_time', 'last_time + toIntervalNanosecond(1)', 8],
      ['last_id', `concat(last_id, 'x')`, 8],
      ['quantile_state', `arrayReduce('quantilesDDState(0.01, 0.5)', [toFloat64(1e12), 7e12])`, 8],
      ['unique_state', `arrayReduce('uniqCombined64State(16)', ['x', 'y', 'z', 'w'])`, 8],
    ])('finds a moved %s (%s), and nothing else', async (column, value, rows) => {
      const organization = await agreed();
      await rewrite(organization, { [column]: value });
      const differences = await compare(organization);
      expect(new Set(differences.flatMap(({ columns }) => columns))).toEqual(new Set([column]));
      expect(differences).toHaveLength(rows);
    });

    it('looks at the buckets, measures and organization asked for alone', async () => {
      const [organization, other] = [await agreed(), await agreed()];
      await rewrite(organization, { events: 'events + 1' });
      expect(await compare(other)).toEqual([]);
      expect(
        await compare(organization, { bucketStartsMs: [NOON_MS + MINUTE_MS, NOON_MS - MINUTE_MS] }),
      ).toEqual([]);
      expect(await compare(organization, { measures: [TEXTS] })).toHaveLength(2);
      expect(await compare(organization, { measures: [] })).toEqual([]);
      expect(await compare(organization, { bucketStartsMs: [] })).toEqual([]);
      expect(await compare(organization, { measures: [measureOf({ aggregation: 'count' })] })).toHaveLength(
        1,
      );
    });

    it('agrees on values at one instant under one id, in whatever order they came', async () => {
      const organization = organizationId();
      const rows = range(60).map((offset) =>
        eventRow({
          organization,
          offset,
          id: 'same',
          source: `s${offset}`,
          dataText: `{"amount":${offset % 20}}`,
        }),
      );
      for (const some of [rows.slice(30), rows.slice(0, 10), rows.slice(10, 30)]) {
        await current().events.insert(eventBatch(some), newToken());
      }
      await recompute(organization, { bucketStartsMs: [NOON_MS] });
      await current().warehouse.command({ sql: 'OPTIMIZE TABLE events FINAL' });
      expect(await compare(organization)).toEqual([]);
      expect(await rollupOf({ organization, measure: QUANTILES })).toMatchObject([{ last: '19' }]);
    });

    it('agrees on sketches of many values, made in other orders and of other parts', async () => {
      const organization = organizationId();
      const rows = range(30_000).map((index) => {
        const value = ((index * 7_919) % 30_011) / 8 - 1_000;
        return eventAt(NOON_MS + (index % 1_000), { value, id: `e${index}`, dimensions: ['a', 'b'] });
      });
      for (const start of [20_000, 0, 10_000]) await store(organization, rows.slice(start, start + 10_000));
      await recompute(organization, { bucketStartsMs: [NOON_MS] });
      await current().warehouse.command({ sql: 'OPTIMIZE TABLE events FINAL' });
      expect(await compare(organization)).toEqual([]);
      await store(organization, [eventAt(NOON_MS, { value: '123456.5', dimensions: ['a', 'b'] })]);
      expect((await found(organization, TEXTS))[0]?.columns).toEqual([
        'events',
        'value_count',
        'unique_state',
      ]);
    }, 60_000);

    it('shows a bounded number of differences, over all statements', async () => {
      const organization = organizationId();
      const plans = range(DIFFERENCES_SHOWN_MAX / 2 + 50);
      await store(
        organization,
        plans.map((plan) => eventAt(NOON_MS, { dimensions: [`p${plan}`, 'eu'] })),
      );
      expect(await compare(organization, { measures: [COUNTS] })).toHaveLength(plans.length);
      expect(await compare(organization, { measures: MEASURES })).toHaveLength(DIFFERENCES_SHOWN_MAX);
      const many = range(150).map((index) =>
        measureOf({
          aggregation: 'sum',
          value: 'data.x',
          filters: [{ field: 'data.x', op: 'eq', value: index }],
        }),
      );
      const last = measureOf({ aggregation: 'count', dimensions: { plan: 'data.plan' } });
      const measures = [COUNTS, ...many, last];
      const selection = { organization, tier: '1m', bucketStartsMs: [NOON_MS], measures } as const;
      expect(measuresByStatement(selection).length).toBeGreaterThan(1);
      const differences = await compare(organization, { measures });
      expect(differences).toHaveLength(DIFFERENCES_SHOWN_MAX);
      expect(new Set(differences.map(({ measure }) => measure)).size).toBe(2);
    });
  });

  describe('combinations that raw no longer has', () => {
    /** Retention, an erased subject, a repaired double: raw shrinks behind the rollup's back. */
    const forget = (organization: OrganizationId, where: string) =>
      current().warehouse.command({
        sql: `DELETE FROM events WHERE organization = {organization:String} AND ${where}`,
        parameters: { organization },
      });

    it('vanish when their bucket is made again, and only they', async () => {
      const organization = await agreed();
      await forget(organization, `id = 'c'`);
      expect(await compare(organization)).toHaveLength(MEASURES.length);
      await recompute(organization, { bucketStartsMs: [NOON_MS] });
      expect(await compare(organization)).toEqual([]);
      for (const measure of MEASURES) {
        expect(await rollupOf({ organization, measure })).toMatchObject([
          { dimensions: ['free', 'eu'], events: 2 },
        ]);
      }
    });

    it('vanish with the last event of their types, in every tier, and come back with the next', async () => {
      const organization = await agreed();
      const starts = (tier: Tier) => [NOON_MS - (NOON_MS % TIER_WIDTH_MS[tier])];
      for (const tier of TIERS) await recompute(organization, { tier, bucketStartsMs: starts(tier) });
      await forget(organization, 'true');
      for (const tier of TIERS) {
        expect(await recompute(organization, { tier, bucketStartsMs: starts(tier) })).toBe(0);
        expect(await rollupOf({ organization, tier })).toEqual([]);
        expect(await current().rollups.bucketsWithin(organization, tier, 0, NOON_MS + DAY_MS)).toEqual([]);
        expect(await compare(organization, { tier, bucketStartsMs: starts(tier) })).toEqual([]);
      }
      await store(organization, [eventAt(NOON_MS, { dimensions: ['paid', 'us'] })]);
      for (const tier of TIERS) {
        await recompute(organization, { tier, bucketStartsMs: starts(tier) });
        expect(await rollupOf({ organization, tier })).toMatchObject([
          { dimensions: ['paid', 'us'], events: 1 },
        ]);
      }
    });

    it('stay in buckets, measures and organizations that are not made again', async () => {
      const [organization, other] = [await agreed(), await agreed()];
      await store(organization, [eventAt(NOON_MS + MINUTE_MS)]);
      await recompute(organization, { bucketStartsMs: [NOON_MS + MINUTE_MS] });
      await forget(organization, 'true');
      await recompute(organization, { bucketStartsMs: [NOON_MS], measures: [COUNTS] });
      expect((await rollupOf({ organization })).map(({ bucketMs }) => bucketMs)).toEqual([
        NOON_MS + MINUTE_MS,
      ]);
      expect(await rollupOf({ organization, measure: TEXTS })).toHaveLength(3);
      expect(await rollupOf({ organization: other })).toHaveLength(2);
    });

    it('are not emptied by a smaller version', async () => {
      const organization = organizationId();
      await store(organization, [eventAt(NOON_MS)]);
      await recompute(organization, { version: 10, bucketStartsMs: [NOON_MS] });
      await forget(organization, 'true');
      await recompute(organization, { version: 9, bucketStartsMs: [NOON_MS] });
      expect(await rollupOf({ organization })).toMatchObject([{ events: 1 }]);
      await recompute(organization, { version: 11, bucketStartsMs: [NOON_MS] });
      expect(await rollupOf({ organization })).toEqual([]);
      const rows = () =>
        current().warehouse.query({
          sql: 'SELECT toUInt32(max(version)) AS greatest, toUInt32(countIf(version = 12)) AS written FROM rollup_1m WHERE organization = {organization:String}',
          parameters: { organization },
        });
      // What has vanished is not written again.
      await recompute(organization, { version: 12, bucketStartsMs: [NOON_MS] });
      expect(await rows()).toEqual([{ greatest: 11, written: 0 }]);
    });
  });

  describe('buckets with rollups', () => {
    it('are named once, ascending, of one organization, tier and range', async () => {
      const [organization, other] = [organizationId(), organizationId()];
      const minutes = [-2, 0, 1, 5].map((minute) => NOON_MS + minute * MINUTE_MS);
      await store(
        organization,
        minutes.map((ms) => eventAt(ms)),
      );
      await store(other, [eventAt(NOON_MS + 2 * MINUTE_MS)]);
      await recompute(organization, { bucketStartsMs: minutes, version: unique() });
      await recompute(other, { bucketStartsMs: [NOON_MS + 2 * MINUTE_MS] });
      const within = (fromMs: number, toMs: number, tier: Tier = '1m') =>
        current().rollups.bucketsWithin(organization, tier, fromMs, toMs);
      expect(await within(0, NOON_MS + DAY_MS)).toEqual(minutes);
      expect(await within(NOON_MS, NOON_MS + 5 * MINUTE_MS)).toEqual(minutes.slice(1, 3));
      expect(await within(NOON_MS + 1, NOON_MS + 5 * MINUTE_MS + 1)).toEqual(minutes.slice(2));
      expect(await within(0, NOON_MS + DAY_MS, '15m')).toEqual([]);
    });
  });
}
