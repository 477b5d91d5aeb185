import { afterEach, describe, expect, it } from '@jest/globals';
import { createTestGateway, NOW_MS, type TestGateway } from '../testing.ts';

const opened: TestGateway[] = [];
afterEach(async () => {
  for (const gateway of opened.splice(0)) await gateway.app.close();
});

async function open() {
  let statements = 0;
  const gateway = await createTestGateway({
    answer: () => {
      statements += 1;
      return Promise.resolve([{ f_events: '3', f_value_count: '3' }]);
    },
  });
  opened.push(gateway);
  const ask = async (options: {
    method?: 'GET' | 'POST' | 'DELETE';
    url?: string;
    body?: object;
    headers?: Record<string, string>;
    role?: 'viewer' | 'admin';
  }) => {
    const { method = 'GET', url = SERIES, body, headers = {}, role = 'viewer' } = options;
    return await gateway.app.inject({
      method,
      url,
      headers: { authorization: `Bearer ${gateway.keyOf[role]}`, ...headers },
      ...(body !== undefined && { payload: body }),
    });
  };
  return { gateway, ask, statements: () => statements };
}

const TURNS_MAX = 1_000;
const RANGE = 'from=2026-01-15&to=2026-01-15T11:00:00Z';
const SERIES = `/api/v1/metrics/shop.orders/series?${RANGE}`;
const QUESTION = { metrics: ['shop.orders'], from: '2026-01-15', to: '2026-01-15T11:00:00Z' };

describe('an answer', () => {
  it('says where it came from, and is the same by either door', async () => {
    const { ask, statements } = await open();
    const first = await ask({});
    const again = await ask({});
    const posted = await ask({ method: 'POST', url: '/api/v1/query', body: QUESTION });
    expect([first, again, posted].map(({ headers }) => headers['tidemark-cache'])).toEqual([
      'miss',
      'hit',
      'hit',
    ]);
    expect(first.headers).toMatchObject({
      'cache-control': 'private, max-age=0, must-revalidate',
      'content-type': 'application/json; charset=utf-8',
    });
    expect(first.json()).toMatchObject({
      from: '2026-01-15T00:00:00.000Z',
      series: [{ metric: 'shop.orders' }],
    });
    expect([again.body, posted.body]).toEqual([first.body, first.body]);
    expect(statements()).toBe(1);
  });

  it('is not sent again to whoever holds it', async () => {
    const { gateway, ask } = await open();
    const { headers, statusCode } = await ask({});
    expect(statusCode).toBe(200);
    const etag = String(headers.etag);
    for (const held of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const found = await ask({ headers: { 'if-none-match': held } });
      expect([found.statusCode, found.body, found.headers.etag]).toEqual([304, '', etag]);
    }
    expect((await ask({ headers: { 'if-none-match': '"other"' } })).statusCode).toBe(200);
    // What did not change by the flush is the same answer, computed anew.
    gateway.flush();
    const flushed = await ask({ headers: { 'if-none-match': etag } });
    expect([flushed.statusCode, flushed.headers['tidemark-cache']]).toEqual([304, 'miss']);
  });

  it('is computed anew when the cache is not wanted', async () => {
    const { ask, statements } = await open();
    await ask({});
    const anew = await ask({ url: `${SERIES}&use_cache=false` });
    const posted = await ask({ method: 'POST', url: '/api/v1/query?use_cache=false', body: QUESTION });
    expect([anew, posted].map(({ headers }) => headers['tidemark-cache'])).toEqual(['bypass', 'bypass']);
    expect((await ask({ url: `${SERIES}&use_cache=true` })).headers['tidemark-cache']).toBe('hit');
    expect(statements()).toBe(3);
    expect((await ask({ url: `${SERIES}&use_cache=perhaps` })).statusCode).toBe(400);
  });
});

describe('the cache', () => {
  it.each(['/api/v1/cache', '/api/v1/analytics/cache'])(
    'is emptied of the matching: DELETE %s',
    async (url) => {
      const { ask } = await open();
      await ask({});
      const forget = async (pattern: string) =>
        (await ask({ method: 'DELETE', url: `${url}${pattern}`, role: 'admin' })).json<{
          forgotten: number;
        }>().forgotten;
      expect(await forget('?pattern=http.*')).toBe(0);
      expect(await forget('?pattern=shop.*')).toBe(1);
      expect((await ask({})).headers['tidemark-cache']).toBe('miss');
      expect(await forget('')).toBe(1);
    },
  );

  it.each(['/api/v1/cache/refresh', '/api/v1/analytics/refresh-cache'])(
    'is filled anew in the background: POST %s',
    async (url) => {
      const { gateway, ask, statements } = await open();
      for (let asked = 0; asked < 10; asked += 1) await ask({});
      gateway.setNow(NOW_MS + 1);
      const started = await ask({ method: 'POST', url, role: 'admin' });
      expect([started.statusCode, started.json()]).toEqual([202, { questions: 1 }]);
      for (let turn = 0; turn < TURNS_MAX && statements() < 2; turn += 1) {
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect(statements()).toBe(2);
      expect((await ask({})).headers['tidemark-cache']).toBe('hit');
    },
  );
});
