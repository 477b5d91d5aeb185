import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { systemActor } from '@tidemark/catalog';
import { parseOrganizationId } from '@tidemark/core';
import { parseApiKey, RECORD_CACHE_MS } from '@tidemark/runtime';
import { createTestGateway, NOW_MS } from '../testing.ts';
import type { TestGateway } from '../testing.ts';

const NAME_LENGTH_MAX = 200;

const PATH = '/api/v1/api-keys';
let gateway: TestGateway;
beforeEach(async () => {
  gateway = await createTestGateway();
});
afterEach(() => gateway.app.close());

const as = (key: string) => ({ authorization: `Bearer ${key}` });
const create = (body: object, key = gateway.keyOf.admin) =>
  gateway.app.inject({ method: 'POST', url: PATH, headers: as(key), payload: body });
const statusOf = async (key: string) =>
  (await gateway.app.inject({ url: '/api/v1/metrics', headers: as(key) })).statusCode;
const revoke = async (id: string, key = gateway.keyOf.admin) =>
  (await gateway.app.inject({ method: 'DELETE', url: `${PATH}/${id}`, headers: as(key) })).statusCode;

interface Created {
  readonly id: string;
  readonly key: string;
}

describe('API keys', () => {
  it('work from their creation until they are revoked', async () => {
    const response = await create({ name: 'a reader', role: 'viewer' });
    expect([response.statusCode, response.headers['cache-control']]).toEqual([201, 'private, no-store']);
    const { id, key } = response.json<Created>();
    expect(response.json()).toEqual({
      id,
      key,
      name: 'a reader',
      role: 'viewer',
      scopes: null,
      user: null,
      createdAt: new Date(NOW_MS).toISOString(),
      expiresAt: null,
      revokedAt: null,
      lastUsedAt: null,
      successor: null,
    });
    expect(await statusOf(key)).toBe(200);
    expect(await revoke(id)).toBe(204);
    gateway.setNow(NOW_MS + RECORD_CACHE_MS);
    expect(await statusOf(key)).toBe(401);
    expect(await revoke(id)).toBe(204);
    expect(gateway.apiKeys.records.get(id)?.revokedAtMs).toBe(NOW_MS);
  });

  it('are listed without anything of their secrets', async () => {
    const { id, key } = (await create({ name: 'a reader', role: 'viewer' })).json<Created>();
    const response = await gateway.app.inject({ url: PATH, headers: as(gateway.keyOf.admin) });
    const { apiKeys } = response.json<{ apiKeys: { id: string }[] }>();
    expect(apiKeys[0]?.id).toBe(id);
    expect(apiKeys).toHaveLength(4);
    expect(response.body).not.toContain(parseApiKey(key)?.secret);
    expect(response.body).not.toContain(gateway.apiKeys.records.get(id)?.secretHash);
  });

  it('stop working when they expire', async () => {
    const expiresAt = new Date(NOW_MS + 60_000).toISOString();
    const { key } = (await create({ name: 'short', role: 'viewer', expiresAt })).json<Created>();
    expect(await statusOf(key)).toBe(200);
    gateway.setNow(NOW_MS + 60_000);
    expect(await statusOf(key)).toBe(401);
  });

  it.each([
    ['an expiry in the past', { name: 'n', role: 'viewer', expiresAt: new Date(NOW_MS - 1).toISOString() }],
    ['an expiry now', { name: 'n', role: 'viewer', expiresAt: new Date(NOW_MS).toISOString() }],
    ['an expiry that is no instant', { name: 'n', role: 'viewer', expiresAt: 'tomorrow' }],
    ['another role', { name: 'n', role: 'owner' }],
    ['no name', { name: '', role: 'viewer' }],
    ['a name with a NUL', { name: 'a\u0000b', role: 'viewer' }],
    ['a name too long', { name: 'n'.repeat(NAME_LENGTH_MAX + 1), role: 'viewer' }],
    ['an organization', { name: 'n', role: 'viewer', organization: 'other' }],
  ])('are refused with %s', async (_, body) => {
    const known = gateway.apiKeys.records.size;
    const response = await create(body);
    expect([response.statusCode, response.json<{ code: string }>().code]).toEqual([400, 'invalid-request']);
    expect(gateway.apiKeys.records.size).toBe(known);
  });

  it('of another organization are neither listed nor revoked', async () => {
    const organization = parseOrganizationId('other');
    if (organization === null) throw new Error('other is an organization id');
    const strange = {
      publicId: 'strange',
      organization,
      secretHash: '',
      name: 'theirs',
      role: 'admin',
    } as const;
    await gateway.apiKeys.create(
      { ...strange, scopes: null, user: null, createdAtMs: 0, expiresAtMs: null },
      systemActor(organization, 0),
    );
    const { body } = await gateway.app.inject({ url: PATH, headers: as(gateway.keyOf.admin) });
    expect(body).not.toContain('strange');
    expect(await revoke('strange')).toBe(404);
    expect(gateway.apiKeys.records.get('strange')?.revokedAtMs).toBeNull();
  });

  it.each(['unknown', '%00', "'", encodeURIComponent('ü')])('are not found under %s', async (id) => {
    expect(await revoke(id)).toBe(404);
  });
});
