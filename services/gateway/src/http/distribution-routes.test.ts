import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createTestGateway, type TestGateway } from '../testing.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await createTestGateway();
});
afterAll(() => gateway.app.close());

async function post(payload: object) {
  const headers = { authorization: `Bearer ${gateway.keyOf.viewer}` };
  const response = await gateway.app.inject({
    method: 'POST',
    url: '/api/v1/query/distribution',
    headers,
    payload,
  });
  return { status: response.statusCode, body: response.json<Record<string, unknown>>() };
}

const asked = { metric: 'shop.orders', from: 'now-1d', to: 'now' };

it('reports every fault of a question about a distribution, deep ones too', async () => {
  const filters = [{ or: [{ dimension: 'planet', op: 'eq', value: 'x' }] }];
  const { status, body } = await post({ ...asked, bounds: [2, 1], filters });
  expect(status).toBe(422);
  expect(body['errors']).toMatchObject([
    { pointer: '/metric' },
    { pointer: '/filters/0/or/0/dimension' },
    { pointer: '/bounds/1' },
  ]);
});

it('takes no other shape', async () => {
  expect((await post({ ...asked, bins: 'many' })).status).toBe(400);
  expect((await post({ ...asked, metrics: [] })).status).toBe(400);
  expect((await post({ ...asked, filters: [{ or: [{ and: 1 }] }] })).status).toBe(400);
});
