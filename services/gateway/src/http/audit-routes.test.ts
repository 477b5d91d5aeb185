/** Whatever is administered is written down, told to the organization alone, and stays. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { TestMethod } from '../test-calls.ts';
import { openTestTenancy, START_TIMEOUT_MS } from '../test-tenancy.ts';
import type { TestTenancy } from '../test-tenancy.ts';
import { DEFAULT_ORGANIZATION } from '../app/bootstrap.ts';
import { NOW_MS } from '../testing.ts';

let tenancy: TestTenancy;
beforeAll(async () => {
  tenancy = await openTestTenancy();
}, START_TIMEOUT_MS);
afterAll(() => tenancy.close());

const call: TestTenancy['call'] = (...asked) => tenancy.call(...asked);

async function actionsOf(key: string, query = ''): Promise<readonly string[]> {
  const { body } = await call('GET', `audit-log${query}`, { key });
  return (body['entries'] as readonly { action: string }[]).map(({ action }) => action);
}

describe('the audit log', () => {
  it('is paged, filtered, told to administrators of the organization alone, and never changed', async () => {
    const { key, id } = await tenancy.found();
    const { id: made, key: viewer } = await tenancy.createKey(key, {});
    await call('DELETE', `api-keys/${made}`, { key });
    const all = ['api-key.revoke', 'api-key.create', 'api-key.create', 'organization.create'];
    expect(await actionsOf(key)).toEqual(all);
    expect(await actionsOf(key, '?action=api-key.revoke')).toEqual(['api-key.revoke']);
    expect(await actionsOf(key, '?from=now%2B1h')).toEqual([]);
    expect(await actionsOf(key, `?actor=${encodeURIComponent('nobody')}`)).toEqual([]);
    const first = await call('GET', 'audit-log?limit=3', { key });
    expect(await actionsOf(key, `?cursor=${String(first.body['cursor'])}`)).toEqual(all.slice(3));
    expect((first.body['entries'] as object[])[0]).toMatchObject({
      at: new Date(NOW_MS).toISOString(),
      actor: { organization: id, user: null },
      target: made,
    });
    expect((await call('GET', 'audit-log?cursor=x', { key })).status).toBe(400);
    expect((await call('GET', 'audit-log?from=someday&to=never', { key })).status).toBe(400);
    expect(await tenancy.statusOf(viewer, 'audit-log')).not.toBe(200);
    const other = await tenancy.found();
    expect(JSON.stringify((await call('GET', 'audit-log', { key: other.key })).body)).not.toContain(made);
    for (const method of ['POST', 'PATCH', 'DELETE'] as const) {
      expect([404, 405]).toContain((await call(method, 'audit-log', { key, body: {} })).status);
    }
  });
});

const OWN_METRIC = {
  kind: 'base',
  title: 'x',
  description: '',
  unit: '1',
  direction: 'neutral',
  eventTypes: ['x'],
  aggregation: 'count',
  dimensions: [],
};

/** How to make each mutating route of administration succeed; one that is not here fails the test. */
const ACTS: Readonly<
  Record<string, { readonly action: string; readonly path?: (made: Made) => string; readonly body?: object }>
