/** An issuer of tokens under test, who also signs what no honest one would. */
import { createHmac, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';

export const TEST_NOW_SECONDS = 1_800_000_000;
export const TEST_SECRET = 'a secret of the tests, long enough.';

export interface TestKey {
  readonly privateKey: KeyObject;
  /** To be published. */
  readonly jwk: Readonly<Record<string, unknown>>;
}

export function createTestKey(kind: 'RSA' | 'P-256' | 'Ed25519', kid: string): TestKey {
  const { privateKey, publicKey } = generatePair(kind);
  return { privateKey, jwk: { ...publicKey.export({ format: 'jwk' }), kid, use: 'sig' } };
}

function generatePair(kind: 'RSA' | 'P-256' | 'Ed25519') {
  if (kind === 'RSA') return generateKeyPairSync('rsa', { modulusLength: 2048 });
  return kind === 'P-256'
    ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
    : generateKeyPairSync('ed25519');
}

export type TestClaims = Readonly<Record<string, unknown>>;

/** What a good token of the issuer of `testIssuer` says. */
export const GOOD_CLAIMS: TestClaims = {
  iss: 'https://id.example',
  aud: 'tidemark',
  sub: 'user-1',
  exp: TEST_NOW_SECONDS + 300,
  iat: TEST_NOW_SECONDS - 5,
  org: 'acme',
  role: 'viewer',
};

/** @param part an object, or the very text to be encoded */
export function encodePart(part: TestClaims | string): string {
  return Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url');
}

export function hmacToken(
  claims: TestClaims | string = GOOD_CLAIMS,
  header: TestClaims | string = { alg: 'HS256', typ: 'JWT' },
  secret: string | Buffer = TEST_SECRET,
): string {
  const input = `${encodePart(header)}.${encodePart(claims)}`;
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
}

export function keyToken(
  { privateKey, jwk }: TestKey,
  algorithm: 'RS256' | 'ES256' | 'EdDSA',
  { claims = GOOD_CLAIMS, header = {} }: { readonly claims?: TestClaims; readonly header?: TestClaims } = {},
): string {
  const input = `${encodePart({ alg: algorithm, kid: jwk['kid'], ...header })}.${encodePart(claims)}`;
  const hash = algorithm === 'EdDSA' ? null : 'sha256';
  const signature = sign(hash, Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' });
  return `${input}.${signature.toString('base64url')}`;
}
