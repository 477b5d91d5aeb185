import { AppError } from '@tidemark/core';
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { AuditCursor, AuditFilter } from '../tenancy-port.ts';
import { ACME, actor, GLOBEX, newKey, NOW_MS, type Replicas } from './harness.ts';

const ALL: AuditFilter = { organization: ACME, fromMs: null, toMs: null, action: null, actor: null };

export function describeAudit(replicas: () => Replicas): void {
  const catalog = () => replicas().first;
  const list = (filter: Partial<AuditFilter> = {}, after: AuditCursor | null = null, limit = 100) =>
    catalog().auditLog.list({ ...ALL, ...filter }, { after, limit });
  const actions = async (filter: Partial<AuditFilter> = {}) =>
    (await list(filter)).map(({ action }) => action);
  const append = (target: string, atMs: number, credentialId = 'admin1') =>
    catalog().auditLog.append(
      { organization: ACME, action: 'rollups.rebuild', target, details: {} },
      { ...actor(ACME, atMs), credentialId },
    );

  describe('the audit log', () => {
    beforeEach(async () => {
      await catalog().organizations.ensure(ACME, 'Acme', NOW_MS);
      await catalog().organizations.ensure(GLOBEX, 'Globex', NOW_MS);
    });

    it('keeps what it cannot hold as the sign for that', async () => {
      const details = { filter: { contains: '\0', type: '\ud800 \\u0000' } };
      const entry = { organization: ACME, action: 'rollups.rebuild', target: 'a\0', details } as const;
      await catalog().auditLog.append(entry, actor());
      const [kept] = await list();
      expect([kept?.target, kept?.details]).toEqual([
        'a\ufffd',
        { filter: { contains: '\ufffd', type: '\ufffd \\u0000' } },
      ]);
    });

    it('has an entry for every change, and none for what changed nothing', async () => {
      const { apiKeys, users, definitions, organizations } = catalog();
      const user = {
        organization: ACME,
        id: 'ada',
        name: 'Ada',
        email: null,
        role: 'admin',
        identity: null,
      } as const;
      await users.create(user, actor());
      await users.change(ACME, 'ada', { name: 'A.' }, actor());
      await apiKeys.createFirst(newKey({ user: 'ada' }), actor());
      await apiKeys.createFirst(newKey({ publicId: 'key0' }), actor());
      await apiKeys.create(newKey({ publicId: 'key2' }), actor());
      await apiKeys.rotate(
        ACME,
        'key2',
        () => ({ successor: newKey({ publicId: 'key3' }), endsAtMs: NOW_MS }),
        actor(),
      );
      for (const id of ['key3', 'key3', 'nobody']) await apiKeys.revoke(ACME, id, actor());
      await users.delete(ACME, 'ada', actor());
      await users.delete(ACME, 'ada', actor());
      await definitions.putMetric(ACME, 'own.a', {}, actor());
      for (const key of ['own.a', 'own.a']) await definitions.deleteMetric(ACME, key, actor());
      const apply = (settings: Awaited<ReturnType<typeof definitions.settingsOf>>) => ({
        ...settings,
        fiscalYearStart: 4,
      });
      await definitions.changeSettings(ACME, { action: 'settings.change', target: ACME, apply }, actor());
      await organizations.change(ACME, {}, actor());
      for (const isDisabled of [true, true, false]) await organizations.change(ACME, { isDisabled }, actor());
      expect((await actions()).toReversed()).toEqual([
        'user.create',
        'user.change',
        'api-key.create',
        'api-key.create',
        'api-key.rotate',
        'api-key.revoke',
        'user.delete',
        'metric.put',
        'metric.delete',
        'settings.change',
        'organization.disable',
        'organization.enable',
      ]);
      const [settings] = await list({ action: 'settings.change' });
      expect(settings).toMatchObject({
        target: ACME,
        details: { before: { fiscalYearStart: 1 }, after: { fiscalYearStart: 4 } },
        actor: actor(),
      });
    });

    it('has no entry when the change failed, and there is no change when the entry fails', async () => {
      const { apiKeys, definitions } = catalog();
      await apiKeys.create(newKey(), actor());
      await expect(apiKeys.create(newKey(), actor())).rejects.toMatchObject({ code: 'conflict' });
      const refuse = () => {
        throw new AppError('invalid-request', 'no');
      };
      const change = { action: 'settings.change', target: ACME, apply: refuse } as const;
      await expect(definitions.changeSettings(ACME, change, actor())).rejects.toMatchObject({
        code: 'invalid-request',
      });
      expect(await actions()).toEqual(['api-key.create']);
      const nobody = { ...actor(), credentialId: null as unknown as string };
      await expect(definitions.putMetric(ACME, 'own.a', {}, nobody)).rejects.toThrow('actor_credential');
      await expect(apiKeys.revoke(ACME, 'key1', nobody)).rejects.toThrow('actor_credential');
      expect(await definitions.metricsOf(ACME)).toEqual([]);
      expect(await definitions.revisionOf(ACME)).toBe(0);
      expect(await apiKeys.find('key1')).toMatchObject({ revokedAtMs: null });
    });

    it('holds no secrets', async () => {
      await catalog().apiKeys.create(newKey(), actor());
      expect(JSON.stringify(await list())).not.toContain(newKey().secretHash);
    });

    it('tells of what one organization does to another to both, and to nobody else', async () => {
      await catalog().organizations.change(ACME, { limits: { timeoutMs: 100 } }, actor(GLOBEX));
      const [seen] = await list();
      expect(seen).toMatchObject({ organization: ACME, actor: { organization: GLOBEX } });
      expect(await actions({ organization: GLOBEX })).toEqual(['organization.change']);
      await append('x', NOW_MS);
      expect(await actions({ organization: GLOBEX })).toEqual(['organization.change']);
    });

    it('is read newest first, page by page, also where times are the same', async () => {
      for (const [index, atMs] of [1, 2, 2, 2, 3].entries()) await append(String(index), atMs);
      const seen: string[] = [];
      let after: AuditCursor | null = null;
      for (;;) {
        const page = await list({}, after, 2);
        const last = page.at(-1);
        if (last === undefined) break;
        seen.push(...page.map(({ target }) => target));
        after = { atMs: last.actor.atMs, id: last.id };
      }
      expect(seen).toEqual(['4', '3', '2', '1', '0']);
    });

    it('is filtered by time, action, credential and user', async () => {
      await append('a', 1);
      await append('b', 2, 'admin2');
      await catalog().apiKeys.create(newKey(), actor(ACME, 3));
      const targets = async (filter: Partial<AuditFilter>) =>
        (await list(filter)).map(({ target }) => target);
      expect(await targets({ fromMs: 2 })).toEqual(['key1', 'b']);
      expect(await targets({ toMs: 2 })).toEqual(['a']);
      expect(await targets({ action: 'rollups.rebuild' })).toEqual(['b', 'a']);
      expect(await targets({ actor: 'admin2' })).toEqual(['b']);
      expect(await targets({ actor: 'ada' })).toEqual(['key1', 'b', 'a']);
      expect(await targets({ actor: 'nobody' })).toEqual([]);
    });
  });
}
