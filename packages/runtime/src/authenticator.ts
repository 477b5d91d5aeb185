import {
  AppError,
  isAppError,
  roleAllows,
  type ApiKeyRecord,
  type Clock,
  type Principal,
  type Role,
} from '@tidemark/core';
import { isSecretOf, parseApiKey } from './api-key.ts';
import type { Telemetry } from './telemetry.ts';

/** A revoked key works no longer than this. */
export const KEY_CACHE_MS = 5_000;
/**
 * While the catalog does not answer, a key that was good is taken for so long: an outage of the catalog (in which nobody can
 * revoke anything either) must not stop events that the bus could take.
 */
export const KEY_STALE_MS = 60_000;
/** Of keys that exist, and as many again of ids that do not. */
export const KEY_CACHE_ENTRIES_MAX = 10_000;

export type RequestHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

export interface Authenticator {
  /**
   * `Authorization: Bearer <key>`, `X-API-Key: <key>`, or `Authorization: Basic` with the key as user or password.
   * @throws unauthenticated; catalog-unavailable when the key cannot be looked up
   */
  authenticate(headers: RequestHeaders): Promise<Principal>;
  /** The same for a key that came another way (the token of a WebSocket). */
  authenticateKey(key: string): Promise<Principal>;
}

export interface AuthenticatorOptions {
  /** Revoked and expired keys are returned too, null when there is none. @throws catalog-unavailable */
  readonly findKey: (publicId: string) => Promise<ApiKeyRecord | null>;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
}

interface CachedKey {
  readonly record: ApiKeyRecord | null;
  readonly expiresAtMs: number;
  /** When the catalog last said so. */
  readonly confirmedAtMs: number;
}

/**
 * Keeps what it found for `KEY_CACHE_MS`; known and unknown ids are kept apart, so that a flood of invented ids cannot push real
 * keys out. Simultaneous requests with one key share one look-up. All failures say the same: which part was wrong is not told.
 */
export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const { findKey, clock, telemetry } = options;
  const known = new Map<string, CachedKey>();
  const unknown = new Map<string, CachedKey>();
  const pending = new Map<string, Promise<ApiKeyRecord | null>>();

  async function lookUp(publicId: string): Promise<ApiKeyRecord | null> {
    // The time of asking counts: an answer may be old by the time it comes.
    const askedAtMs = clock.nowMs();
    const expiresAtMs = askedAtMs + KEY_CACHE_MS;
    try {
      const record = await findKey(publicId);
      // A key that has vanished must not come back from the other map.
      known.delete(publicId);
      const cache = record === null ? unknown : known;
      remember(cache, publicId, { record, expiresAtMs, confirmedAtMs: askedAtMs });
      return record;
    } catch (error) {
      const stale = known.get(publicId);
      if (!isAppError(error, 'catalog-unavailable') || stale === undefined) throw error;
      if (askedAtMs - stale.confirmedAtMs > KEY_STALE_MS) throw error;
      telemetry.increment('tidemark_auth_stale_keys_total');
      remember(known, publicId, { ...stale, expiresAtMs });
      return stale.record;
    }
  }

  function find(publicId: string): Promise<ApiKeyRecord | null> | ApiKeyRecord | null {
    const cached = known.get(publicId) ?? unknown.get(publicId);
    if (cached !== undefined && clock.nowMs() < cached.expiresAtMs) return cached.record;
    unknown.delete(publicId);
    const running = pending.get(publicId);
    if (running !== undefined) return running;
    const started = lookUp(publicId).finally(() => pending.delete(publicId));
    pending.set(publicId, started);
    return started;
  }

  function refuse(reason: string): AppError {
    telemetry.increment('tidemark_auth_failures_total', 1, { reason });
    return new AppError('unauthenticated', 'the request carries no valid API key');
  }

  async function authenticateKey(key: string): Promise<Principal> {
    const presented = parseApiKey(key);
    if (presented === null) throw refuse('malformed');
    const record = await find(presented.publicId);
    if (record === null) throw refuse('unknown');
    if (!isSecretOf(presented.secret, record.secretHash)) throw refuse('secret');
    if (record.revokedAtMs !== null && record.revokedAtMs <= clock.nowMs()) throw refuse('revoked');
    if (record.expiresAtMs !== null && record.expiresAtMs <= clock.nowMs()) throw refuse('expired');
    return {
      organization: record.organization,
      role: record.role,
      credentialId: record.publicId,
      user: null,
    };
  }

  return {
    authenticateKey,
    authenticate: async (headers) => {
      const key = keyFromHeaders(headers);
      if (key === null) throw refuse('absent');
      return authenticateKey(key);
    },
  };
}

/** The oldest entry makes room: entries live five seconds, so order of insertion is as good as order of use. */
function remember(cache: Map<string, CachedKey>, publicId: string, entry: CachedKey): void {
  cache.delete(publicId);
  if (cache.size >= KEY_CACHE_ENTRIES_MAX) {
    for (const oldest of cache.keys()) {
      cache.delete(oldest);
      break;
    }
  }
  cache.set(publicId, entry);
}

function keyFromHeaders(headers: RequestHeaders): string | null {
  const authorization = headers['authorization'];
  if (typeof authorization === 'string') {
    const [, scheme, credential] = /^(bearer|basic)\s+(\S+)\s*$/i.exec(authorization) ?? [];
    if (credential === undefined) return null;
    if (scheme?.toLowerCase() === 'bearer') return credential;
    const [user = '', password = ''] = Buffer.from(credential, 'base64').toString('utf8').split(':');
    return password === '' ? user : password;
  }
  const key = headers['x-api-key'];
  return typeof key === 'string' ? key.trim() : null;
}

/** @throws forbidden */
export function assertRole(principal: Principal, wanted: Role): void {
  if (roleAllows(principal.role, wanted)) return;
  throw new AppError(
    'forbidden',
    `the credential ${principal.credentialId} has the role ${principal.role}, this needs ${wanted}`,
  );
}
