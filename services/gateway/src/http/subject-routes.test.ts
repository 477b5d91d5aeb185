import { afterEach, expect, it } from '@jest/globals';
import type { Role } from '@tidemark/core';
import type { Row, Statement } from '@tidemark/warehouse';
import { createTestGateway, type TestGateway } from '../testing.ts';

const opened: TestGateway[] = [];
afterEach(async () => {
  for (const gateway of opened.splice(0)) await gateway.app.close();
});

const SEEN = '2026-01-15T11:00:00.120000000Z';
const ROW = { id: 'o/1', first_seen: SEEN, last_seen: SEEN, value0: 'pro', value1: '12.50', value2: 'ann' };

async function open(query: (statement: Statement) => Row[]) {
  const gateway = await createTestGateway({ answer: (statement) => Promise.resolve(query(statement)) });
  opened.push(gateway);
  return async (url: string, role: Role = 'viewer') => {
    const headers = { authorization: `Bearer ${gateway.keyOf[role]}` };
    const response = await gateway.app.inject({ method: 'GET', url, headers });
    return { status: response.statusCode, body: response.json<Record<string, unknown>>() };
  };
}

it('tells the kinds there are, with their attributes', async () => {
  const ask = await open(() => []);
  const { status, body } = await ask('/api/v1/subjects');
  expect(status).toBe(200);
  expect(body).toMatchObject({
    kinds: [
      { kind: 'shop.buyer', attributes: [] },
      {
        kind: 'shop.order',
        attributes: [{ key: 'plan' }, { key: 'cost', type: 'number', unit: 'USD' }, { key: 'buyer' }],
      },
    ],
  });
});

it('tells a subject; what names another person an administrator alone is told', async () => {
  const ask = await open(() => [ROW]);
  expect(await ask('/api/v1/subjects/shop.order/o%2F1', 'admin')).toEqual({
    status: 200,
    body: {
      kind: 'shop.order',
      id: 'o/1',
      attributes: { plan: 'pro', cost: '12.5', buyer: 'ann' },
      firstSeen: '2026-01-15T11:00:00.12Z',
      lastSeen: '2026-01-15T11:00:00.12Z',
    },
  });
  const { body } = await ask('/api/v1/subjects/shop.order/o%2F1');
  expect(body['attributes']).toEqual({ plan: 'pro', cost: '12.5' });
});

it('tells a page, and where the next begins', async () => {
  const asked: Statement[] = [];
  const ask = await open((statement) => {
    asked.push(statement);
    return [ROW, { ...ROW, id: 'o2' }];
  });
  const { body } = await ask('/api/v1/subjects/shop.order?limit=1&attributes=plan&filter=plan:eq:pro');
  expect(body).toMatchObject({ subjects: [{ id: 'o/1', attributes: { plan: 'pro' } }] });
  asked.length = 0;
  await ask(`/api/v1/subjects/shop.order?cursor=${String(body['nextCursor'])}`);
  expect(Object.values(asked[0]?.parameters ?? {})).toEqual(expect.arrayContaining([SEEN, 'o/1']));
});

it.each([
  ['/api/v1/subjects/shop.nothing', 404],
  ['/api/v1/subjects/shop.order/none', 404],
  ['/api/v1/subjects/shop.order?attributes=plan,colour', 422],
  ['/api/v1/subjects/shop.order?filter=colour:eq:red', 422],
  ['/api/v1/subjects/shop.order?filter=plan', 422],
  ['/api/v1/subjects/shop.order?cursor=abc', 422],
  ['/api/v1/subjects/shop.order?limit=0', 400],
  ['/api/v1/subjects/shop.order?filter=buyer:eq:ann', 403],
  ['/api/v1/subjects/shop.buyer', 403],
  ['/api/v1/subjects/shop.buyer/ann', 403],
])('refuses %s with %d', async (url, expected) => {
  const ask = await open(() => []);
  expect((await ask(url)).status).toBe(expected);
});
