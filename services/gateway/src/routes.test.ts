import { afterEach, describe, expect, it } from '@jest/globals';
import { AppError } from '@tidemark/core';
import type { Role } from '@tidemark/core';
import { createTestGateway, NOW_MS } from './testing.ts';
import type { TestGateway, TestGatewayOptions } from './testing.ts';

/** The least role of every route of the API; a route that is not here fails the test. */
const ROLE_OF: Readonly<Record<string, Role>> = {
  'POST /api/v1/query': 'viewer',
  'POST /api/v1/query/distribution': 'viewer',
  'POST /api/v1/query/export': 'viewer',
  'GET /api/v1/events/export': 'admin',
  'POST /api/v1/events/export': 'admin',
  'GET /api/v1/exports/:id': 'viewer',
  'GET /api/v1/subjects': 'viewer',
  'GET /api/v1/subjects/:kind': 'viewer',
  'GET /api/v1/subjects/:kind/:id': 'viewer',
  'GET /api/v1/metrics': 'viewer',
  'GET /api/v1/metrics/:key': 'viewer',
  'GET /api/v1/metrics/:key/series': 'viewer',
  'GET /api/v1/live': 'viewer',
  'POST /api/v1/live': 'viewer',
  'GET /api/v1/ws/analytics/:organization': 'viewer',
  'GET /api/v1/status': 'viewer',
  'GET /api/v1/ledger': 'viewer',
  'DELETE /api/v1/cache': 'admin',
  'DELETE /api/v1/analytics/cache': 'admin',
  'POST /api/v1/cache/refresh': 'admin',
  'POST /api/v1/analytics/refresh-cache': 'admin',
  'GET /api/v1/dead-letters': 'admin',
  'GET /api/v1/dead-letters/summary': 'admin',
  'GET /api/v1/dead-letters/:id': 'admin',
  'POST /api/v1/dead-letters/:id/replay': 'admin',
  'POST /api/v1/dead-letters/:id/discard': 'admin',
  'POST /api/v1/dead-letters/replay': 'admin',
  'POST /api/v1/analytics/aggregate': 'admin',
  'GET /api/v1/analytics/aggregate': 'admin',
  'POST /api/v1/analytics/verify': 'admin',
  'GET /api/v1/organizations': 'admin',
  'POST /api/v1/organizations': 'admin',
  'GET /api/v1/organizations/:id': 'admin',
  'PATCH /api/v1/organizations/:id': 'admin',
  'DELETE /api/v1/organizations/:id': 'admin',
  'GET /api/v1/organization/settings': 'viewer',
  'PUT /api/v1/organization/settings': 'admin',
  'GET /api/v1/packs': 'viewer',
  'PUT /api/v1/packs/:key': 'admin',
  'GET /api/v1/users': 'admin',
  'POST /api/v1/users': 'admin',
  'GET /api/v1/users/me': 'viewer',
  'GET /api/v1/users/:id': 'admin',
  'PATCH /api/v1/users/:id': 'admin',
  'DELETE /api/v1/users/:id': 'admin',
  'GET /api/v1/api-keys': 'admin',
  'POST /api/v1/api-keys': 'admin',
  'POST /api/v1/api-keys/:id/rotate': 'admin',
  'DELETE /api/v1/api-keys/:id': 'admin',
  'GET /api/v1/analytics/health': 'viewer',
  'GET /api/v1/audit-log': 'admin',
  'PUT /api/v1/metrics/:key': 'admin',
  'DELETE /api/v1/metrics/:key': 'admin',
  'POST /api/v1/metrics/:key/backfill': 'admin',
};
/** What anybody may read: the description of the API. */
const PUBLIC = (url: string) => url === '/' || url === '/api/v1/openapi.json' || url.startsWith('/docs');
const REFUSED: Readonly<Record<Role, readonly Role[]>> = {
  producer: [],
  viewer: ['producer'],
  admin: ['producer', 'viewer'],
};

const opened: TestGateway[] = [];
afterEach(async () => {
  for (const gateway of opened.splice(0)) await gateway.app.close();
});

async function open(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const gateway = await createTestGateway(options);
  opened.push(gateway);
  return gateway;
}

type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

async function call(
  gateway: TestGateway,
  method: Method,
  url: string,
  options: { key?: string; body?: object } = {},
) {
  const response = await gateway.app.inject({
    method,
    url,
    ...(options.key === undefined ? {} : { headers: { authorization: `Bearer ${options.key}` } }),
    ...(options.body === undefined ? {} : { payload: options.body }),
  });
  const isJson = /json/.test(String(response.headers['content-type'])) && response.body !== '';
  return {
    status: response.statusCode,
    headers: response.headers,
    body: isJson ? response.json<never>() : null,
  };
}

