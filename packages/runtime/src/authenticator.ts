import {
  AppError,
  roleAllows,
  SCOPE_OF_ROLE,
  scopeAllows,
  type ApiKeyRecord,
  type Clock,
  type Principal,
  type Role,
} from '@tidemark/core';
import { isSecretOf, parseApiKey } from './api-key.ts';
import { clientNetwork } from './client-network.ts';
import { assertWithinLimit, type RateLimiter, type RateLimitPolicy } from './rate-limit.ts';
import { createRecordCache } from './record-cache.ts';
import type { Telemetry } from './telemetry.ts';
import { hasTokenForm, type TokenFailure, type TokenVerifier } from './token-verifier.ts';

/**
 * Wrong credentials of one client address. Beyond it they are answered `rate-limited`; good ones never are, since many clients may
 * share an address behind a proxy.
 */
export const AUTH_FAILURES_POLICY: RateLimitPolicy = {
  name: 'auth-failures',
  quota: 100,
  windowSeconds: 60,
};

export type RequestHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/** What of a request says who sends it. */
export interface CredentialedRequest {
  readonly headers: RequestHeaders;
  /** The address of the client, as far as it is known. */
  readonly ip: string | undefined;
}

export interface Authenticator {
  /**
   * `Authorization: Bearer <key or token>`, `X-API-Key: <key>`, or `Authorization: Basic` with the key as user or password.
   * @throws unauthenticated; rate-limited when too many credentials of this client were wrong; forbidden when a token grants nothing;
   * catalog-unavailable when a key or a membership cannot be looked up
   */
  authenticate(request: CredentialedRequest): Promise<Principal>;
  /** The same for an API key or a token that came another way: `?token=` of a WebSocket or an event stream. */
  authenticateToken(text: string, ip: string | undefined): Promise<Principal>;
}

export interface AuthenticatorOptions {
  /** Revoked and expired keys are returned too, null when there is none. @throws catalog-unavailable */
  readonly findKey: (publicId: string) => Promise<ApiKeyRecord | null>;
  /** Null: no issuer is trusted. */
  readonly tokens: TokenVerifier | null;
  readonly rateLimiter: RateLimiter;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
}

type KeyFailure = 'malformed' | 'unknown' | 'secret' | 'revoked' | 'expired';

/** All failures say the same: which part was wrong is not told. */
export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const { findKey, tokens, rateLimiter, clock, telemetry } = options;
  const findRecord = createRecordCache({
    find: findKey,
    clock,
    onStale: () => telemetry.increment('tidemark_auth_stale_keys_total'),
  });

  function refuse(reason: KeyFailure | TokenFailure | 'absent'): AppError {
    telemetry.increment('tidemark_auth_failures_total', 1, { reason });
    return new AppError('unauthenticated', 'the request carries no valid API key or token');
  }

  async function checkKey(key: string): Promise<Principal | KeyFailure> {
    const presented = parseApiKey(key);
    if (presented === null) return 'malformed';
    const record = await findRecord(presented.publicId);
    if (record === null) return 'unknown';
    if (!isSecretOf(presented.secret, record.secretHash)) return 'secret';
    if (record.revokedAtMs !== null && record.revokedAtMs <= clock.nowMs()) return 'revoked';
    if (record.expiresAtMs !== null && record.expiresAtMs <= clock.nowMs()) return 'expired';
    const { organization, role, scopes, publicId, user } = record;
    return { organization, role, ...(scopes === null ? {} : { scopes }), credentialId: publicId, user };
  }

  async function check({ text, mayBeToken }: Credential, ip: string | undefined): Promise<Principal> {
    const isToken = tokens !== null && mayBeToken && hasTokenForm(text);
    const result = isToken ? await tokens.verify(text) : await checkKey(text);
    if (typeof result !== 'string') return result;
    const refusal = refuse(result);
    assertWithinLimit(await rateLimiter.take(clientNetwork(ip), AUTH_FAILURES_POLICY, 1));
    throw refusal;
  }

  return {
    authenticateToken: (text, ip) => check({ text, mayBeToken: true }, ip),
    authenticate: async ({ headers, ip }) => {
      const credential = credentialOf(headers);
      if (credential === null) throw refuse('absent');
      return check(credential, ip);
    },
  };
}

interface Credential {
  readonly text: string;
  /** Tokens come as bearers only. */
  readonly mayBeToken: boolean;
}

function credentialOf(headers: RequestHeaders): Credential | null {
  const authorization = headers['authorization'];
  if (typeof authorization === 'string') {
    const [, scheme, credential] = /^(bearer|basic)\s+(\S+)\s*$/i.exec(authorization) ?? [];
    if (credential === undefined) return null;
    if (scheme?.toLowerCase() === 'bearer') return { text: credential, mayBeToken: true };
    const [user = '', password = ''] = Buffer.from(credential, 'base64').toString('utf8').split(':');
    return { text: password === '' ? user : password, mayBeToken: false };
  }
  const key = headers['x-api-key'];
  return typeof key === 'string' ? { text: key.trim(), mayBeToken: false } : null;
}

/**
 * That the role allows it, and so do the scopes of a credential that has some.
 * @throws forbidden
 */
export function assertRole(principal: Principal, wanted: Role): void {
  const { role, scopes = [], credentialId } = principal;
  const who = `the credential ${credentialId}`;
  if (!roleAllows(role, wanted))
    throw new AppError('forbidden', `${who} has the role ${role}, this needs ${wanted}`);
  const scope = SCOPE_OF_ROLE[wanted];
  if (!scopeAllows(principal, scope))
    throw new AppError('forbidden', `${who} is held to ${scopes.join(', ')}, this needs ${scope}`);
}
