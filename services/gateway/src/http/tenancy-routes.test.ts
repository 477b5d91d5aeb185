/** Administration on the embedded catalog: what one may do, and what others must not. */
import { parseOrganizationId } from '@tidemark/core';
import type { OrganizationId } from '@tidemark/core';
import { RECORD_CACHE_MS } from '@tidemark/runtime';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { TEST_PACK } from '../test-pack.ts';
import { openTestTenancy, START_TIMEOUT_MS } from '../test-tenancy.ts';
import type { TestTenancy } from '../test-tenancy.ts';
import { NOW_MS } from '../testing.ts';

let tenancy: TestTenancy;
beforeAll(async () => {
  tenancy = await openTestTenancy();
}, START_TIMEOUT_MS);
afterAll(() => tenancy.close());
afterEach(() => tenancy.gateway.setNow(NOW_MS));

const call: TestTenancy['call'] = (...asked) => tenancy.call(...asked);
const found: TestTenancy['found'] = (limits) => tenancy.found(limits);
const statusOf: TestTenancy['statusOf'] = (key, path) => tenancy.statusOf(key, path);
const createKey: TestTenancy['createKey'] = (key, body) => tenancy.createKey(key, body);

describe('organizations', () => {
  it('are created by the operator, with a first admin key that is shown once', async () => {
    const { id, key } = await found({ requestsPer10s: 77 });
    const { body } = await call('GET', `organizations/${id}`, { key });
    expect(body).toMatchObject({ id, disabledAt: null, settings: { limits: { requestsPer10s: 77 } } });
    const again = await call('POST', 'organizations', { body: { id, name: 'Again' } });
    expect([again.status, again.body['code']]).toEqual([409, 'conflict']);
    const list = await call('GET', 'api-keys', { key });
    expect(JSON.stringify(list.body)).not.toContain(key);
  });

  it('are all seen by the operator, page by page, and by others only their own', async () => {
    const { id, key } = await found();
    await found();
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const { body } = await call(
        'GET',
        `organizations?limit=1${cursor === null ? '' : `&cursor=${cursor}`}`,
      );
      seen.push(...(body['organizations'] as { id: string }[]).map((one) => one.id));
      cursor = body['cursor'] as string | null;
    } while (cursor !== null);
    expect(seen).toEqual(expect.arrayContaining(['default', id]));
    expect(seen).toEqual([...new Set(seen)].toSorted());
    const own = await call('GET', 'organizations', { key });
    expect(own.body).toMatchObject({ organizations: [{ id }], cursor: null });
  });

  it('are neither created nor granted anything by others, who may call themselves what they like', async () => {
    const { id, key } = await found();
    const other = await found();
    const refused = await call('POST', 'organizations', { key, body: { id: 'mine', name: 'x' } });
    expect(refused.status).toBe(403);
    const path = `organizations/${id}`;
    const grant = { limits: { requestsPer10s: 1_000_000 } };
    expect((await call('PATCH', path, { key, body: grant })).status).toBe(403);
    expect((await call('PATCH', path, { key, body: { disabled: false } })).status).toBe(403);
    expect((await call('DELETE', path, { key })).status).toBe(403);
    expect((await call('PATCH', path, { key, body: { name: 'Ours' } })).body).toMatchObject({ name: 'Ours' });
    for (const method of ['GET', 'PATCH', 'DELETE'] as const) {
      const options = { key, ...(method === 'PATCH' ? { body: { name: 'x' } } : {}) };
      for (const strange of [other.id, 'default', 'nobody', 'NO%00']) {
        const { status, body } = await call(method, `organizations/${strange}`, options);
        expect([method, strange, status, body['code']]).toEqual([method, strange, 404, 'not-found']);
      }
    }
  });

  it('let nobody in within seconds of being disabled, and everybody once enabled again', async () => {
    const { id, key } = await found();
    expect(await statusOf(key)).toBe(200);
    expect((await call('DELETE', `organizations/${id}`)).status).toBe(204);
    tenancy.gateway.setNow(NOW_MS + RECORD_CACHE_MS);
    const refused = await call('GET', 'packs', { key });
    expect([refused.status, refused.body['code']]).toEqual([403, 'forbidden']);
    await call('PATCH', `organizations/${id}`, { body: { disabled: false } });
    tenancy.gateway.setNow(NOW_MS + 2 * RECORD_CACHE_MS);
    expect(await statusOf(key)).toBe(200);
  });

  it('always keep the operator able to administer', async () => {
    for (const options of [{ body: { disabled: true } }, {}]) {
      const answer = await call('body' in options ? 'PATCH' : 'DELETE', 'organizations/default', options);
      expect(answer.status).toBe(409);
    }
  });

  it('are limited as a whole, over all their keys', async () => {
    const { key } = await found({ requestsPer10s: 2 });
    const { key: viewer } = await createKey(key, {});
    const second = await call('GET', 'packs', { key: viewer });
    expect(second.headers['ratelimit-policy']).toBe(
      '"requests";q=1000;w=10, "organization-requests";q=2;w=10',
    );
    expect(second.headers['ratelimit']).toMatch(/^"requests";r=999;t=10, "organization-requests";r=0;t=10$/);
    const refused = await call('GET', 'packs', { key });
    expect([refused.status, refused.headers['retry-after']]).toEqual([429, '10']);
    expect(refused.body['detail']).toContain('organization-requests');
  });
});

