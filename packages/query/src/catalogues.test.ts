import { describe, expect, it } from '@jest/globals';
import {
  DEFAULT_ORGANIZATION_SETTINGS,
  type OrganizationId,
  type OrganizationSettings,
} from '@tidemark/core';
import { CATALOGUE_CHECK_MS, createCatalogues } from './catalogues.ts';
import { shopCatalogue } from './testing/shop-pack.ts';

const ACME = 'acme' as OrganizationId;
const GLOBEX = 'globex' as OrganizationId;
const own = {
  kind: 'base',
  title: 'Baskets',
  description: '',
  unit: '1',
  direction: 'neutral',
  eventTypes: ['basket.left'],
  aggregation: 'count',
  dimensions: [],
};

/** Definitions that others change, and what was asked of them. */
function world() {
  const revisions = new Map<OrganizationId, number>();
  const metrics = new Map<OrganizationId, { key: string; declaration: unknown }[]>();
  let settings: OrganizationSettings = DEFAULT_ORGANIZATION_SETTINGS;
  let nowMs = 0;
  let loads = 0;
  let checks = 0;
  const all = shopCatalogue();
  const catalogues = createCatalogues({
    all,
    definitions: {
      revisionOf: async (organization) => {
        checks += 1;
        return revisions.get(organization) ?? 0;
      },
      settingsOf: async () => {
        loads += 1;
        return settings;
      },
      metricsOf: async (organization) => metrics.get(organization) ?? [],
    },
    clock: { nowMs: () => nowMs, sleep: () => Promise.resolve() },
  });
  return {
    all,
    catalogues,
    put: (organization: OrganizationId, key: string, declaration: unknown) => {
      metrics.set(organization, [...(metrics.get(organization) ?? []), { key, declaration }]);
      revisions.set(organization, (revisions.get(organization) ?? 0) + 1);
    },
    set: (change: Partial<OrganizationSettings>) => {
      settings = { ...settings, ...change };
      revisions.set(ACME, (revisions.get(ACME) ?? 0) + 1);
    },
    pass: (ms: number) => {
      nowMs += ms;
    },
    counts: () => ({ checks, loads }),
  };
}

describe('catalogues of organizations', () => {
  it('are the one of the packs for whoever has set nothing', async () => {
    const { all, catalogues } = world();
    expect((await catalogues.of(ACME)).catalogue).toBe(all);
  });

  it('hold the own metrics of the organization, and of no other', async () => {
    const { catalogues, put } = world();
    put(ACME, 'own.baskets', own);
    expect((await catalogues.of(ACME)).catalogue.metric('own.baskets')).not.toBeNull();
    expect((await catalogues.of(GLOBEX)).catalogue.metric('own.baskets')).toBeNull();
  });

  it('leave out what is disabled, and say what questions take for granted', async () => {
    const { catalogues, set } = world();
    set({ enabledPacks: [], timeZone: 'Asia/Tokyo', weekStart: 'sunday', fiscalYearStart: 4 });
    const { catalogue, calendar } = await catalogues.of(ACME);
    expect(catalogue.metrics).toEqual([]);
    expect(calendar).toEqual({ timeZone: 'Asia/Tokyo', weekStart: 'sunday', fiscalYearStart: 4 });
  });

  it('leave out metrics that cannot be read or are at fault, and say why', async () => {
    const { catalogues, put } = world();
    put(ACME, 'own.baskets', own);
    put(ACME, 'own.newer', { kind: 'unheard of' });
    put(ACME, 'own.wrong', { ...own, aggregation: 'sum' });
    const { catalogue, faults } = await catalogues.of(ACME);
    expect(catalogue.metrics.filter(({ key }) => key.startsWith('own.'))).toHaveLength(1);
    expect([...faults.keys()]).toEqual(['own.newer', 'own.wrong']);
  });

  it('are checked now and then, and loaded again only when something has changed', async () => {
    const { catalogues, counts, pass, put } = world();
    await Promise.all([catalogues.of(ACME), catalogues.of(ACME)]);
    pass(CATALOGUE_CHECK_MS - 1);
    await catalogues.of(ACME);
    expect(counts()).toEqual({ checks: 1, loads: 1 });
    pass(1);
    await catalogues.of(ACME);
    expect(counts()).toEqual({ checks: 2, loads: 1 });
    put(ACME, 'own.baskets', own);
    expect((await catalogues.of(ACME)).catalogue.metric('own.baskets')).toBeNull();
    pass(CATALOGUE_CHECK_MS);
    expect((await catalogues.of(ACME)).catalogue.metric('own.baskets')).not.toBeNull();
    expect(counts()).toEqual({ checks: 3, loads: 2 });
  });

  it('know of a change made here at once, also while they are being loaded', async () => {
    const { catalogues, put } = world();
    const before = catalogues.of(ACME);
    put(ACME, 'own.baskets', own);
    catalogues.forget(ACME);
    const after = catalogues.of(ACME);
    await before;
    expect((await after).catalogue.metric('own.baskets')).not.toBeNull();
    expect((await catalogues.of(ACME)).catalogue.metric('own.baskets')).not.toBeNull();
  });
});
