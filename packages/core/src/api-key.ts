import type { OrganizationId } from './ids.ts';

/**
 * `producer` may send events and nothing else; `viewer` may ask; `admin` may do everything in its organization, sending
 * events included.
 */
export const ROLES = ['producer', 'viewer', 'admin'] as const;
export type Role = (typeof ROLES)[number];

export function isRole(text: string): text is Role {
  return (ROLES as readonly string[]).includes(text);
}

/**
 * What a credential may be held to, beneath its role: send events, ask, administer. A role says whose data and which numbers somebody
 * sees; a scope only takes away what the role would allow. One scope for each role, so a route that names its role names its scope.
 */
export const SCOPES = ['events:write', 'query:read', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

/** The scope that a route for the role demands. */
export const SCOPE_OF_ROLE: Readonly<Record<Role, Scope>> = {
  producer: 'events:write',
  viewer: 'query:read',
  admin: 'admin',
};

export interface ApiKeyRecord {
  /** The part of the key that may be shown and logged. */
  readonly publicId: string;
  readonly organization: OrganizationId;
  /** SHA-256 of the secret part, hex. A fast hash is right for 160 random bits. */
  readonly secretHash: string;
  readonly name: string;
  readonly role: Role;
  /** What the key is held to, of what its role allows; null: all of that. */
  readonly scopes: readonly Scope[] | null;
  /** Whose key it is, a user of the organization: becomes `Principal.user`. Null: nobody's in particular. */
  readonly user: string | null;
  readonly createdAtMs: number;
  readonly expiresAtMs: number | null;
  readonly revokedAtMs: number | null;
  /** To about a minute, and now and then lost; null: not seen yet. */
  readonly lastUsedAtMs: number | null;
  /** Public id of the key that replaces this one; null: none does. */
  readonly successor: string | null;
}

/** What a valid credential proves. Organization and role come from here, never from a body. */
export interface Principal {
  readonly organization: OrganizationId;
  readonly role: Role;
  /** What the credential may do, of what its role allows; absent: all of that. */
  readonly scopes?: readonly Scope[];
  /**
   * For logs, rate limits and audit; no secret. The public id of an API key, or `jwt:<name of the issuer>:<sub>` of a token (names hold
   * no colon).
   */
  readonly credentialId: string;
  /** Whose data are their own: the `sub` of a token, the user a key is bound to. Null: nobody's. */
  readonly user: string | null;
}

/** Whether the role may do what the wanted role may do. */
export function roleAllows(role: Role, wanted: Role): boolean {
  return role === 'admin' || role === wanted;
}

/** Whether the scopes of the credential leave it the action; the role is asked apart (`roleAllows`). */
export function scopeAllows({ scopes }: Pick<Principal, 'scopes'>, action: Scope): boolean {
  return scopes === undefined || scopes.includes(action);
}
