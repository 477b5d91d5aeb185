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

export interface ApiKeyRecord {
  /** The part of the key that may be shown and logged. */
  readonly publicId: string;
  readonly organization: OrganizationId;
  /** SHA-256 of the secret part, hex. A fast hash is right for 160 random bits. */
  readonly secretHash: string;
  readonly name: string;
  readonly role: Role;
  readonly createdAtMs: number;
  readonly expiresAtMs: number | null;
  readonly revokedAtMs: number | null;
}

/** What a valid credential proves. Organization and role come from here, never from a body. */
export interface Principal {
  readonly organization: OrganizationId;
  readonly role: Role;
  /** What the credential may do, of what its role allows; absent: all of that. */
  readonly scopes?: readonly string[];
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
