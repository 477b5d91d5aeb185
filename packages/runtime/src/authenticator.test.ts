import { AppError, parseOrganizationId, type ApiKeyRecord, type OrganizationId } from '@tidemark/core';
import { describe, expect, it } from '@jest/globals';
import { mintApiKey } from './api-key.ts';
import { assertRole, createAuthenticator, KEY_CACHE_MS, KEY_STALE_MS } from './authenticator.ts';
import { createTelemetry } from './telemetry.ts';
import { createManualClock } from './testing.ts';

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
      createdAtMs: 0,
      expiresAtMs: null,
      revokedAtMs: null,
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
  const authenticator = createAuthenticator({ findKey, clock, telemetry });
  return { authenticator, clock, key: minted.key, minted, state };
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
    const principal = await authenticator.authenticate(headers(key));
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
    await expect(authenticator.authenticate({})).rejects.toMatchObject({ code: 'unauthenticated' });
    expect(state.lookups).toBe(1);
  });

  it('notices a revocation within the life of the cache', async () => {
    const { authenticator, clock, key, state } = setUp();
    await authenticator.authenticateKey(key);
    if (state.record !== null) state.record = { ...state.record, revokedAtMs: clock.nowMs() };
    clock.advance(KEY_CACHE_MS - 1);
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
    clock.advance(KEY_CACHE_MS);
    await expect(authenticator.authenticateKey(key)).resolves.toMatchObject({ role: 'producer' });
    clock.advance(5_000);
    await expect(authenticator.authenticateKey(key)).rejects.toMatchObject({ code: 'unauthenticated' });
  });

  it('takes known keys through an outage of the catalog, for a while, and no others', async () => {
    const { authenticator, clock, key, state } = setUp();
    const other = mintApiKey((size) => new Uint8Array(size).fill(9)).key;
    await authenticator.authenticateKey(key);
    state.outage = true;
    clock.advance(KEY_STALE_MS);
    await expect(authenticator.authenticateKey(key)).resolves.toMatchObject({ role: 'producer' });
    await expect(authenticator.authenticateKey(other)).rejects.toMatchObject({ code: 'catalog-unavailable' });
    clock.advance(KEY_CACHE_MS);
    await expect(authenticator.authenticateKey(key)).rejects.toMatchObject({ code: 'catalog-unavailable' });
  });

  it('refuses a right id with a wrong secret', async () => {
    const { authenticator } = setUp({ secretHash: 'ab'.repeat(32) });
    const { key } = setUp();
    await expect(authenticator.authenticateKey(key)).rejects.toMatchObject({ code: 'unauthenticated' });
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
});
