/** What every request must know of the organization of its credential: that it is not disabled, and what it is granted. */
import {
  AppError,
  type Clock,
  type OrganizationId,
  type OrganizationLimits,
  type OrganizationSettings,
  type Principal,
} from '@tidemark/core';
import type { Authenticator } from './authenticator.ts';
import { createKeyUses, type KeyUses, type KeyUsesOptions } from './key-uses.ts';
import type { Lifecycle } from './lifecycle.ts';
import type { Logger } from './logger.ts';
import type { RateLimitPolicy } from './rate-limit.ts';
import { createRecordCache } from './record-cache.ts';
import type { Telemetry } from './telemetry.ts';

/** Structurally the part of the catalog's organization that is used here. */
export interface KnownOrganization {
  readonly settings: Pick<OrganizationSettings, 'limits'>;
  readonly disabledAtMs: number | null;
}

export interface OrganizationDirectory {
  /** As the catalog said within the last `RECORD_CACHE_MS`; null when there is none. @throws catalog-unavailable */
  find(id: OrganizationId): Promise<KnownOrganization | null> | KnownOrganization | null;
  /** {} when there is none. @throws catalog-unavailable */
  limitsOf(id: OrganizationId): Promise<OrganizationLimits>;
}

export interface OrganizationDirectoryOptions {
  /** @throws catalog-unavailable */
  readonly find: (id: OrganizationId) => Promise<KnownOrganization | null>;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
}

export function createOrganizationDirectory(options: OrganizationDirectoryOptions): OrganizationDirectory {
  const { clock, telemetry } = options;
  const find = createRecordCache({
    find: (id) => options.find(id as OrganizationId),
    clock,
    onStale: () => telemetry.increment('tidemark_auth_stale_keys_total'),
  });
  return { find, limitsOf: async (id) => (await find(id))?.settings.limits ?? {} };
}

export interface GuardOptions {
  readonly organizations: OrganizationDirectory;
  readonly keyUses: KeyUses;
  readonly telemetry: Telemetry;
}

/**
 * Credentials of organizations that exist and are not disabled, whatever their kind and way; notes which were used. Throws forbidden
 * for the others: within `RECORD_CACHE_MS` of being disabled.
 */
export function guardOrganizations(authenticator: Authenticator, options: GuardOptions): Authenticator {
  const { organizations, keyUses, telemetry } = options;

  async function guard(principal: Principal): Promise<Principal> {
    const organization = await organizations.find(principal.organization);
    if (organization !== null && organization.disabledAtMs === null) {
      keyUses.note(principal.credentialId);
      return principal;
    }
    telemetry.increment('tidemark_auth_failures_total', 1, { reason: 'organization' });
    const state = organization === null ? 'does not exist' : 'is disabled';
    throw new AppError('forbidden', `the organization ${principal.organization} ${state}`);
  }

  return {
    authenticate: async (request) => await guard(await authenticator.authenticate(request)),
    authenticateToken: async (text, ip) => await guard(await authenticator.authenticateToken(text, ip)),
  };
}

export interface TenancyOptions {
  /** Structurally the part of the catalog that is used here. */
  readonly catalog: {
    readonly organizations: { find(id: OrganizationId): Promise<KnownOrganization | null> };
    readonly apiKeys: { noteUses: KeyUsesOptions['write'] };
  };
  readonly lifecycle: Pick<Lifecycle, 'onStop'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly telemetry: Telemetry;
}

/**
 * The authenticator guarded by what the catalog says, and what its organizations are granted. Call it once the lifecycle knows
 * how to close the catalog: what is left of the uses is written before that.
 */
export function createTenancy(
  authenticator: Authenticator,
  { catalog, lifecycle, clock, log, telemetry }: TenancyOptions,
): { readonly authenticator: Authenticator; readonly organizations: OrganizationDirectory } {
  const find = (id: OrganizationId) => catalog.organizations.find(id);
  const organizations = createOrganizationDirectory({ find, clock, telemetry });
  const keyUses = createKeyUses({ write: (uses) => catalog.apiKeys.noteUses(uses), clock, log });
  lifecycle.onStop('key uses', () => keyUses.close());
  return {
    authenticator: guardOrganizations(authenticator, { organizations, keyUses, telemetry }),
    organizations,
  };
}

/** Rates per second are counted over so long: a batch may hold that much. */
const ORGANIZATION_WINDOW_SECONDS = 10;

/** Of the organization as a whole. */
export function perSecondPolicy(name: string, perSecond: number): RateLimitPolicy {
  return {
    name,
    quota: perSecond * ORGANIZATION_WINDOW_SECONDS,
    windowSeconds: ORGANIZATION_WINDOW_SECONDS,
  };
}
