import { describe, expect, it } from '@jest/globals';
import { systemActor } from '@tidemark/catalog';
import { AppError } from '@tidemark/core';
import { hashSecret, mintApiKey, parseApiKey } from '@tidemark/runtime';
import { createMemoryApiKeys, createMemoryOrganizations, createTestBytes, NOW_MS } from '../testing.ts';
import { DEFAULT_ORGANIZATION, ensureDefaultOrganization } from './bootstrap.ts';

const KEY = mintApiKey(createTestBytes('operator')).key;

function createStart(bootstrapKey: string | null) {
  const catalog = { organizations: createMemoryOrganizations(), apiKeys: createMemoryApiKeys() };
  const clock = { nowMs: () => NOW_MS, sleep: () => Promise.resolve() };
  const start = (key = bootstrapKey) =>
    ensureDefaultOrganization({ catalog, clock, randomBytes: createTestBytes('minted'), bootstrapKey: key });
  return { catalog, start };
}

describe('the first start', () => {
  it('mints an admin key that works, once', async () => {
    const { catalog, start } = createStart(null);
    const key = await start();
    const presented = parseApiKey(key ?? '');
    if (presented === null) throw new Error('a key was minted');
    expect(catalog.apiKeys.records.get(presented.publicId)).toMatchObject({
      organization: DEFAULT_ORGANIZATION,
      role: 'admin',
      secretHash: hashSecret(presented.secret),
      expiresAtMs: null,
    });
    expect(await start()).toBeNull();
    expect(catalog.apiKeys.records.size).toBe(1);
    expect(await catalog.organizations.list({ after: null, limit: 10 })).toHaveLength(1);
  });

  it('mints none after all keys were revoked: nobody gets in by a restart', async () => {
    const { catalog, start } = createStart(null);
    await start();
    for (const id of catalog.apiKeys.records.keys())
      await catalog.apiKeys.revoke(DEFAULT_ORGANIZATION, id, systemActor(DEFAULT_ORGANIZATION, NOW_MS));
    expect(await start()).toBeNull();
  });

  it('takes the key of the operator, however many instances start with it', async () => {
    const { catalog, start } = createStart(KEY);
    expect(await Promise.all([start(), start(), start()])).toEqual([null, null, null]);
    expect(await start()).toBeNull();
    expect([...catalog.apiKeys.records.keys()]).toEqual([parseApiKey(KEY)?.publicId]);
  });

  it.each(['', 'tm_x', `${KEY}0`, KEY.replace(/.$/, 'g')])(
    'refuses %j, and says nothing of it',
    async (key) => {
      const { catalog, start } = createStart(key);
      const error: unknown = await start().catch((caught: unknown) => caught);
      expect(error).toMatchObject({ code: 'invalid-config' });
      if (key !== '') expect(String(error)).not.toContain(key);
      expect(catalog.apiKeys.records.size).toBe(0);
    },
  );

  it('refuses a key whose public part is known with another secret', async () => {
    const { catalog, start } = createStart(KEY);
    await start();
    const [[publicId, record] = []] = catalog.apiKeys.records;
    if (publicId === undefined || record === undefined) throw new Error('the key is known');
    catalog.apiKeys.records.set(publicId, { ...record, secretHash: hashSecret('another') });
    await expect(start()).rejects.toMatchObject({ code: 'invalid-config' });
  });

  it('fails when the key can neither be stored nor found', async () => {
    const { catalog, start } = createStart(KEY);
    catalog.apiKeys.create = () => Promise.reject(new AppError('catalog-unavailable', 'away'));
    await expect(start()).rejects.toMatchObject({ code: 'catalog-unavailable' });
  });
});
