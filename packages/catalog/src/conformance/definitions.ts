import { DEFAULT_ORGANIZATION_SETTINGS } from '@tidemark/core';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { OWN_METRICS_MAX } from '../tenancy-port.ts';
import { ACME, actor, GLOBEX, newKey, NOW_MS, type Replicas } from './harness.ts';

export function describeDefinitions(replicas: () => Replicas): void {
  const organizations = () => replicas().first.organizations;
  const definitions = () => replicas().first.definitions;
  const set = (timeZone: string) =>
    definitions().changeSettings(
      ACME,
      { action: 'settings.change', target: ACME, apply: (settings) => ({ ...settings, timeZone }) },
      actor(),
    );

  describe('organizations in full', () => {
    it('are created with their first key, or not at all', async () => {
      const create = (publicId: string) =>
        organizations().create(
          { id: ACME, name: 'Acme', limits: { requestsPer10s: 5 } },
          newKey({ publicId, role: 'admin' }),
          actor(GLOBEX),
        );
      await organizations().ensure(GLOBEX, 'Globex', NOW_MS);
      expect(await create('key1')).toMatchObject({ id: ACME, settings: { limits: { requestsPer10s: 5 } } });
      expect(await replicas().first.apiKeys.find('key1')).toMatchObject({
        organization: ACME,
        role: 'admin',
      });
      await expect(create('key2')).rejects.toMatchObject({ code: 'conflict' });
      expect(await replicas().first.apiKeys.find('key2')).toBeNull();
    });

    it('are listed by the page, in the order of their ids', async () => {
      await organizations().ensure(GLOBEX, 'Globex', NOW_MS);
      await organizations().ensure(ACME, 'Acme', NOW_MS);
      const [first] = await organizations().list({ after: null, limit: 1 });
      expect(first?.id).toBe(ACME);
      const rest = await organizations().list({ after: ACME, limit: 5 });
      expect(rest.map(({ id }) => id)).toEqual([GLOBEX]);
    });

    it('keep what a change does not name, and the first time of being disabled', async () => {
      await organizations().ensure(ACME, 'Acme', NOW_MS);
      await set('Europe/Berlin');
      const limits = { timeoutMs: 1_000 };
      await organizations().change(ACME, { limits }, actor());
      await organizations().change(ACME, { isDisabled: true }, actor());
      const disabled = await organizations().change(
        ACME,
        { isDisabled: true, name: 'A' },
        actor(ACME, NOW_MS + 9),
      );
      expect(disabled).toMatchObject({ name: 'A', disabledAtMs: NOW_MS, revision: 4 });
      expect(disabled?.settings).toEqual({
        ...DEFAULT_ORGANIZATION_SETTINGS,
        limits,
        timeZone: 'Europe/Berlin',
      });
      expect(await organizations().change(ACME, { isDisabled: false }, actor())).toMatchObject({
        disabledAtMs: null,
      });
      expect(await organizations().change(GLOBEX, { name: 'x' }, actor())).toBeNull();
    });
  });

  describe('definitions', () => {
    beforeEach(async () => {
      await organizations().ensure(ACME, 'Acme', NOW_MS);
      await organizations().ensure(GLOBEX, 'Globex', NOW_MS);
    });

    it('are the defaults until somebody sets them', async () => {
      expect(await definitions().settingsOf(ACME)).toEqual(DEFAULT_ORGANIZATION_SETTINGS);
      expect(await definitions().revisionOf(ACME)).toBe(0);
      expect(await set('Asia/Tokyo')).toMatchObject({ timeZone: 'Asia/Tokyo' });
      expect(await replicas().second.definitions.settingsOf(ACME)).toMatchObject({ timeZone: 'Asia/Tokyo' });
      expect(await definitions().settingsOf(GLOBEX)).toEqual(DEFAULT_ORGANIZATION_SETTINGS);
    });

    it('lose no change of settings that come at once', async () => {
      await Promise.all(
        Array.from({ length: 8 }, async (_, index) => {
          const { definitions: some } = index % 2 === 0 ? replicas().first : replicas().second;
          const apply = (settings: typeof DEFAULT_ORGANIZATION_SETTINGS) => ({
            ...settings,
            enabledPacks: [...(settings.enabledPacks ?? []), `pack${index}`],
          });
          return await some.changeSettings(ACME, { action: 'pack.enable', target: 'x', apply }, actor());
        }),
      );
      expect((await definitions().settingsOf(ACME)).enabledPacks).toHaveLength(8);
      expect(await definitions().revisionOf(ACME)).toBe(8);
    });

    it('refuse a stranger', async () => {
      await replicas().executor.query('DELETE FROM organizations WHERE id = $1', [GLOBEX]);
      expect(await definitions().revisionOf(GLOBEX)).toBe(0);
      expect(await definitions().settingsOf(GLOBEX)).toEqual(DEFAULT_ORGANIZATION_SETTINGS);
      const put = definitions().putMetric(GLOBEX, 'own.a', {}, actor());
      await expect(put).rejects.toMatchObject({ code: 'not-found' });
      expect(await definitions().deleteMetric(GLOBEX, 'own.a', actor())).toBe(false);
    });

    it('hold metrics, each change of which raises the revision of its organization alone', async () => {
      const declaration = { unit: '"', values: [1, null, { deep: 'ü' }] };
      const put = await definitions().putMetric(ACME, 'own.b', declaration, actor());
      expect(put).toEqual({
        key: 'own.b',
        declaration,
        createdAtMs: NOW_MS,
        updatedAtMs: NOW_MS,
        revision: 1,
        rollup: null,
      });
      await definitions().putMetric(ACME, 'own.a', 'text', actor());
      const again = await definitions().putMetric(ACME, 'own.b', null, actor(ACME, NOW_MS + 5));
      expect(again).toMatchObject({
        declaration: null,
        createdAtMs: NOW_MS,
        updatedAtMs: NOW_MS + 5,
        revision: 3,
      });
      expect((await definitions().metricsOf(ACME)).map(({ key }) => key)).toEqual(['own.a', 'own.b']);
      expect(await definitions().metricsOf(GLOBEX)).toEqual([]);
      expect(await definitions().deleteMetric(GLOBEX, 'own.a', actor(GLOBEX))).toBe(false);
      expect(await definitions().deleteMetric(ACME, 'own.a', actor())).toBe(true);
      expect(await definitions().deleteMetric(ACME, 'own.a', actor())).toBe(false);
      expect(await definitions().revisionOf(ACME)).toBe(4);
      expect(await definitions().revisionOf(GLOBEX)).toBe(0);
    });

    it('make rollups of a metric from when it is adopted, confirmed apart, until it says something else', async () => {
      const { first, second } = replicas();
      const unknown = (organization = ACME) =>
        second.pipeline.unknownMeasures(['own-1', 'own-2'], organization);
      const put = (declaration: unknown) => definitions().putMetric(ACME, 'own.a', declaration, actor());
      const adopt = (fingerprint: string, revision: number) =>
        first.definitions.adoptMetric(ACME, 'own.a', { fingerprint, revision });
      const rollupOf = async () => (await second.definitions.metricsOf(ACME))[0]?.rollup;
      await put({ value: 1 });
      expect(await adopt('own-1', 7)).toBeNull();
      const adopted = await adopt('own-1', 1);
      expect(adopted).toMatchObject({ fingerprint: 'own-1', isConfirmed: false });
      expect(await unknown()).toEqual(['own-1', 'own-2']);
      expect(await adopt('own-1', 1)).toEqual(adopted);
      await definitions().confirmMetric(ACME, 'own.a', adopted?.adoption ?? 0n);
      expect(await unknown()).toEqual(['own-2']);
      // Another organization's buckets have none of it.
      expect(await unknown(GLOBEX)).toEqual(['own-1', 'own-2']);

      await put({ value: 1 });
      expect(await rollupOf()).toEqual({ ...adopted, isConfirmed: true });
      await put({ value: 2 });
      expect(await rollupOf()).toBeNull();
      expect(await unknown()).toEqual(['own-1', 'own-2']);
      await definitions().confirmMetric(ACME, 'own.a', adopted?.adoption ?? 0n);
      expect(await rollupOf()).toBeNull();

      const again = await adopt('own-2', 3);
      await definitions().confirmMetric(ACME, 'own.a', adopted?.adoption ?? 0n);
      expect(await rollupOf()).toEqual({ ...again, isConfirmed: false });
      await definitions().giveUpMetric(ACME, 'own.a', adopted?.adoption ?? 0n);
      expect(await rollupOf()).toEqual({ ...again, isConfirmed: false });
      await definitions().giveUpMetric(ACME, 'own.a', again?.adoption ?? 0n);
      expect(await rollupOf()).toBeNull();
    });

    it('hold a limited number of metrics', async () => {
      await replicas().executor.query(
        `INSERT INTO metrics SELECT $1, 'own.' || n, '{}', 0, 0, 0 FROM generate_series(1, $2::integer) AS n`,
        [ACME, OWN_METRICS_MAX],
      );
      const put = (key: string) => definitions().putMetric(ACME, key, {}, actor());
      await expect(put('own.more')).rejects.toMatchObject({ code: 'conflict' });
      expect(await put('own.1')).toMatchObject({ key: 'own.1' });
      expect(await definitions().metricsOf(ACME)).toHaveLength(OWN_METRICS_MAX);
    });
  });
}