function deferred<T>() {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

const QUESTION = { metrics: ['shop.orders'], from: '2026-01-15', to: 'now' };

describe('the routes of the gateway', () => {
  it('are all known to this test', async () => {
    const gateway = await open();
    await gateway.app.ready();
    const guarded = gateway.routes.filter(({ method, url }) => !PUBLIC(url) && method !== 'HEAD');
    expect(new Set(guarded.map(({ method, url }) => `${method} ${url}`))).toEqual(
      new Set(Object.keys(ROLE_OF)),
    );
  });

  it('say nothing to strangers and to roles that may not ask, not even what is wrong with a body', async () => {
    const gateway = await open();
    await gateway.app.ready();
    for (const { method, url } of gateway.routes.filter((route) => !PUBLIC(route.url))) {
      const role = ROLE_OF[`${method === 'HEAD' ? 'GET' : method} ${url}`] ?? 'admin';
      // Every other organization than one's own is refused.
      const path = url.replace(':organization', 'default').replace(/:\w+/, 'any');
      const ask = async (key?: string) => {
        const body = ['POST', 'PUT', 'PATCH'].includes(method) ? { body: { not: 'valid' } } : {};
        const { status } = await call(gateway, method as Method, path, {
          ...(key === undefined ? {} : { key }),
          ...body,
        });
        return `${method} ${url} ${status}`;
      };
      expect(await ask()).toBe(`${method} ${url} 401`);
      expect(await ask(gateway.keyOf[role].replace(/.$/, '!'))).toBe(`${method} ${url} 401`);
      for (const other of REFUSED[role]) expect(await ask(gateway.keyOf[other])).toBe(`${method} ${url} 403`);
      for (const able of [role, 'admin'] as const) {
        expect(await ask(gateway.keyOf[able])).not.toMatch(/ (401|403|500)$/);
      }
    }
  });

  it('count what a key asks, and refuse beyond the limit', async () => {
    const gateway = await open({ requestsMax: 2 });
    const { viewer, admin } = gateway.keyOf;
    expect((await call(gateway, 'GET', '/api/v1/status', { key: viewer })).headers['ratelimit']).toMatch(
      /r=1/,
    );
    await call(gateway, 'GET', '/api/v1/metrics', { key: viewer });
    const refused = await call(gateway, 'GET', '/api/v1/metrics', { key: viewer });
    expect([refused.status, refused.headers['retry-after']]).toEqual([429, '10']);
    expect((await call(gateway, 'GET', '/api/v1/status', { key: admin })).status).toBe(200);
  });
});

describe('metrics', () => {
  it('that are for administrators are not there for others', async () => {
    const gateway = await open();
    const keysOf = async (key: string) => {
      const { body } = await call(gateway, 'GET', '/api/v1/metrics', { key });
      return (body as unknown as { metrics: { key: string }[] }).metrics.map((metric) => metric.key);
    };
    expect(await keysOf(gateway.keyOf.viewer)).toEqual(['shop.orders']);
    expect(await keysOf(gateway.keyOf.admin)).toEqual(['shop.orders', 'shop.secret_orders']);
    const one = (key: string, metric: string) => call(gateway, 'GET', `/api/v1/metrics/${metric}`, { key });
    expect(await one(gateway.keyOf.viewer, 'shop.orders')).toMatchObject({
      status: 200,
      body: { key: 'shop.orders' },
    });
    expect(await one(gateway.keyOf.viewer, 'shop.secret_orders')).toMatchObject({ status: 404 });
    expect(await one(gateway.keyOf.admin, 'shop.secret_orders')).toMatchObject({ status: 200 });
    expect(await one(gateway.keyOf.viewer, 'shop.nothing')).toMatchObject({
      status: 404,
      body: { code: 'not-found' },
    });
    const question = { ...QUESTION, metrics: ['shop.secret_orders'] };
    const asked = await call(gateway, 'POST', '/api/v1/query', { key: gateway.keyOf.viewer, body: question });
    expect(asked.status).toBe(403);
  });
});

describe('status', () => {
  it('adds the partitions up', async () => {
    const gateway = await open({ progress: [{ partition: 0, nextOffset: 5, arrivedThroughMs: NOW_MS + 1 }] });
    const { body } = await call(gateway, 'GET', '/api/v1/status', { key: gateway.keyOf.viewer });
    expect(body).toEqual({
      completeThrough: '2026-01-15T12:00:00.000Z',
      partitions: [
        {
          partition: 0,
          nextOffset: 5,
          endOffset: 7,
          lag: 2,
          arrivedThrough: '2026-01-15T12:00:00.001Z',
          halted: null,
        },
        { partition: 1, nextOffset: 0, endOffset: 7, lag: 7, arrivedThrough: null, halted: null },
      ],
      lag: 9,
      dirtyBuckets: 3,
      deadLetters: 2,
    });
  });

  it.each([
    ['ok', NOW_MS - 120_000, 5],
    ['behind', NOW_MS - 120_001, 5],
    ['halted', NOW_MS, 8],
  ])('says in a word how fresh numbers are: %s', async (status, arrivedThroughMs, nextOffset) => {
    const progress = [0, 1].map((partition) => ({ partition, nextOffset, arrivedThroughMs }));
    const gateway = await open({ progress });
    const { body } = await call(gateway, 'GET', '/api/v1/analytics/health', { key: gateway.keyOf.viewer });
    // The watermark is told in whole minutes.
    const completeThrough = new Date(Math.floor(arrivedThroughMs / 60_000) * 60_000).toISOString();
    expect(body).toMatchObject({ status, asOf: '2026-01-15T12:00:00.000Z', completeThrough });
  });

  it('says when a partition was made anew, and takes all of it for lag', async () => {
    const gateway = await open({ progress: [{ partition: 0, nextOffset: 8, arrivedThroughMs: NOW_MS }] });
    const { body } = await call(gateway, 'GET', '/api/v1/status', { key: gateway.keyOf.viewer });
    expect(body).toMatchObject({
      partitions: [
        { nextOffset: 8, endOffset: 7, lag: 5, halted: expect.stringContaining('beyond the end of the log') },
        { lag: 7, halted: null },
      ],
      lag: 12,
    });
  });
});

describe('questions', () => {
  it('are answered the same by both routes', async () => {
    const gateway = await open();
    const { viewer } = gateway.keyOf;
    const posted = await call(gateway, 'POST', '/api/v1/query', { key: viewer, body: QUESTION });
    const got = await call(gateway, 'GET', '/api/v1/metrics/shop.orders/series?from=2026-01-15&to=now', {
      key: viewer,
    });
    expect(posted.status).toBe(200);
    expect(posted.headers['cache-control']).toBe('private, max-age=0, must-revalidate');
    expect(got.body).toEqual(posted.body);
  });

  it.each([
    ['unknown-metric', 422, { ...QUESTION, metrics: ['shop.nothing'] }],
    ['invalid-query', 422, { ...QUESTION, timeZone: 'Nowhere/Land' }],
    ['invalid-request', 400, { ...QUESTION, organization: 'other' }],
    ['invalid-request', 400, { ...QUESTION, metrics: [] }],
  ])('are refused with %s', async (code, status, body) => {
    const gateway = await open();
    const refused = await call(gateway, 'POST', '/api/v1/query', { key: gateway.keyOf.viewer, body });
    expect(refused).toMatchObject({ status, body: { code } });
  });

  it('are told to wait while the warehouse is away', async () => {
    const gateway = await open({
      answer: () => Promise.reject(new AppError('warehouse-unavailable', 'away')),
    });
    const refused = await call(gateway, 'POST', '/api/v1/query', {
      key: gateway.keyOf.viewer,
      body: QUESTION,
    });
    expect(refused).toMatchObject({
      status: 503,
      body: { code: 'warehouse-unavailable' },
      headers: { 'retry-after': '5' },
    });
  });

  it('are abandoned when their asker has gone, without a word in the log', async () => {
    const asked = deferred<AbortSignal>();
    const aborted = deferred<void>();
    const gateway = await open({
      answer: (statement) =>
        new Promise((_, reject) => {
          const { signal } = statement;
          if (signal === undefined) throw new Error('a question can be aborted');
          signal.addEventListener('abort', () => {
            reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
            aborted.resolve();
          });
          asked.resolve(signal);
        }),
    });
    const address = await gateway.app.listen({ port: 0, host: '127.0.0.1' });
    const client = new AbortController();
    const fetched = fetch(`${address}/api/v1/query`, {
      method: 'POST',
      headers: { authorization: `Bearer ${gateway.keyOf.viewer}`, 'content-type': 'application/json' },
      body: JSON.stringify(QUESTION),
      signal: client.signal,
    });
    expect((await asked.promise).aborted).toBe(false);
    client.abort();
    await expect(fetched).rejects.toMatchObject({ name: 'AbortError' });
    await aborted.promise;
    await gateway.app.close();
    expect(gateway.logged()).toBe('');
  });
});
