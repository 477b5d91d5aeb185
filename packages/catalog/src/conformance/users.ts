import { beforeEach, describe, expect, it } from '@jest/globals';
import type { NewUser } from '../tenancy-port.ts';
import { ACME, actor, GLOBEX, newKey, NOW_MS, type Replicas } from './harness.ts';

const IDENTITY = { issuer: 'https://login.example', subject: 'a|1' };

function newUser(overrides: Partial<NewUser> = {}): NewUser {
  return {
    organization: ACME,
    id: 'ada',
    name: 'Ada',
    email: null,
    role: 'viewer',
    identity: null,
    ...overrides,
  };
}

export function describeUsers(replicas: () => Replicas): void {
  const users = () => replicas().first.users;
  const keys = () => replicas().first.apiKeys;

  describe('users', () => {
    beforeEach(async () => {
      const { organizations } = replicas().first;
      await organizations.ensure(ACME, 'Acme', NOW_MS);
      await organizations.ensure(GLOBEX, 'Globex', NOW_MS);
    });

    it('are found, listed page by page and changed within their organization only', async () => {
      const created = await users().create(
        newUser({ identity: IDENTITY, email: 'ada@acme.example' }),
        actor(),
      );
      expect(created).toEqual({
        ...newUser({ identity: IDENTITY, email: 'ada@acme.example' }),
        createdAtMs: NOW_MS,
        updatedAtMs: NOW_MS,
      });
      for (const id of ['Bob', 'carol']) await users().create(newUser({ id }), actor());
      await users().create(newUser({ organization: GLOBEX, identity: IDENTITY }), actor(GLOBEX));
      const first = await users().list(ACME, { after: null, limit: 2 });
      const rest = await users().list(ACME, { after: 'ada', limit: 2 });
      expect([...first, ...rest].map(({ id }) => id)).toEqual(['Bob', 'ada', 'carol']);
      expect(await users().find(GLOBEX, 'carol')).toBeNull();
      expect(await users().change(GLOBEX, 'carol', { name: 'x' }, actor(GLOBEX))).toBeNull();
      expect(await users().delete(GLOBEX, 'carol', actor(GLOBEX))).toBe(false);
      const later = actor(ACME, NOW_MS + 1);
      expect(await users().change(ACME, 'ada', { identity: null, name: 'A.' }, later)).toEqual({
        ...created,
        identity: null,
        name: 'A.',
        updatedAtMs: NOW_MS + 1,
      });
    });

    it('are told by their identity, in each organization apart', async () => {
      await users().create(newUser({ identity: IDENTITY }), actor());
      await users().create(
        newUser({ organization: GLOBEX, role: 'admin', identity: IDENTITY }),
        actor(GLOBEX),
      );
      expect(await users().membershipOf(IDENTITY, ACME)).toBe('viewer');
      expect(await users().membershipOf(IDENTITY, GLOBEX)).toBe('admin');
      expect(await users().membershipOf({ ...IDENTITY, issuer: 'https://other.example' }, ACME)).toBeNull();
      await users().delete(ACME, 'ada', actor());
      expect(await users().membershipOf(IDENTITY, ACME)).toBeNull();
    });

    it('refuse a taken id and a taken identity', async () => {
      await users().create(newUser({ identity: IDENTITY }), actor());
      await users().create(newUser({ id: 'bob' }), actor());
      const taken = { code: 'conflict' };
      await expect(users().create(newUser(), actor())).rejects.toMatchObject(taken);
      const second = newUser({ id: 'carol', identity: IDENTITY });
      await expect(users().create(second, actor())).rejects.toMatchObject(taken);
      const change = users().change(ACME, 'bob', { identity: IDENTITY }, actor());
      await expect(change).rejects.toMatchObject(taken);
      expect(await users().find(ACME, 'bob')).toMatchObject({ identity: null });
    });

    it('have keys of their role at most', async () => {
      await users().create(newUser(), actor());
      const key = (overrides: object) => keys().create(newKey({ user: 'ada', ...overrides }), actor());
      await expect(key({ role: 'admin' })).rejects.toMatchObject({ code: 'forbidden' });
      await expect(key({ role: 'viewer', user: 'bob' })).rejects.toMatchObject({ code: 'not-found' });
      await users().create(newUser({ organization: GLOBEX, id: 'eve' }), actor(GLOBEX));
      await expect(key({ role: 'viewer', user: 'eve' })).rejects.toMatchObject({ code: 'not-found' });
      expect(await key({ role: 'viewer' })).toMatchObject({ user: 'ada' });
    });

    it('lose the keys that a lesser role does not allow, and all when they go', async () => {
      await users().create(newUser({ role: 'admin' }), actor());
      for (const role of ['admin', 'viewer', 'producer'] as const) {
        await keys().create(newKey({ publicId: role, role, user: 'ada' }), actor());
      }
      await keys().create(newKey({ publicId: 'other' }), actor());
      const alive = async () => {
        const listed = await keys().list(ACME);
        return listed.filter((key) => key.revokedAtMs === null).map((key) => key.publicId);
      };
      await users().change(ACME, 'ada', { role: 'viewer' }, actor());
      expect(await alive()).toEqual(['other', 'viewer']);
      expect(await users().delete(ACME, 'ada', actor())).toBe(true);
      expect(await alive()).toEqual(['other']);
      expect(await users().find(ACME, 'ada')).toBeNull();
    });
  });
}
