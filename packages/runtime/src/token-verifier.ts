/**
 * JSON Web Tokens of trusted issuers (RFC 7519, with the advice of RFC 8725). `jose` checks signature and claims; what it leaves to its
 * caller is here: whose keys, which algorithms, a bound on the size, and that a token is read in one way only.
 */
import { createSecretKey } from 'node:crypto';
import { SECOND_MS, type Clock, type Principal } from '@tidemark/core';
import { errors, jwtVerify, type JWTPayload, type JWTVerifyGetKey } from 'jose';
import type { JwtIssuer } from './jwt-issuers.ts';
import { createKeySet, createRemoteKeySet, type Fetch } from './key-set.ts';
import type { Logger } from './logger.ts';
import { hasRepeatedNames } from './repeated-names.ts';
import type { Telemetry } from './telemetry.ts';
import { createTokenGrants, type MembershipOf } from './token-grants.ts';

export const TOKEN_BYTES_MAX = 8 * 1024;
/** By which the clocks of the issuer and of this machine may differ. */
export const CLOCK_TOLERANCE_SECONDS = 30;
const SUBJECT_LENGTH_MAX = 256;
/** RFC 7515, 4.1.9 and RFC 9068; a token for another purpose (an ID token of its own type, a logout token) is no credential. */
const TYPES = ['jwt', 'at+jwt', 'application/jwt', 'application/at+jwt'];
const UNPRINTABLE = /[\p{Cc}\p{Cs}]/u;
const TOKEN_FORM = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*$/;

/** Why a token proves nothing, for telemetry alone. */
export type TokenFailure =
  | 'token-size'
  | 'token-malformed'
  | 'token-type'
  | 'token-issuer'
  | 'token-algorithm'
  | 'token-key'
  | 'token-signature'
  | 'token-audience'
  | 'token-expired'
  | 'token-not-yet'
  | 'token-claims';

export interface TokenVerifierOptions {
  readonly issuers: readonly JwtIssuer[];
  /** Asks issuers for their keys. */
  readonly fetch: Fetch;
  /** Asked when a token names no role; without it such a token grants nothing. */
  readonly membershipOf?: MembershipOf;
  readonly clock: Clock;
  readonly log: Logger;
  readonly telemetry: Telemetry;
}

export interface TokenVerifier {
  /** @throws forbidden when the token is genuine and grants nothing; catalog-unavailable when memberships cannot be looked up */
  verify(token: string): Promise<Principal | TokenFailure>;
}

/** Whether the text is a signed token by its looks: three parts. No API key is. */
export function hasTokenForm(text: string): boolean {
  return TOKEN_FORM.test(text);
}

export function createTokenVerifier(options: TokenVerifierOptions): TokenVerifier {
  const { issuers, clock } = options;
  const trusted = new Map(
    issuers.map((issuer) => [issuer.issuer, { issuer, key: createKeySource(issuer, options) }]),
  );
  const grants = createTokenGrants(options);
  return {
    verify: async (token) => {
      if (token.length > TOKEN_BYTES_MAX) return 'token-size';
      const parts = readParts(token);
      if (parts === null) return 'token-malformed';
      const { typ } = parts.header;
      if (typ !== undefined && !(typeof typ === 'string' && TYPES.includes(typ.toLowerCase())))
        return 'token-type';
      const found = typeof parts.claims['iss'] === 'string' ? trusted.get(parts.claims['iss']) : undefined;
      if (found === undefined) return 'token-issuer';
      const { issuer, key } = found;
      try {
        const { payload } = await jwtVerify(token, key, {
          issuer: issuer.issuer,
          audience: [...issuer.audience],
          algorithms: [...issuer.algorithms],
          requiredClaims: ['exp', 'sub'],
          clockTolerance: CLOCK_TOLERANCE_SECONDS,
          currentDate: new Date(clock.nowMs()),
        });
        return await principalOf(payload, issuer);
      } catch (error) {
        if (error instanceof errors.JOSEError) return failureOf(error);
        throw error;
      }
    },
  };

  /** What `jose` does not look at. */
  function principalOf(claims: JWTPayload, issuer: JwtIssuer): Promise<Principal> | TokenFailure {
    const { sub, iat, exp } = claims;
    if (typeof sub !== 'string' || sub === '' || sub.length > SUBJECT_LENGTH_MAX || UNPRINTABLE.test(sub))
      return 'token-claims';
    // 1e999 is a number, and never over.
    if (!Number.isFinite(exp)) return 'token-claims';
    if (iat !== undefined && iat > clock.nowMs() / SECOND_MS + CLOCK_TOLERANCE_SECONDS)
      return 'token-not-yet';
    return grants.grant(issuer, sub, claims);
  }
}

function createKeySource({ name, keys }: JwtIssuer, options: TokenVerifierOptions): JWTVerifyGetKey {
  if (keys.kind === 'url') return createRemoteKeySet({ ...options, name, url: keys.url });
  if (keys.kind === 'set') return createKeySet(keys.keys);
  const secret = createSecretKey(keys.secret.reveal(), 'utf8');
  return async () => secret;
}

interface TokenParts {
  readonly header: Readonly<Record<string, unknown>>;
  /** Not proven yet: good for finding the issuer whose keys shall prove them. */
  readonly claims: Readonly<Record<string, unknown>>;
}

/** Null unless all three parts are what encoding their bytes gives, and two of them objects that can be read in one way. */
function readParts(token: string): TokenParts | null {
  if (!hasTokenForm(token)) return null;
  const parts = token.split('.').map((text) => ({ text, bytes: Buffer.from(text, 'base64url') }));
  if (parts.some(({ text, bytes }) => bytes.toString('base64url') !== text)) return null;
  const header = readObject(parts[0]?.bytes);
  const claims = readObject(parts[1]?.bytes);
  return header === null || claims === null ? null : { header, claims };
}

function readObject(bytes: Buffer | undefined): Readonly<Record<string, unknown>> | null {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject && !hasRepeatedNames(text) ? (value as Readonly<Record<string, unknown>>) : null;
  } catch {
    // Neither UTF-8 nor JSON: whoever sent it is told no more than that it is no credential.
    return null;
  }
}

function failureOf(error: errors.JOSEError): TokenFailure {
  if (error instanceof errors.JWTExpired) return 'token-expired';
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.claim === 'aud') return 'token-audience';
    return error.claim === 'nbf' ? 'token-not-yet' : 'token-claims';
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'token-signature';
  if (error instanceof errors.JOSEAlgNotAllowed) return 'token-algorithm';
  if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys)
    return 'token-key';
  return 'token-malformed';
}
