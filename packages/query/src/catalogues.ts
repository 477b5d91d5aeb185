/** What each organization may ask: the packs it has enabled, its own metrics, and what its questions take for granted. */
import { readOwnMetric } from '@tidemark/contracts';
import {
  type Catalogue,
  type Clock,
  extendCatalogue,
  type Fault,
  type OrganizationId,
  type OrganizationSettings,
  SECOND_MS,
} from '@tidemark/core';

/** A change made by another process counts here after so long at most; one made here counts at once (`forget`). */
export const CATALOGUE_CHECK_MS = 2 * SECOND_MS;
/** Of organizations that asked last. One without metrics of its own shares the catalogue of the packs. */
const CONTEXTS_MAX = 1_000;

export interface OrganizationContext {
  readonly catalogue: Catalogue;
  /** Of questions that do not say. */
  readonly calendar: Pick<OrganizationSettings, 'timeZone' | 'weekStart' | 'fiscalYearStart'>;
  /** Why own metrics are not in the catalogue, by key; pointers lead into the declaration. */
  readonly faults: ReadonlyMap<string, readonly Fault[]>;
}

export interface Catalogues {
  /** Of every pack, whether enabled or not. */
  readonly all: Catalogue;
  /** @throws catalog-unavailable */
  of(organization: OrganizationId): Promise<OrganizationContext>;
  /** After a change of its settings or metrics. */
  forget(organization: OrganizationId): void;
}

export interface CataloguesOptions {
  readonly all: Catalogue;
  /** Structurally a part of the catalog's `Definitions`. */
  readonly definitions: {
    revisionOf(organization: OrganizationId): Promise<number>;
    settingsOf(organization: OrganizationId): Promise<OrganizationSettings>;
    metricsOf(
      organization: OrganizationId,
    ): Promise<readonly { readonly key: string; readonly declaration: unknown }[]>;
  };
  readonly clock: Clock;
}

interface Entry {
  readonly revision: number;
  readonly context: OrganizationContext;
  /** When its revision was asked for last. */
  readonly checkedAtMs: number;
}

export function createCatalogues({ all, definitions, clock }: CataloguesOptions): Catalogues {
  const entries = new Map<OrganizationId, Entry>();
  const pending = new Map<OrganizationId, Promise<OrganizationContext>>();

  async function check(organization: OrganizationId): Promise<Entry> {
    const checkedAtMs = clock.nowMs();
    // Before what it numbers: what changes meanwhile is found by the next check.
    const revision = await definitions.revisionOf(organization);
    const known = entries.get(organization);
    if (known?.revision === revision) return { ...known, checkedAtMs };
    const settings = await definitions.settingsOf(organization);
    const stored = await definitions.metricsOf(organization);
    return { revision, checkedAtMs, context: contextOf(all, settings, stored) };
  }

  function refresh(organization: OrganizationId): Promise<OrganizationContext> {
    const running: Promise<OrganizationContext> = check(organization)
      .then((entry) => {
        // Forgotten meanwhile: what was read may be from before the change.
        if (pending.get(organization) === running) remember(entries, organization, entry);
        return entry.context;
      })
      .finally(() => {
        if (pending.get(organization) === running) pending.delete(organization);
      });
    pending.set(organization, running);
    return running;
  }

  return {
    all,
    async of(organization) {
      const known = entries.get(organization);
      if (known !== undefined && clock.nowMs() < known.checkedAtMs + CATALOGUE_CHECK_MS) return known.context;
      return await (pending.get(organization) ?? refresh(organization));
    },
    forget(organization) {
      entries.delete(organization);
      pending.delete(organization);
    },
  };
}

function contextOf(
  all: Catalogue,
  { enabledPacks, timeZone, weekStart, fiscalYearStart }: OrganizationSettings,
  stored: readonly { readonly key: string; readonly declaration: unknown }[],
): OrganizationContext {
  const unreadable = new Map<string, readonly Fault[]>();
  const own = stored.flatMap(({ key, declaration }) => {
    const read = readOwnMetric(key, declaration);
    if (read !== null) return [read];
    const detail = 'was declared by a release that this one does not understand: put it again';
    unreadable.set(key, [{ code: 'invalid-request', pointer: '', detail }]);
    return [];
  });
  const { catalogue, faults } = extendCatalogue(all, enabledPacks, own);
  return {
    catalogue,
    calendar: { timeZone, weekStart, fiscalYearStart },
    faults: new Map([...unreadable, ...faults]),
  };
}

/** The one that was checked longest ago makes room. */
function remember(entries: Map<OrganizationId, Entry>, organization: OrganizationId, entry: Entry): void {
  entries.delete(organization);
  for (const oldest of entries.keys()) {
    if (entries.size < CONTEXTS_MAX) break;
    entries.delete(oldest);
  }
  entries.set(organization, entry);
}
