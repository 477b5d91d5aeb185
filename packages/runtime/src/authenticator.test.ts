import { AppError, parseOrganizationId, type ApiKeyRecord, type OrganizationId } from '@tidemark/core';
import { describe, expect, it } from '@jest/globals';
import { mintApiKey } from './api-key.ts';
import { assertRole, AUTH_FAILURES_POLICY, createAuthenticator } from './authenticator.ts';
import { createRateLimiter } from './rate-limit.ts';
import { RECORD_CACHE_MS, RECORD_STALE_MS } from './record-cache.ts';
import { createTelemetry } from './telemetry.ts';
import { createManualClock, createTestCounters, createTestLog } from './testing.ts';

function setUp(initial: Partial<ApiKeyRecord> = {}) {
  let salt = 0;
  const minted = mintApiKey((size) => new Uint8Array(size).fill((salt += 1)));
  const clock = createManualClock(1_000_000);
  const state: { record: ApiKeyRecord | null; lookups: number; outage: boolean } = {
    record: {
      publicId: minted.publicId,
      secretHash: minted.secretHash,
      organization: parseOrganizationId('acme') as OrganizationId,
      name: 'k',
      role: 'producer',
      scopes: null,
      user: null,
      createdAtMs: 0,
      expiresAtMs: null,
      revokedAtMs: null,
      lastUsedAtMs: null,
      successor: null,
      ...initial,
    },
    lookups: 0,
    outage: false,
  };
  const findKey = async (publicId: string) => {
    state.lookups += 1;
    if (state.outage) throw new AppError('catalog-unavailable', 'down');
    return publicId === minted.publicId ? state.record : null;
  };
  const telemetry = createTelemetry({ withProcessFigures: false });
  const { log } = createTestLog();
  const rateLimiter = createRateLimiter({ counters: createTestCounters(), clock, log, telemetry });
  const authenticator = createAuthenticator({ findKey, tokens: null, rateLimiter, clock, telemetry });
  return {
    authenticator: {
      ...authenticator,
      authenticateKey: (text: string, ip = '192.0.2.1') => authenticator.authenticateToken(text, ip),
    },
    clock,
    key: minted.key,
    minted,
    state,
  };
}

