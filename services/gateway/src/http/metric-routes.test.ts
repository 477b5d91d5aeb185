import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openTestTenancy, START_TIMEOUT_MS } from '../test-tenancy.ts';
import type { TestTenancy } from '../test-tenancy.ts';

let tenancy: TestTenancy;

beforeAll(async () => {
  tenancy = await openTestTenancy();
}, START_TIMEOUT_MS);
afterAll(() => tenancy.close());

const WITHOUT_LEVEL = {
  kind: 'base',
  title: 'Queue depth',
  description: 'How many wait',
  unit: '{job}',
  direction: 'down-is-better',
  eventTypes: ['queue.sampled'],
  value: 'data.depth',
  aggregation: 'quantile',
  dimensions: [{ key: 'queue', title: 'Queue', field: 'data.queue', rolledUp: true }],
};
const QUEUE = { ...WITHOUT_LEVEL, level: 0.95 };
const DERIVED = { kind: 'derived', title: 'x', description: '', unit: '1', direction: 'neutral' };

const put = (key: string, metric: string, body: object) =>
  tenancy.call('PUT', `metrics/${metric}`, { key, body });
const get = (key: string, path: string) => tenancy.call('GET', path, { key });
const keysOf = async (key: string) => {
  const { body } = await get(key, 'metrics');
  return (body['metrics'] as { readonly key: string }[]).map((metric) => metric.key);
};

describe("an organization's own metrics", () => {
  it('are there as soon as they are declared, beside those of packs, for that organization alone', async () => {
    const { key } = await tenancy.found();
    const stranger = await tenancy.found();
    expect(await put(key, 'own.queue_depth', QUEUE)).toMatchObject({
      status: 200,
      body: { key: 'own.queue_depth', kind: 'base', eventTypes: ['queue.sampled'], level: 0.95 },
    });
    expect(await keysOf(key)).toEqual(['own.queue_depth', 'shop.orders', 'shop.secret_orders']);
    expect(await get(key, 'metrics/own.queue_depth')).toMatchObject({ status: 200 });
    expect(await keysOf(stranger.key)).not.toContain('own.queue_depth');
    expect(await get(stranger.key, 'metrics/own.queue_depth')).toMatchObject({ status: 404 });
    const ratio = { ...DERIVED, expression: 'own.queue_depth / shop.orders' };
    expect(await put(key, 'own.ratio', ratio)).toMatchObject({ status: 200, body: { kind: 'derived' } });
  });

  it('are changed and deleted by administrators alone', async () => {
    const { key } = await tenancy.found();
    const viewer = (await tenancy.createKey(key, { name: 'v', role: 'viewer' })).key;
    expect(await put(viewer, 'own.queue_depth', QUEUE)).toMatchObject({ status: 403 });
    await put(key, 'own.queue_depth', QUEUE);
    expect(await put(key, 'own.queue_depth', { ...QUEUE, level: 0.5 })).toMatchObject({
      body: { level: 0.5 },
    });
    expect(await tenancy.call('DELETE', 'metrics/own.queue_depth', { key: viewer })).toMatchObject({
      status: 403,
    });
    expect(await tenancy.call('DELETE', 'metrics/own.queue_depth', { key })).toMatchObject({ status: 204 });
    expect(await get(key, 'metrics/own.queue_depth')).toMatchObject({ status: 404 });
    expect(await tenancy.call('DELETE', 'metrics/own.queue_depth', { key })).toMatchObject({ status: 404 });
  });

  it('never stand in for a metric of a pack', async () => {
    const { key } = await tenancy.found();
    expect(await put(key, 'shop.orders', QUEUE)).toMatchObject({ status: 400 });
    expect(await tenancy.call('DELETE', 'metrics/shop.orders', { key })).toMatchObject({ status: 400 });
  });

  it('are refused with every fault, and the place of each', async () => {
    const { key } = await tenancy.found();
    const wrong = await put(key, 'own.wrong', {
      ...WITHOUT_LEVEL,
      value: 'depth',
      dimensions: [{ key: 'Queue', title: 'Queue', field: 'data.queue', rolledUp: true }],
    });
    expect(wrong.status).toBe(400);
    expect(
      (wrong.body['errors'] as { readonly pointer: string }[]).map(({ pointer }) => pointer).sort(),
    ).toEqual(['/dimensions/0/key', '/level', '/value']);
    expect(await put(key, 'own.of_nothing', { ...DERIVED, expression: 'own.nothing * 2' })).toMatchObject({
      status: 400,
      body: { errors: [{ pointer: '/expression' }] },
    });
    expect(await keysOf(key)).not.toContain('own.of_nothing');
    expect(await put(key, 'own.nul', { ...QUEUE, title: 'a\u0000b' })).toMatchObject({ status: 400 });
    expect(await tenancy.call('DELETE', 'metrics/own.%00', { key })).toMatchObject({ status: 400 });
  });

  it('that hang on a disabled pack say so, and come back with it', async () => {
    const { key } = await tenancy.found();
    await put(key, 'own.double', { ...DERIVED, expression: 'shop.orders * 2' });
    await tenancy.call('PUT', 'packs/shop', { key, body: { enabled: false } });
    expect(await keysOf(key)).toEqual([]);
    const { status, body } = await get(key, 'metrics/own.double');
    expect([status, body['detail']]).toEqual([404, expect.stringContaining('shop.orders')]);
    await tenancy.call('PUT', 'packs/shop', { key, body: { enabled: true } });
    expect(await get(key, 'metrics/own.double')).toMatchObject({ status: 200 });
  });

  it('have rollups made when they are asked for; a derived one has none', async () => {
    const { id, key } = await tenancy.found();
    await put(key, 'own.queue_depth', QUEUE);
    const backfill = (metric: string) => tenancy.call('POST', `metrics/${metric}/backfill`, { key });
    const stored = async () =>
      (await tenancy.catalog.definitions.metricsOf(id as never)).map(({ rollup }) => rollup?.isConfirmed);
    expect(await stored()).toEqual([undefined]);
    expect(await backfill('own.queue_depth')).toMatchObject({ status: 202, body: { buckets: 0 } });
    expect(await stored()).toEqual([true]);
    expect(await backfill('own.nothing')).toMatchObject({ status: 404 });
    expect(await backfill('shop.orders')).toMatchObject({ status: 400 });
    await put(key, 'own.double', { ...DERIVED, expression: 'shop.orders * 2' });
    expect(await backfill('own.double')).toMatchObject({ status: 400 });
  });
});