describe('settings and packs', () => {
  it('are replaced as a whole, but for the limits', async () => {
    const { key, id } = await found({ timeoutMs: 500 });
    const read = async () => (await call('GET', 'organization/settings', { key })).body;
    const before = await read();
    expect(before).toEqual({
      enabledPacks: null,
      limits: { timeoutMs: 500 },
      fiscalYearStart: 1,
      timeZone: 'UTC',
      weekStart: 'monday',
    });
    const put = (body: object) => call('PUT', 'organization/settings', { key, body });
    const first = { fiscalYearStart: 4, timeZone: 'europe/berlin', weekStart: 'sunday', enabledPacks: [] };
    expect((await put(first)).body).toEqual({ ...before, ...first, timeZone: 'Europe/Berlin' });
    const second = await put({ ...before, weekStart: 'saturday' });
    expect(second.body).toEqual({ ...before, weekStart: 'saturday' });
    expect((await put({ limits: {} })).status).toBe(403);
    expect((await put({ timeZone: 'Nowhere', enabledPacks: ['shop', 'none'] })).status).toBe(400);
    expect((await put({ enabledPacks: ['none'] })).body).toMatchObject({
      errors: [{ pointer: '/enabledPacks' }],
    });
    expect(await read()).toEqual(second.body);
    const organization = parseOrganizationId(id) as OrganizationId;
    expect(await tenancy.catalog.definitions.revisionOf(organization)).toBe(2);
  });

  it('turn packs off and on, for this organization alone', async () => {
    const { key } = await found();
    const set = async (pack: string, enabled: boolean) =>
      await call('PUT', `packs/${pack}`, { key, body: { enabled } });
    expect((await set('shop', false)).body).toMatchObject({ key: TEST_PACK.key, enabled: false });
    expect((await call('GET', 'packs', { key })).body).toMatchObject({
      packs: [{ key: 'shop', enabled: false }],
    });
    expect((await call('GET', 'packs')).body).toMatchObject({ packs: [{ key: 'shop', enabled: true }] });
    expect((await set('shop', true)).body).toMatchObject({ enabled: true });
    expect((await set('none', true)).status).toBe(404);
  });
});

describe('users', () => {
  it('are those of the organization: of others they are not there', async () => {
    const [ours, theirs] = [await found(), await found()];
    const ada = { id: 'ada/1', name: 'Ada', role: 'viewer', email: 'ada@acme.example' };
    const created = await call('POST', 'users', { key: ours.key, body: ada });
    expect([created.status, created.body]).toMatchObject([201, { ...ada, identity: null }]);
    expect((await call('POST', 'users', { key: ours.key, body: ada })).status).toBe(409);
    expect((await call('POST', 'users', { key: ours.key, body: { ...ada, id: 'me' } })).status).toBe(409);
    const path = `users/${encodeURIComponent(ada.id)}`;
    expect((await call('GET', path, { key: ours.key })).body).toEqual(created.body);
    for (const [method, body] of [['GET'], ['PATCH', { name: 'x' }], ['DELETE']] as const) {
      const options = { key: theirs.key, ...(body === undefined ? {} : { body }) };
      expect((await call(method, path, options)).status).toBe(404);
      expect((await call(method, 'users/%00', { ...options, key: ours.key })).status).toBe(404);
    }
    expect((await call('GET', 'users', { key: theirs.key })).body).toEqual({ users: [], cursor: null });
    const changed = await call('PATCH', path, { key: ours.key, body: { email: null } });
    expect(changed.body).toMatchObject({ name: 'Ada', email: null });
    const list = await call('GET', 'users?limit=1', { key: ours.key });
    expect(list.body['users']).toHaveLength(1);
    expect(
      (await call('GET', `users?cursor=${String(list.body['cursor'])}`, { key: ours.key })).body,
    ).toMatchObject({
      users: [],
    });
    expect((await call('GET', 'users?cursor=!', { key: ours.key })).status).toBe(400);
  });

  it('see themselves with their own key, and nobody else', async () => {
    const { key } = await found();
    for (const id of ['ada', 'bob'])
      await call('POST', 'users', { key, body: { id, name: id, role: 'viewer' } });
    const { key: own } = await createKey(key, { user: 'ada' });
    expect((await call('GET', 'users/me', { key: own })).body).toMatchObject({ id: 'ada' });
    for (const path of ['users', 'users/ada', 'users/bob']) expect(await statusOf(own, path)).toBe(403);
    expect(await statusOf(key, 'users/me')).toBe(404);
  });

  it('have no key beyond their role, and none once they are gone', async () => {
    const { key } = await found();
    await call('POST', 'users', { key, body: { id: 'ada', name: 'Ada', role: 'viewer' } });
    const admin = { name: 'k', role: 'admin', user: 'ada' };
    expect((await call('POST', 'api-keys', { key, body: admin })).status).toBe(403);
    expect((await call('POST', 'api-keys', { key, body: { ...admin, user: 'bob' } })).status).toBe(404);
    const { key: own } = await createKey(key, { user: 'ada' });
    expect(await statusOf(own)).toBe(200);
    await call('DELETE', 'users/ada', { key });
    tenancy.gateway.setNow(NOW_MS + RECORD_CACHE_MS);
    expect(await statusOf(own)).toBe(401);
  });
});

