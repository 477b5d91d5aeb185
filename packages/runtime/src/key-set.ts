/**
 * The public keys of an issuer of tokens. `jose` picks the key and imports it; its own cache of a remote set is not used: it lets no
 * known key through when a refresh fails, asks again for every unknown key id while it fails, bounds no size, and reads the time itself.
 */
import { createPublicKey } from 'node:crypto';
import { DAY_MS, MINUTE_MS, SECOND_MS, type Clock } from '@tidemark/core';
import { createLocalJWKSet, errors, type JWK, type JWTVerifyGetKey } from 'jose';
import type { Logger } from './logger.ts';
import type { Telemetry } from './telemetry.ts';

/** A set is asked for again after so long. A key that was withdrawn is taken no longer. */
export const KEY_SET_FRESH_MS = 10 * MINUTE_MS;
/** Between two attempts, whether for age or for a key id that nobody knows. */
export const KEY_SET_COOL_DOWN_MS = 30 * SECOND_MS;
/** While the issuer does not answer, the keys it last named are taken for so long. */
export const KEY_SET_STALE_MS = DAY_MS;
export const KEY_SET_BYTES_MAX = 256 * 1024;
export const KEY_SET_KEYS_MAX = 100;
const KEY_SET_TIMEOUT_MS = 5 * SECOND_MS;
const RSA_MODULUS_BITS_MIN = 2048;

export type Fetch = typeof globalThis.fetch;

/** By algorithm, what its keys are: RSA, or a curve. */
export const KEY_OF_ALGORITHM = {
  RS256: 'RSA',
  RS384: 'RSA',
  RS512: 'RSA',
  PS256: 'RSA',
  PS384: 'RSA',
  PS512: 'RSA',
  ES256: 'P-256',
  ES384: 'P-384',
  ES512: 'P-521',
  EdDSA: 'Ed25519',
  Ed25519: 'Ed25519',
} as const;

export interface RemoteKeySetOptions {
  /** The issuer's name, for the log and telemetry. */
  readonly name: string;
  readonly url: string;
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly log: Logger;
  readonly telemetry: Telemetry;
}

/** Refusals to give a key are `JWKSNoMatchingKey` and `JWKSMultipleMatchingKeys` of `jose`, also while the issuer does not answer. */
export function createRemoteKeySet(options: RemoteKeySetOptions): JWTVerifyGetKey {
  const { name, clock, log, telemetry } = options;
  let keys: JWTVerifyGetKey | null = null;
  let loadedAtMs = Number.NEGATIVE_INFINITY;
  let triedAtMs = Number.NEGATIVE_INFINITY;
  let pending: Promise<void> | null = null;

  async function load(): Promise<void> {
    const askedAtMs = clock.nowMs();
    triedAtMs = askedAtMs;
    try {
      const { usable, faults } = sortKeys(await fetchKeys(options));
      if (faults.length > 0) log.warn({ issuer: name, faults }, 'keys of an issuer cannot be used');
      keys = createKeySet(usable);
      loadedAtMs = askedAtMs;
    } catch (error) {
      telemetry.increment('tidemark_auth_key_set_failures_total', 1, { issuer: name });
      log.warn({ err: error, issuer: name }, 'the keys of an issuer cannot be had; those known are taken');
    }
  }

  /** Never rejects. Does nothing so soon after the last attempt. */
  function refresh(): Promise<void> {
    if (pending !== null) return pending;
    if (clock.nowMs() - triedAtMs < KEY_SET_COOL_DOWN_MS) return Promise.resolve();
    pending = load().finally(() => {
      pending = null;
    });
    return pending;
  }

  function lookUp(...[header, token]: Parameters<JWTVerifyGetKey>): ReturnType<JWTVerifyGetKey> {
    if (keys === null || clock.nowMs() - loadedAtMs > KEY_SET_STALE_MS) throw new errors.JWKSNoMatchingKey();
    return keys(header, token);
  }

  return async (header, token) => {
    const age = clock.nowMs() - loadedAtMs;
    if (age > KEY_SET_STALE_MS) await refresh();
    // Known keys do not wait for an issuer that may not answer.
    else if (age >= KEY_SET_FRESH_MS) void refresh();
    try {
      return await lookUp(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      await refresh();
      return lookUp(header, token);
    }
  };
}

/** @param keys from `sortKeys` */
export function createKeySet(keys: readonly JWK[]): JWTVerifyGetKey {
  return createLocalJWKSet({ keys: [...keys] });
}

interface SortedKeys {
  readonly usable: readonly JWK[];
  /** Why a key is none, with its place. Keys that are for something else than signatures are passed over. */
  readonly faults: readonly { readonly index: number; readonly detail: string }[];
}

export function sortKeys(keys: readonly unknown[]): SortedKeys {
  const usable: JWK[] = [];
  const faults: { index: number; detail: string }[] = [];
  for (const [index, key] of keys.entries()) {
    const result = readKey(key);
    if (typeof result === 'string') faults.push({ index, detail: result });
    else if (result !== null) usable.push(result);
  }
  return { usable, faults };
}

/** The key with what identifies it and nothing else; null when it is not for verifying; a text when it is at fault. */
function readKey(key: unknown): JWK | string | null {
  if (typeof key !== 'object' || key === null) return 'is no JSON Web Key';
  const { kty, crv, n, e, x, y, d, k, kid, alg, use, key_ops: operations } = key as Partial<JWK>;
  if (use !== undefined && use !== 'sig') return null;
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) return null;
  if (d !== undefined || k !== undefined) return 'is not a public key';
  const parts = Object.entries({ kty, crv, n, e, x, y, kid, alg });
  const jwk = Object.fromEntries(parts.filter(([, part]) => part !== undefined)) as JWK;
  if (Object.values(jwk).some((part) => typeof part !== 'string')) return 'holds a member that is no text';
  try {
    const { modulusLength = RSA_MODULUS_BITS_MIN } =
      createPublicKey({ key: jwk, format: 'jwk' }).asymmetricKeyDetails ?? {};
    return modulusLength < RSA_MODULUS_BITS_MIN ? `is shorter than ${RSA_MODULUS_BITS_MIN} bits` : jwk;
  } catch {
    // What is wrong with it is not told: the message of the library may hold parts of the key.
    return 'is not a key that can be read';
  }
}

/** @throws Error when there is no answer within the limits that is a key set */
async function fetchKeys({ url, fetch }: RemoteKeySetOptions): Promise<readonly unknown[]> {
  const response = await fetch(url, {
    redirect: 'error',
    headers: { accept: 'application/json, application/jwk-set+json' },
    signal: AbortSignal.timeout(KEY_SET_TIMEOUT_MS),
  });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`${url} answered ${response.status}`);
  }
  const set: unknown = JSON.parse(await readText(response, url));
  const keys = typeof set === 'object' && set !== null && 'keys' in set ? set.keys : null;
  if (!Array.isArray(keys)) throw new Error(`${url} answered no key set`);
  if (keys.length > KEY_SET_KEYS_MAX) throw new Error(`${url} answered more than ${KEY_SET_KEYS_MAX} keys`);
  return keys as readonly unknown[];
}

/** The size is counted as it comes: a length that is announced need not be true. */
async function readText(response: Response, url: string): Promise<string> {
  if (response.body === null) return '';
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    if (bytes > KEY_SET_BYTES_MAX) throw new Error(`${url} answered more than ${KEY_SET_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