describe('createAuthenticator', () => {
  it.each([
    ['Bearer', (key: string) => ({ authorization: `bearer ${key}` })],
    ['X-API-Key', (key: string) => ({ 'x-api-key': key })],
    [
      'Basic user',
      (key: string) => ({ authorization: `Basic ${Buffer.from(`${key}:`).toString('base64')}` }),
    ],
    [
      'Basic password',
      (key: string) => ({ authorization: `Basic ${Buffer.from(`u:${key}`).toString('base64')}` }),
    ],
  ])('takes a key as %s', async (_how, headers) => {
    const { authenticator, key, minted } = setUp();
    const principal = await authenticator.authenticate({ headers: headers(key), ip: '192.0.2.1' });
    expect(principal).toEqual({
      organization: 'acme',
      role: 'producer',
      credentialId: minted.publicId,
      user: null,
    });
  });

  it('looks up a key once for many simultaneous requests, and garbage never', async () => {
    const { authenticator, key, state } = setUp();
    await Promise.all(Array.from({ length: 50 }, () => authenticator.authenticateKey(key)));
    expect(state.lookups).toBe(1);
    await expect(authenticator.authenticateKey('tm_garbage')).rejects.toMatchObject({
      code: 'unauthenticated',
    });
    await expect(authenticator.authenticate({ headers: {}, ip: undefined })).rejects.toMatchObject({
      code: 'unauthenticated',
    });
    expect(state.lookups).toBe(1);
  });

  it('notices a revocation within the life of the cache', async () => {
    const { authenticator, clock, key, state } = setUp();
    await authenticator.authenticateKey(key);
    if (state.record !== null) state.record = { ...state.record, revokedAtMs: clock.nowMs() };
    clock.advance(RECORD_CACHE_MS - 1);
    await expect(authenticator.authenticateKey(key)).resolves.toMatchObject({ role: 'producer' });
    clock.advance(1);
    await expect(authenticator.authenticateKey(key)).rejects.toMatchObject({ code: 'unauthenticated' });
  });

  it('notices a new key within the same time, and expiry at once', async () => {
    const { authenticator, clock, key, state } = setUp({ expiresAtMs: 1_010_000 });
    const { record } = state;
    state.record = null;
    await expect(authenticator.authenticateKey(key)).rejects.toMatchObject({ code: 'unauthenticated' });
    state.record = record;
    clock.advance(RECORD_CACHE_MS);
    await expect(authenticator.authenticateKey(key)).resolves.toMatchObject({ role: 'producer' });
    clock.advance(5_000);
    await expect(authenticator.authenticateKey(key)).rejects.toMatchObject({ code: 'unauthenticated' });
  });

  it('takes known keys through an outage of the catalog, for a while, and no others', async () => {
    const { authenticator, clock, key, state } = setUp();
    const other = mintApiKey((size) => new Uint8Array(size).fill(9)).key;
    await authenticator.authenticateKey(key);
    state.outage = true;
    clock.advance(RECORD_STALE_MS);
    await expect(authenticator.authenticateKey(key)).resolves.toMatchObject({ role: 'producer' });
    await expect(authenticator.authenticateKey(other)).rejects.toMatchObject({ code: 'catalog-unavailable' });
    clock.advance(RECORD_CACHE_MS);
    await expect(authenticator.authenticateKey(key)).rejects.toMatchObject({ code: 'catalog-unavailable' });
  });

  it('tells the user and the scopes of a key', async () => {
    const { authenticator, key } = setUp({ user: 'user-1', scopes: ['events:write'] });
    const principal = await authenticator.authenticateKey(key);
    expect(principal).toMatchObject({ user: 'user-1', scopes: ['events:write'] });
  });

  it('refuses a right id with a wrong secret', async () => {
    const { authenticator } = setUp({ secretHash: 'ab'.repeat(32) });
    const { key } = setUp();
    await expect(authenticator.authenticateKey(key)).rejects.toMatchObject({ code: 'unauthenticated' });
  });

  it('answers a client with too many wrong credentials that it is limited, and lets its good ones through', async () => {
    const { authenticator, clock, key } = setUp();
    const wrong = () => authenticator.authenticateKey('tm_wrong', '2001:db8:0:1::7');
    for (let count = 0; count < AUTH_FAILURES_POLICY.quota; count += 1)
      await expect(wrong()).rejects.toMatchObject({ code: 'unauthenticated' });
    await expect(wrong()).rejects.toMatchObject({ code: 'rate-limited', retryAfterSeconds: 20 });
    // The same client by another address of its network; another client; a good key; none at all.
    const limited = authenticator.authenticateKey('tm_wrong', '2001:db8:0:1:ffff::1');
    await expect(limited).rejects.toMatchObject({ code: 'rate-limited' });
    const other = authenticator.authenticateKey('tm_wrong', '2001:db8:0:2::7');
    await expect(other).rejects.toMatchObject({ code: 'unauthenticated' });
    await expect(authenticator.authenticateKey(key, '2001:db8:0:1::7')).resolves.toMatchObject({
      role: 'producer',
    });
    const absent = authenticator.authenticate({ headers: {}, ip: '2001:db8:0:1::7' });
    await expect(absent).rejects.toMatchObject({ code: 'unauthenticated' });
    clock.advance(AUTH_FAILURES_POLICY.windowSeconds * 1_000);
    await expect(wrong()).rejects.toMatchObject({ code: 'unauthenticated' });
  });
});

describe('assertRole', () => {
  const principal = {
    organization: parseOrganizationId('acme') as OrganizationId,
    credentialId: 'k',
    user: null,
  };
  it('lets admins do everything and others what their role says', () => {
    expect(() => assertRole({ ...principal, role: 'admin' }, 'producer')).not.toThrow();
    expect(() => assertRole({ ...principal, role: 'viewer' }, 'producer')).toThrow(/has the role viewer/);
  });

  it('holds a credential to its scopes, beneath its role', () => {
    const held = { ...principal, role: 'admin', scopes: ['query:read'] } as const;
    expect(() => assertRole(held, 'viewer')).not.toThrow();
    expect(() => assertRole(held, 'admin')).toThrow(/is held to query:read, this needs admin/);
    expect(() => assertRole({ ...held, scopes: [] }, 'viewer')).toThrow(/is held to/);
    expect(() => assertRole({ ...held, role: 'viewer', scopes: ['admin'] }, 'admin')).toThrow(/has the role/);
  });
});
