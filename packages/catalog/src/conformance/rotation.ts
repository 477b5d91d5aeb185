import { AppError } from '@tidemark/core';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { ACME, actor, GLOBEX, newKey, NOW_MS, type Replicas } from './harness.ts';

/** Keys after they were made: their scopes, their successors, their use. */
export function describeRotation(replicas: () => Replicas): void {
  const keys = () => replicas().first.apiKeys;

  describe('API keys in use', () => {
    beforeEach(async () => {
      const { organizations } = replicas().first;
      await organizations.ensure(ACME, 'Acme', NOW_MS);
      await organizations.ensure(GLOBEX, 'Globex', NOW_MS);
    });

    it('keep their scopes: none, some, all', async () => {
      const given = [null, [], ['events:write'], ['admin', 'query:read']] as const;
      for (const [index, scopes] of given.entries()) {
        await keys().create(newKey({ publicId: `key${index}`, scopes }), actor());
      }
      const found = await Promise.all(given.map(async (_, index) => await keys().find(`key${index}`)));
      expect(found.map((key) => key?.scopes)).toEqual(given);
    });

    it('get a successor, and end when it says so', async () => {
      await keys().create(newKey({ scopes: ['events:write'] }), actor());
      const successor = newKey({ publicId: 'key2' });
      const plan = () => ({ successor, endsAtMs: NOW_MS + 60 });
      expect(await keys().rotate(ACME, 'key1', plan, actor())).toMatchObject(successor);
      expect(await keys().find('key1')).toMatchObject({ expiresAtMs: NOW_MS + 60, successor: 'key2' });
    });

    it('never live longer by a rotation', async () => {
      await keys().create(newKey({ expiresAtMs: NOW_MS + 1 }), actor());
      const plan = () => ({ successor: newKey({ publicId: 'key2' }), endsAtMs: NOW_MS + 60 });
      await keys().rotate(ACME, 'key1', plan, actor());
      expect(await keys().find('key1')).toMatchObject({ expiresAtMs: NOW_MS + 1 });
    });

    it('are not rotated by strangers, nor when the plan refuses', async () => {
      await keys().create(newKey(), actor());
      const successor = newKey({ publicId: 'key2', organization: GLOBEX });
      const theirs = () => ({ successor, endsAtMs: NOW_MS });
      expect(await keys().rotate(GLOBEX, 'key1', theirs, actor(GLOBEX))).toBeNull();
      const refusal = new AppError('conflict', 'not this one');
      const refuse = () => {
        throw refusal;
      };
      await expect(keys().rotate(ACME, 'key1', refuse, actor())).rejects.toBe(refusal);
      expect(await keys().find('key1')).toMatchObject({ successor: null, expiresAtMs: null });
      expect(await keys().find('key2')).toBeNull();
    });

    it('are rotated once by those who rotate at once', async () => {
      await keys().create(newKey(), actor());
      const rotated = await Promise.allSettled(
        Array.from({ length: 8 }, async (_, index) => {
          const { apiKeys } = index % 2 === 0 ? replicas().first : replicas().second;
          const plan = (key: { readonly successor: string | null }) => {
            if (key.successor !== null) throw new AppError('conflict', 'rotated already');
            return { successor: newKey({ publicId: `next${index}` }), endsAtMs: NOW_MS };
          };
          return await apiKeys.rotate(ACME, 'key1', plan, actor());
        }),
      );
      expect(rotated.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      expect(await keys().list(ACME)).toHaveLength(2);
    });

    it('remember when they were used last, whatever order it is told in', async () => {
      await keys().create(newKey(), actor());
      await keys().create(newKey({ publicId: 'key2' }), actor());
      await keys().noteUses([]);
      await keys().noteUses([
        { publicId: 'key1', atMs: NOW_MS + 2 },
        { publicId: 'key1', atMs: NOW_MS + 1 },
        { publicId: 'nobody', atMs: NOW_MS },
      ]);
      await keys().noteUses([{ publicId: 'key1', atMs: NOW_MS }]);
      expect(await keys().find('key1')).toMatchObject({ lastUsedAtMs: NOW_MS + 2 });
      expect(await keys().find('key2')).toMatchObject({ lastUsedAtMs: null });
    });
  });
}
