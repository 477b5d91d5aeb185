/** What a genuine token allows: its claims, mapped by what the operator has declared of its issuer. Nothing declared, nothing granted. */
import {
  AppError,
  isRole,
  parseOrganizationId,
  type Clock,
  type OrganizationId,
  type Principal,
  type Role,
} from '@tidemark/core';
import type { JWTPayload } from 'jose';
import type { JwtIssuer } from './jwt-issuers.ts';
import { createRecordCache } from './record-cache.ts';
import type { Telemetry } from './telemetry.ts';

/** The role of a user in an organization; null: no member. @throws catalog-unavailable */
export type MembershipOf = (
  identity: { readonly issuer: string; readonly subject: string },
  organization: OrganizationId,
) => Promise<Role | null>;

export interface TokenGrants {
  /** @throws forbidden, catalog-unavailable */
  grant(issuer: JwtIssuer, subject: string, claims: JWTPayload): Promise<Principal>;
}

export interface TokenGrantsOptions {
  /** Asked when a token names no role; without it such a token grants nothing. */
  readonly membershipOf?: MembershipOf;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
}

export function createTokenGrants({ membershipOf, clock, telemetry }: TokenGrantsOptions): TokenGrants {
  const memberships = createRecordCache<Role>({
    find: async (id) => {
      const [issuer, subject, organization] = JSON.parse(id) as [string, string, OrganizationId];
      return (await membershipOf?.({ issuer, subject }, organization)) ?? null;
    },
    clock,
    onStale: () => telemetry.increment('tidemark_auth_stale_keys_total'),
  });

  function refuse(reason: 'token-organization' | 'token-role', detail: string): AppError {
    telemetry.increment('tidemark_auth_failures_total', 1, { reason });
    return new AppError('forbidden', detail);
  }

  return {
    grant: async (issuer, subject, claims) => {
      const organization = organizationOf(issuer, claimOf(claims, issuer.claims.organization));
      if (organization === null) {
        const detail = `the claim ${issuer.claims.organization} of the token names no organization here`;
        throw refuse('token-organization', detail);
      }
      const claimed = claimOf(claims, issuer.claims.role);
      const role =
        claimed === undefined
          ? await memberships(JSON.stringify([issuer.issuer, subject, organization]))
          : roleOf(issuer, claimed);
      if (role === null) {
        const detail =
          claimed === undefined
            ? `the token has no claim ${issuer.claims.role} and its user is no member of ${organization}`
            : `the claim ${issuer.claims.role} of the token names no role here, or more than one`;
        throw refuse('token-role', detail);
      }
      return { organization, role, credentialId: `jwt:${issuer.name}:${subject}`, user: subject };
    },
  };
}

/** Own members alone: a claim may be named like what every object has. */
function claimOf(claims: JWTPayload, name: string): unknown {
  return Object.hasOwn(claims, name) ? claims[name] : undefined;
}

function organizationOf({ organizations }: JwtIssuer, value: unknown): OrganizationId | null {
  if (typeof value !== 'string') return null;
  return organizations === null ? parseOrganizationId(value) : (organizations.get(value) ?? null);
}

/** Of a list (as of groups) exactly one role must come; values that mean nothing here are passed over. */
function roleOf({ roles }: JwtIssuer, value: unknown): Role | null {
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  const found = new Set<Role>();
  for (const name of values) {
    if (typeof name !== 'string') continue;
    const role = roles === null ? name : roles.get(name);
    if (role !== undefined && isRole(role)) found.add(role);
  }
  const [role, ...others] = found;
  return role === undefined || others.length > 0 ? null : role;
}
