import { afterEach, describe, expect, it } from '@jest/globals';
import { AppError, DAY_MS, HOUR_MS, MINUTE_MS } from '@tidemark/core';
import type { Tier } from '@tidemark/core';
import { DEFAULT_ORGANIZATION } from '../app/bootstrap.ts';
import { callAs } from '../test-calls.ts';
import { holding } from '../test-stores.ts';
import { createTestGateway, NOW_MS } from '../testing.ts';
import type { TestGateway, TestGatewayOptions } from '../testing.ts';

const PATH = '/api/v1/analytics/aggregate';
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

const marksOf = (gateway: TestGateway, tier: Tier) =>
  gateway.marks
    .marked()
    .filter((mark) => mark.tier === tier && mark.organization === DEFAULT_ORGANIZATION)
    .map(({ bucketStartMs }) => bucketStartMs)
    .toSorted((a, b) => a - b);

describe('a rebuild', () => {
  it('marks the buckets of every tier that have rows in raw or in rollups', async () => {
    const minutes = [DAY + HOUR_MS, DAY + HOUR_MS + MINUTE_MS, DAY + DAY_MS, DAY + 2 * DAY_MS];
    const gone = { '1m': [DAY + 5 * MINUTE_MS], '15m': [DAY], '1d': [DAY, DAY + DAY_MS] };
    const { asked, ...options } = holding(minutes, gone);
    const gateway = await open(options);
    const { status, body } = await callAs(gateway, PATH, { body: { from: '2026-01-10', to: '2026-01-12' } });
    expect([status, body]).toEqual([202, { buckets: 9, from: iso(DAY), to: iso(DAY + 2 * DAY_MS) }]);
    expect(marksOf(gateway, '1m')).toEqual([DAY + 5 * MINUTE_MS, ...minutes.slice(0, 3)]);
    expect(marksOf(gateway, '15m')).toEqual([DAY, DAY + HOUR_MS, DAY + DAY_MS]);
    expect(marksOf(gateway, '1d')).toEqual([DAY, DAY + DAY_MS]);
    expect(asked).toEqual([null]);
  });

  it('takes the wide buckets into which a short range falls', async () => {
    const from = DAY + HOUR_MS + 20 * MINUTE_MS + 30_000;
    const minutes = [from - 30_000 - MINUTE_MS, from - 30_000, from + 30_000];
    const gateway = await open(holding(minutes, { '15m': [DAY + HOUR_MS + 15 * MINUTE_MS], '1d': [DAY] }));
    await callAs(gateway, PATH, { body: { from: iso(from), to: iso(from + MINUTE_MS) } });
    expect(marksOf(gateway, '1m')).toEqual(minutes.slice(1));
    expect(marksOf(gateway, '15m')).toEqual([DAY + HOUR_MS + 15 * MINUTE_MS]);
    expect(marksOf(gateway, '1d')).toEqual([DAY]);
  });

  it('looks only for the events of the metrics it is for', async () => {
    const { asked, ...options } = holding([DAY]);
    const gateway = await open(options);
    const metrics = ['shop.orders', 'shop.secret_orders'];
    await callAs(gateway, PATH, { body: { from: '2026-01-10', to: '2026-01-11', metrics } });
    expect(asked).toEqual([['order.placed']]);
    const unknown = { from: '2026-01-10', to: '2026-01-11', metrics: ['shop.orders', 'shop.none'] };
    expect(await callAs(gateway, PATH, { body: unknown })).toMatchObject({
      status: 422,
      body: { code: 'unknown-metric', errors: [{ pointer: '/metrics/1' }] },
    });
  });

  it('goes through 400 days in steps, and leaves none out', async () => {
    const from = DAY - 395 * DAY_MS;
    const minutes = Array.from({ length: 400 }, (_, day) => from + day * DAY_MS + 23 * HOUR_MS);
    const { asked, ...options } = holding(minutes);
    const gateway = await open(options);
    const range = { from: iso(from), to: iso(from + 400 * DAY_MS) };
    expect((await callAs(gateway, PATH, { body: range })).body).toMatchObject({ buckets: 1_200 });
    expect(marksOf(gateway, '1m')).toEqual(minutes);
    expect(asked).toHaveLength(14);
    const longer = { ...range, to: iso(from + 400 * DAY_MS + 1) };
    expect((await callAs(gateway, PATH, { body: longer })).status).toBe(400);
  });

  it('is refused while the warehouse is away', async () => {
    const events = { minutesWithin: () => Promise.reject(new AppError('warehouse-unavailable', 'away')) };
    const gateway = await open({ events });
    const body = { from: '2026-01-10', to: '2026-01-11' };
    expect(await callAs(gateway, PATH, { body })).toMatchObject({ status: 503 });
  });

  it.each([
    { from: '2026-01-10' },
    { from: '2026-01-11', to: '2026-01-10' },
    { from: '2026-01-10', to: 'soon' },
    { from: '2026-01-10', to: '2026-01-11', metrics: [] },
    { from: '2026-01-10', to: '2026-01-11', organization: 'other' },
  ])('is refused for %j', async (body) => {
    const gateway = await open();
    expect(await callAs(gateway, PATH, { body })).toMatchObject({ status: 400 });
  });
});