describe('keys in full', () => {
  it('do what their scopes leave of their role', async () => {
    const { key } = await found();
    const { key: asker } = await createKey(key, { role: 'admin', scopes: ['query:read'] });
    expect(await statusOf(asker)).toBe(200);
    expect(await statusOf(asker, 'users')).toBe(403);
    const { key: keeper } = await createKey(key, { role: 'admin', scopes: ['admin'] });
    expect(await statusOf(keeper)).toBe(403);
    expect(await statusOf(keeper, 'users')).toBe(200);
    const { key: viewer } = await createKey(key, { role: 'viewer', scopes: ['admin', 'query:read'] });
    expect(await statusOf(viewer, 'users')).toBe(403);
  });

  it('give no more than they have', async () => {
    const { key } = await found();
    const { id: all } = await createKey(key, {});
    const { key: keeper } = await createKey(key, { role: 'admin', scopes: ['admin'] });
    for (const given of [{}, { scopes: ['query:read'] }, { scopes: ['admin', 'events:write'] }]) {
      const body = { name: 'k', role: 'admin', ...given };
      expect((await call('POST', 'api-keys', { key: keeper, body })).status).toBe(403);
    }
    await createKey(keeper, { role: 'admin', scopes: ['admin'] });
    const rotated = await call('POST', `api-keys/${all}/rotate`, {
      key: keeper,
      body: { overlapSeconds: 0 },
    });
    expect(rotated.status).toBe(403);
  });

  it('are rotated: both work for the overlap, then the new one alone', async () => {
    const { key } = await found();
    const expiresAt = new Date(NOW_MS + 3_600_000).toISOString();
    const old = await createKey(key, { scopes: ['query:read'], expiresAt });
    tenancy.gateway.setNow(NOW_MS + 1_000);
    const rotate = () => call('POST', `api-keys/${old.id}/rotate`, { key, body: { overlapSeconds: 60 } });
    const { status, body } = await rotate();
    expect([status, body]).toMatchObject([
      201,
      { role: 'viewer', scopes: ['query:read'], expiresAt: new Date(NOW_MS + 3_601_000).toISOString() },
    ]);
    const next = body as { id: string; key: string };
    expect([await statusOf(old.key), await statusOf(next.key)]).toEqual([200, 200]);
    expect((await rotate()).status).toBe(409);
    tenancy.gateway.setNow(NOW_MS + 61_000 + RECORD_CACHE_MS);
    expect([await statusOf(old.key), await statusOf(next.key)]).toEqual([401, 200]);
    const { body: list } = await call('GET', 'api-keys', { key });
    const listed = (
      list['apiKeys'] as { id: string; successor: string | null; lastUsedAt: string | null }[]
    ).find(({ id }) => id === old.id);
    expect(listed).toMatchObject({ successor: next.id, lastUsedAt: expect.stringContaining('2026-01-15') });
  });

  it('are not rotated when revoked, by strangers, or for longer than is allowed', async () => {
    const [ours, theirs] = [await found(), await found()];
    const { id } = await createKey(ours.key, {});
    const rotate = async (key: string, overlapSeconds: number) =>
      (await call('POST', `api-keys/${id}/rotate`, { key, body: { overlapSeconds } })).status;
    expect(await rotate(theirs.key, 0)).toBe(404);
    expect(await rotate(ours.key, 7 * 86_400 + 1)).toBe(400);
    expect((await call('DELETE', `api-keys/${id}`, { key: theirs.key })).status).toBe(404);
    expect((await call('DELETE', `api-keys/${id}`, { key: ours.key })).status).toBe(204);
    expect(await rotate(ours.key, 0)).toBe(409);
  });
});
