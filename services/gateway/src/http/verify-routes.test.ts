import { afterEach, describe, expect, it } from '@jest/globals';
import { AppError, DAY_MS, HOUR_MS } from '@tidemark/core';
import type { Tier } from '@tidemark/core';
import { DIFFERENCES_SHOWN_MAX } from '@tidemark/warehouse';
import type { CopiedEvent, RollupDifference } from '@tidemark/warehouse';
import { DEFAULT_ORGANIZATION } from '../app/bootstrap.ts';
import { callAs } from '../test-calls.ts';
import { holding } from '../test-stores.ts';
import { createTestGateway, NOW_MS } from '../testing.ts';
import type { TestGateway, TestGatewayOptions } from '../testing.ts';

const VERIFY = '/api/v1/analytics/verify';
const DAY = Date.UTC(2026, 0, 10);
const iso = (ms: number) => new Date(ms).toISOString();

const opened: TestGateway[] = [];
afterEach(async () => {
  for (const gateway of opened.splice(0)) await gateway.app.close();
});

async function open(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const gateway = await createTestGateway(options);
  opened.push(gateway);
  return gateway;
}

describe('verify', () => {
  const range = { from: '2026-01-10', to: '2026-01-11' };

  it('finds what differs and what is there twice, of the own organization', async () => {
    const options = holding([DAY], { '1m': [DAY], '15m': [DAY], '1d': [DAY] });
    const compared: Tier[] = [];
    const identity = { identity: '1', content: '1', source: '/shop', copies: 2 };
    const gateway = await open({
      ...options,
      events: {
        ...options.events,
        duplicatesWithin: async (organization, fromMs, toMs) => {
          expect([organization, fromMs, toMs]).toEqual([DEFAULT_ORGANIZATION, DAY, DAY + DAY_MS]);
          return [{ ...identity, organization: DEFAULT_ORGANIZATION, id: 'ours' }];
        },
      },
      rollups: {
        ...options.rollups,
        compare: async ({ tier, measures, bucketStartsMs }) => {
          compared.push(tier);
          const difference: RollupDifference = {
            measure: measures[0]?.fingerprint ?? '',
            bucketStartMs: bucketStartsMs[0] ?? 0,
            dimensions: ['gold'],
            columns: ['events'],
            raw: '3',
            rollup: '2',
          };
          return tier === '15m' ? [difference] : [];
        },
      },
    });
    const { status, body } = await callAs(gateway, VERIFY, { body: range });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      ...{ from: iso(DAY), to: iso(DAY + DAY_MS), checkedBuckets: 3, skippedDirty: 0 },
      differences: [
        {
          tier: '15m',
          bucket: iso(DAY),
          metrics: ['shop.orders', 'shop.secret_orders'],
          dimensions: ['gold'],
          columns: ['events'],
          raw: '3',
          rollup: '2',
        },
      ],
      isTruncated: false,
      notCompared: [],
      duplicates: [{ source: '/shop', id: 'ours', copies: 2 }],
      duplicatesSearchedThrough: iso(DAY + DAY_MS),
      duplicatesParts: 1,
    });
    // What differs is looked at twice.
    expect(compared).toEqual(['1m', '15m', '15m', '1d']);
    compared.length = 0;
    await callAs(gateway, VERIFY, { body: { ...range, tiers: ['1d', '1d'] } });
    expect(compared).toEqual(['1d']);
  });

  it('leaves out what waits for its rollup', async () => {
    const options = holding([DAY], { '1m': [DAY], '15m': [DAY], '1d': [DAY] });
    const gateway = await open(options);
    await gateway.marks.markDirtyNow(
      [{ tier: '1m', organization: DEFAULT_ORGANIZATION, bucketStartMs: DAY }],
      NOW_MS,
    );
    expect((await callAs(gateway, VERIFY, { body: range })).body).toMatchObject({
      checkedBuckets: 2,
      skippedDirty: 1,
      differences: [],
    });
  });

  it('searches for copies in parts when much has arrived, and says so', async () => {
    const asked: number[] = [];
    const gateway = await open({
      events: {
        duplicatesWithin: async (organization, fromMs, toMs) => {
          asked.push((toMs - fromMs) / HOUR_MS);
          if (toMs - fromMs > 6 * HOUR_MS) throw new AppError('query-too-expensive', 'too many');
          return [
            { identity: '1', content: '1', organization, source: '/s', id: iso(fromMs), copies: 2 },
          ] as CopiedEvent[];
        },
      },
    });
    const { status, body } = await callAs(gateway, VERIFY, { body: range });
    expect([status, asked]).toEqual([200, [24, 12, 6, 6, 6, 6]]);
    expect(body).toMatchObject({ duplicatesParts: 4, duplicatesSearchedThrough: iso(DAY + DAY_MS) });
    expect(body['duplicates']).toHaveLength(4);
  });

  it('compares the rollups whatever has arrived, and says from where on copies were not searched', async () => {
    const options = holding([DAY], { '1m': [DAY] });
    const gateway = await open({
      ...options,
      events: {
        ...options.events,
        duplicatesWithin: async (_organization, fromMs) => {
          if (fromMs > DAY) throw new AppError('query-timeout', 'too long');
          throw new AppError('query-too-expensive', 'too many');
        },
      },
    });
    expect(await callAs(gateway, VERIFY, { body: { ...range, tiers: ['1m'] } })).toMatchObject({
      status: 200,
      body: { checkedBuckets: 1, duplicates: [], duplicatesParts: 0, duplicatesSearchedThrough: iso(DAY) },
    });
  });

  it('stops the search for copies in time', async () => {
    const held: TestGateway[] = [];
    const gateway = await open({
      events: {
        duplicatesWithin: async (_organization, fromMs, toMs) => {
          if (toMs - fromMs > HOUR_MS) throw new AppError('query-too-expensive', 'too many');
          held[0]?.setNow(NOW_MS + 1 + ((fromMs - DAY) / HOUR_MS) * 10_000);
          return [];
        },
      },
    });
    held.push(gateway);
    const { body } = await callAs(gateway, VERIFY, { body: range });
    // Of 45 minutes each; the fourth ends beyond the time.
    expect(body).toMatchObject({
      duplicatesParts: 4,
      duplicatesSearchedThrough: iso(DAY + 3 * HOUR_MS),
    });
  });

  it('fails when the warehouse is away, and does not take that for too much', async () => {
    const gateway = await open({
      events: { duplicatesWithin: () => Promise.reject(new AppError('warehouse-unavailable', 'away')) },
    });
    expect((await callAs(gateway, VERIFY, { body: range })).status).toBe(503);
  });

  it('does not look for copies when nobody asks', async () => {
    const gateway = await open({
      events: { duplicatesWithin: () => Promise.reject(new Error('asked')) },
    });
    const { status, body } = await callAs(gateway, VERIFY, { body: { ...range, duplicates: false } });
    expect([status, body['duplicatesParts'], body['duplicatesSearchedThrough']]).toEqual([200, 0, iso(DAY)]);
  });

  it('names the tier that takes too much at once, and compares the others', async () => {
    const options = holding([DAY], { '1m': [DAY], '15m': [DAY], '1d': [DAY] });
    const gateway = await open({
      ...options,
      rollups: {
        ...options.rollups,
        compare: async ({ tier }) => {
          if (tier === '1d') throw new AppError('query-timeout', 'the question took too long');
          return [];
        },
      },
    });
    expect(await callAs(gateway, VERIFY, { body: range })).toMatchObject({
      status: 200,
      body: { checkedBuckets: 2, notCompared: [{ tier: '1d', code: 'query-timeout' }] },
    });
  });

  it('says when one tier has more differences than are told', async () => {
    const options = holding([DAY], { '1m': [DAY], '15m': [DAY], '1d': [DAY] });
    const different = (index: number) => ({
      ...{ measure: '', bucketStartMs: DAY, dimensions: [`${index}`], columns: ['events'] },
      ...{ raw: '2', rollup: '1' },
    });
    const gateway = await open({
      ...options,
      rollups: {
        ...options.rollups,
        compare: async ({ tier }) =>
          tier === '1m' ? Array.from({ length: DIFFERENCES_SHOWN_MAX }, (_, index) => different(index)) : [],
      },
    });
    expect(await callAs(gateway, VERIFY, { body: range })).toMatchObject({
      status: 200,
      body: { checkedBuckets: 3, isTruncated: true },
    });
  });

  it('takes a day at a time', async () => {
    const gateway = await open();
    const longer = { from: '2026-01-10', to: '2026-01-11T00:01:00Z' };
    expect((await callAs(gateway, VERIFY, { body: longer })).status).toBe(400);
    expect((await callAs(gateway, VERIFY, { body: { ...range, tiers: ['1h'] } })).status).toBe(400);
  });

  it('is asked one at a time by an organization', async () => {
    let running = 0;
    let most = 0;
    const gateway = await open({
      events: {
        duplicatesWithin: async () => {
          running += 1;
          most = Math.max(most, running);
          await new Promise((resolve) => setImmediate(resolve));
          running -= 1;
          return [];
        },
      },
    });
    const answers = await Promise.all([1, 2, 3].map(() => callAs(gateway, VERIFY, { body: range })));
    expect([answers.map(({ status }) => status), most]).toEqual([[200, 200, 200], 1]);
  });
});