describe('the progress of a rebuild', () => {
  const mark = (tier: Tier, bucketStartMs: number) => ({
    tier,
    organization: DEFAULT_ORGANIZATION,
    bucketStartMs,
  });
  const ask = async (gateway: TestGateway, fromMs: number, toMs: number) =>
    (await callAs(gateway, `${PATH}?from=${iso(fromMs)}&to=${iso(toMs)}`)).body;

  it('counts the closed buckets that touch the range', async () => {
    const gateway = await open();
    const from = DAY + HOUR_MS + 5 * MINUTE_MS;
    await gateway.marks.markDirtyNow(
      [
        // Touching the range, in part or whole.
        ...[mark('1d', DAY), mark('15m', DAY + HOUR_MS), mark('1m', from), mark('1m', from + MINUTE_MS)],
        // Beside it.
        ...[
          mark('1m', from - MINUTE_MS),
          mark('15m', DAY),
          mark('1m', from + HOUR_MS),
          mark('1d', DAY + DAY_MS),
        ],
      ],
      NOW_MS,
    );
    expect(await ask(gateway, from, from + HOUR_MS)).toEqual({
      dirtyBuckets: 4,
      closedThrough: iso(NOW_MS),
    });
    gateway.marks.clear();
    expect(await ask(gateway, from, from + HOUR_MS)).toMatchObject({ dirtyBuckets: 0 });
  });

  it('leaves out what is open: it is answered from raw anyway', async () => {
    const today = NOW_MS - (NOW_MS % DAY_MS);
    const watermark = NOW_MS - 5 * MINUTE_MS;
    const progress = [0, 1].map((partition) => ({ partition, nextOffset: 7, arrivedThroughMs: watermark }));
    const gateway = await open({ progress });
    const closed = [mark('1m', watermark - MINUTE_MS), mark('15m', watermark - 25 * MINUTE_MS)];
    const straddling = [mark('1d', today), mark('15m', watermark - 10 * MINUTE_MS)];
    const ahead = [mark('1m', watermark), mark('1m', watermark + MINUTE_MS)];
    await gateway.marks.markDirtyNow([...closed, ...straddling, ...ahead], NOW_MS);
    for (const to of [watermark, NOW_MS, NOW_MS + DAY_MS]) {
      expect(await ask(gateway, today, to)).toEqual({ dirtyBuckets: 2, closedThrough: iso(watermark) });
    }
    expect(await ask(gateway, today + HOUR_MS, NOW_MS)).toMatchObject({ dirtyBuckets: 2 });
  });

  it('says when nothing has closed yet', async () => {
    const gateway = await open({ progress: [] });
    await gateway.marks.markDirtyNow([mark('1m', DAY)], NOW_MS);
    expect(await ask(gateway, DAY, DAY + DAY_MS)).toEqual({ dirtyBuckets: 0, closedThrough: null });
  });
});