> = {
  'POST /api/v1/organizations': { action: 'organization.create', body: { id: 'audited', name: 'x' } },
  'PATCH /api/v1/organizations/:id': {
    action: 'organization.change',
    path: ({ id }) => id,
    body: { name: 'x' },
  },
  'DELETE /api/v1/organizations/:id': { action: 'organization.disable', path: ({ id }) => id },
  'PUT /api/v1/organization/settings': { action: 'settings.change', body: {} },
  'PUT /api/v1/packs/:key': { action: 'pack.disable', path: () => 'shop', body: { enabled: false } },
  'PUT /api/v1/metrics/:key': {
    action: 'metric.put',
    path: () => 'own.audited',
    body: OWN_METRIC,
  },
  'POST /api/v1/metrics/:key/backfill': { action: 'metric.backfill', path: () => 'own.made' },
  'DELETE /api/v1/metrics/:key': { action: 'metric.delete', path: () => 'own.made' },
  'POST /api/v1/users': { action: 'user.create', body: { id: 'new', name: 'x', role: 'viewer' } },
  'PATCH /api/v1/users/:id': { action: 'user.change', path: () => 'audited', body: { name: 'x' } },
  'DELETE /api/v1/users/:id': { action: 'user.delete', path: () => 'audited' },
  'POST /api/v1/api-keys': { action: 'api-key.create', body: { name: 'x', role: 'viewer' } },
  'POST /api/v1/api-keys/:id/rotate': {
    action: 'api-key.rotate',
    path: ({ key }) => key,
    body: { overlapSeconds: 0 },
  },
  'DELETE /api/v1/api-keys/:id': { action: 'api-key.revoke', path: ({ key }) => key },
  'POST /api/v1/analytics/aggregate': {
    action: 'rollups.rebuild',
    body: { from: '2026-01-14', to: '2026-01-15' },
  },
  'POST /api/v1/dead-letters/:id/replay': { action: 'dead-letter.replay', path: ({ letter }) => letter },
  'POST /api/v1/dead-letters/:id/discard': { action: 'dead-letter.discard', path: ({ letter }) => letter },
  'POST /api/v1/dead-letters/replay': { action: 'dead-letters.replay', body: {} },
  'DELETE /api/v1/cache': { action: 'cache.delete' },
  'DELETE /api/v1/analytics/cache': { action: 'cache.delete' },
};
/** They change nothing that anybody could miss: questions, exports, checks, answers made anew. */
const NO_ACTS: readonly string[] = [
  'POST /api/v1/query',
  'POST /api/v1/query/distribution',
  'POST /api/v1/query/export',
  'POST /api/v1/events/export',
  'POST /api/v1/live',
  'POST /api/v1/analytics/verify',
  'POST /api/v1/cache/refresh',
  'POST /api/v1/analytics/refresh-cache',
];

interface Made {
  readonly id: string;
  readonly key: string;
  readonly letter: string;
}

const MUTATING = ['POST', 'PUT', 'PATCH', 'DELETE'];

/** Things of the operator to act on. */
async function make(): Promise<Made> {
  const { id } = await tenancy.found();
  const { id: key } = await tenancy.createKey(tenancy.gateway.keyOf.admin, {});
  await call('POST', 'users', { body: { id: 'audited', name: 'x', role: 'viewer' } });
  await call('PUT', 'metrics/own.made', { body: OWN_METRIC });
  const letter = `ingest:${id}`;
  const event = { specversion: '1.0', id, source: '/shop', type: 'order.placed', data: {} };
  await tenancy.gateway.letters.add([
    {
      id: letter,
      organization: DEFAULT_ORGANIZATION,
      stage: 'ingest',
      code: 'invalid-event',
      detail: 'for tests',
      eventType: 'order.placed',
      eventSource: '/shop',
      eventId: id,
      arrivedAtMs: NOW_MS,
      attempt: 1,
      headers: {},
      value: Buffer.from(JSON.stringify(event)),
      state: 'open',
      replay: null,
      changedAtMs: NOW_MS,
    },
  ]);
  return { id, key, letter };
}

describe('every route that changes something', () => {
  it('is known to this test', async () => {
    await tenancy.gateway.app.ready();
    const mutating = tenancy.gateway.routes
      .filter(({ method, url }) => MUTATING.includes(method) && url.startsWith('/api/'))
      .map(({ method, url }) => `${method} ${url}`);
    const acts = mutating.filter((route) => !NO_ACTS.includes(route));
    expect(new Set(acts)).toEqual(new Set(Object.keys(ACTS)));
  });

  it.each(Object.entries(ACTS))('leaves an entry: %s', async (route, { action, path, body }) => {
    const made = await make();
    const [method = '', url = ''] = route.split(' ');
    const filled = url.replace('/api/v1/', '').replace(/:\w+/, encodeURIComponent(path?.(made) ?? ''));
    const answer = await call(method as TestMethod, filled, body === undefined ? {} : { body });
    expect([route, Math.floor(answer.status / 100)]).toEqual([route, 2]);
    const { body: log } = await call('GET', 'audit-log?limit=10');
    const entries = log['entries'] as readonly {
      readonly action: string;
      readonly requestId: string | null;
    }[];
    const own = entries.filter(({ requestId }) => requestId === answer.headers['x-request-id']);
    expect(own.map((entry) => entry.action)).toContain(action);
  });
});
