import { describe, expect, it } from '@jest/globals';
import { DEFAULT_ORGANIZATION_SETTINGS } from '@tidemark/core';
import { ACME, actor, GLOBEX, newKey, NOW_MS, type Replicas } from './harness.ts';

const unused = { revokedAtMs: null, lastUsedAtMs: null, successor: null };

export function describeKeys(replicas: () => Replicas): void {
  const catalog = () => replicas().first;

  describe('organizations', () => {
    it('are ensured once and found by id', async () => {
      const { organizations } = catalog();
      const state = { settings: DEFAULT_ORGANIZATION_SETTINGS, revision: 0, disabledAtMs: null };
      const acme = { id: ACME, name: 'Acme', createdAtMs: NOW_MS, ...state };
      expect(await organizations.ensure(ACME, 'Acme', NOW_MS)).toEqual(acme);
      expect(await organizations.ensure(ACME, 'Another name', NOW_MS + 1)).toEqual(acme);
      await organizations.ensure(GLOBEX, 'Globex', NOW_MS);
      expect(await organizations.find(ACME)).toEqual(acme);
      expect((await organizations.list({ after: null, limit: 10 })).map((entry) => entry.id)).toEqual([
        ACME,
        GLOBEX,
      ]);
    });

    it('answer null for a stranger', async () => {
      expect(await catalog().organizations.find(GLOBEX)).toBeNull();
    });

    it('are ensured by many at once', async () => {
      const { organizations } = catalog();
      const names = ['a', 'b', 'c', 'd'];
      const ensured = await Promise.all(names.map((name) => organizations.ensure(ACME, name, NOW_MS)));
      expect(new Set(ensured.map((entry) => entry.name)).size).toBe(1);
    });
  });

  describe('API keys', () => {
    it('are found by the id a stranger presents', async () => {
      const { apiKeys, organizations } = catalog();
      await organizations.ensure(ACME, 'Acme', NOW_MS);
      const created = await apiKeys.create(newKey({ expiresAtMs: NOW_MS + 1 }), actor());
      expect(created).toEqual({ ...newKey({ expiresAtMs: NOW_MS + 1 }), ...unused });
      expect(await apiKeys.find('key1')).toEqual(created);
      expect(await apiKeys.find('key2')).toBeNull();
    });

    it('refuse a taken id, of any organization', async () => {
      const { apiKeys, organizations } = catalog();
      await organizations.ensure(ACME, 'Acme', NOW_MS);
      await organizations.ensure(GLOBEX, 'Globex', NOW_MS);
      await apiKeys.create(newKey(), actor());
      await expect(apiKeys.create(newKey({ organization: GLOBEX }), actor())).rejects.toMatchObject({
        code: 'conflict',
      });
    });

    it('refuse an organization that does not exist', async () => {
      await expect(catalog().apiKeys.create(newKey(), actor())).rejects.toMatchObject({ code: 'not-found' });
    });

    it('are listed newest first, revoked ones included, within their organization', async () => {
      const { apiKeys, organizations } = catalog();
      await organizations.ensure(ACME, 'Acme', NOW_MS);
      await organizations.ensure(GLOBEX, 'Globex', NOW_MS);
      await apiKeys.create(newKey({ publicId: 'old', createdAtMs: NOW_MS - 1 }), actor());
      await apiKeys.create(newKey({ publicId: 'new' }), actor());
      await apiKeys.create(newKey({ publicId: 'foreign', organization: GLOBEX }), actor());
      await apiKeys.revoke(ACME, 'old', actor());
      expect((await apiKeys.list(ACME)).map((key) => key.publicId)).toEqual(['new', 'old']);
    });

    it('keep the first time of their revocation and obey their organization only', async () => {
      const { apiKeys, organizations } = catalog();
      await organizations.ensure(ACME, 'Acme', NOW_MS);
      await apiKeys.create(newKey(), actor());
      expect(await apiKeys.revoke(GLOBEX, 'key1', actor())).toBe(false);
      expect(await apiKeys.revoke(ACME, 'key1', actor())).toBe(true);
      expect(await apiKeys.revoke(ACME, 'key1', actor(ACME, NOW_MS + 5))).toBe(true);
      expect(await apiKeys.find('key1')).toMatchObject({ revokedAtMs: NOW_MS });
    });
  });

  describe('the first API key of an organization', () => {
    it('is created once, whoever has one already', async () => {
      const { apiKeys, organizations } = catalog();
      await organizations.ensure(ACME, 'Acme', NOW_MS);
      await organizations.ensure(GLOBEX, 'Globex', NOW_MS);
      await apiKeys.create(newKey({ publicId: 'foreign', organization: GLOBEX }), actor());
      expect(await apiKeys.createFirst(newKey(), actor())).toEqual({ ...newKey(), ...unused });
      expect(await apiKeys.createFirst(newKey({ publicId: 'key2' }), actor())).toBeNull();
      await apiKeys.revoke(ACME, 'key1', actor());
      expect(await apiKeys.createFirst(newKey({ publicId: 'key2' }), actor())).toBeNull();
      expect((await apiKeys.list(ACME)).map((key) => key.publicId)).toEqual(['key1']);
    });

    it('refuses an organization that does not exist, and a taken id', async () => {
      const { apiKeys, organizations } = catalog();
      await expect(apiKeys.createFirst(newKey(), actor())).rejects.toMatchObject({ code: 'not-found' });
      await organizations.ensure(ACME, 'Acme', NOW_MS);
      await organizations.ensure(GLOBEX, 'Globex', NOW_MS);
      await apiKeys.create(newKey({ organization: GLOBEX }), actor());
      await expect(apiKeys.createFirst(newKey(), actor())).rejects.toMatchObject({ code: 'conflict' });
      expect(await apiKeys.list(ACME)).toEqual([]);
    });

    it('goes to one of those who ask for it at once', async () => {
      const { first, second } = replicas();
      await first.organizations.ensure(ACME, 'Acme', NOW_MS);
      const asked = Array.from({ length: 12 }, (_, index) => {
        const { apiKeys } = index % 2 === 0 ? first : second;
        return apiKeys.createFirst(newKey({ publicId: `key${index}` }), actor());
      });
      const given = (await Promise.all(asked)).filter((key) => key !== null);
      expect(given).toHaveLength(1);
      expect(await second.apiKeys.list(ACME)).toEqual(given);
    });
  });
}
