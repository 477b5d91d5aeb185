/** Issuers under test, and tokens that an attacker would send in their names. */
import { createPublicKey } from 'node:crypto';
import { JWT_ISSUERS_FIELD, type JwtIssuer } from './jwt-issuers.ts';
import {
  createTestKey,
  encodePart,
  GOOD_CLAIMS,
  hmacToken,
  keyToken,
  TEST_NOW_SECONDS,
  TEST_SECRET,
  type TestClaims,
} from './testing-tokens.ts';
import { CLOCK_TOLERANCE_SECONDS, TOKEN_BYTES_MAX, type TokenFailure } from './token-verifier.ts';

export const RSA = createTestKey('RSA', 'k1');
export const EC = createTestKey('P-256', 'k1');
export const ED = createTestKey('Ed25519', 'k2');
export const STRANGER = createTestKey('RSA', 'k1');
const RSA_ISSUER = 'https://rsa.example';
export const EC_ISSUER = 'https://ec.example';

/** Keys of three of them have the same id. */
export function declareIssuers(changes: TestClaims = {}): readonly JwtIssuer[] {
  const common = { audience: 'tidemark' };
  return JWT_ISSUERS_FIELD.finish([
    {
      ...common,
      name: 'shared',
      issuer: GOOD_CLAIMS['iss'],
      algorithms: ['HS256'],
      secret: TEST_SECRET,
      ...changes,
    },
    { ...common, name: 'rsa', issuer: RSA_ISSUER, algorithms: ['RS256'], jwks: { keys: [RSA.jwk] } },
    {
      ...common,
      name: 'other',
      issuer: 'https://other.example',
      algorithms: ['RS256'],
      jwks: { keys: [STRANGER.jwk] },
    },
    {
      ...common,
      name: 'ec',
      issuer: EC_ISSUER,
      algorithms: ['ES256', 'EdDSA'],
      jwks: { keys: [EC.jwk, ED.jwk] },
    },
  ]);
}

export const good = (changes: TestClaims = {}) => hmacToken({ ...GOOD_CLAIMS, ...changes });
export const rsaClaims = { ...GOOD_CLAIMS, iss: RSA_ISSUER };
const pem = createPublicKey({ key: RSA.jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
export const now = TEST_NOW_SECONDS;
export const edge = CLOCK_TOLERANCE_SECONDS;

/** Tokens that prove nothing, and why. */
export const HOSTILE: readonly (readonly [what: string, token: string, failure: TokenFailure])[] = [
  [
    'no algorithm, no signature',
    `${encodePart({ alg: 'none' })}.${encodePart(GOOD_CLAIMS)}.`,
    'token-algorithm',
  ],
  ['no algorithm, any signature', hmacToken(GOOD_CLAIMS, { alg: 'none' }), 'token-algorithm'],
  ['NoNe', hmacToken(GOOD_CLAIMS, { alg: 'NoNe' }), 'token-algorithm'],
  ['an algorithm that is no text', hmacToken(GOOD_CLAIMS, { alg: ['HS256'] }), 'token-malformed'],
  [
    'HS256 with the public key in PEM as its secret',
    hmacToken(rsaClaims, { alg: 'HS256', kid: 'k1' }, pem),
    'token-algorithm',
  ],
  [
    'HS256 with the public key in JSON as its secret',
    hmacToken(rsaClaims, { alg: 'HS256', kid: 'k1' }, JSON.stringify(RSA.jwk)),
    'token-algorithm',
  ],
  ['HS512 where HS256 is declared', hmacToken(GOOD_CLAIMS, { alg: 'HS512' }), 'token-algorithm'],
  [
    'ES256 in the name of an issuer of RS256',
    keyToken(EC, 'ES256', { claims: rsaClaims }),
    'token-algorithm',
  ],
  [
    'RS256 by another trusted issuer with a key of the same id',
    keyToken(STRANGER, 'RS256', { claims: rsaClaims }),
    'token-signature',
  ],
  [
    'a stranger who sends his key along',
    keyToken(STRANGER, 'RS256', { claims: rsaClaims, header: { jwk: STRANGER.jwk } }),
    'token-signature',
  ],
  [
    'a stranger who says where his keys are',
    keyToken(STRANGER, 'RS256', { claims: rsaClaims, header: { jku: 'https://evil.example/jwks' } }),
    'token-signature',
  ],
  ['the wrong secret', hmacToken(GOOD_CLAIMS, { alg: 'HS256' }, `${TEST_SECRET}!`), 'token-signature'],
  ['an unknown issuer', good({ iss: 'https://evil.example' }), 'token-issuer'],
  ['an issuer with a slash more', good({ iss: 'https://id.example/' }), 'token-issuer'],
  ['a list of issuers', good({ iss: ['https://id.example'] }), 'token-issuer'],
  ['an issuer that objects have', good({ iss: '__proto__' }), 'token-issuer'],
  ['another audience', good({ aud: 'other' }), 'token-audience'],
  ['no audience', good({ aud: undefined }), 'token-audience'],
  ['an audience that is an object', good({ aud: { tidemark: true } }), 'token-audience'],
  ['expired', good({ exp: now - edge }), 'token-expired'],
  ['no expiry', good({ exp: undefined }), 'token-claims'],
  ['an expiry that is a text', good({ exp: '9999999999' }), 'token-claims'],
  [
    'an expiry beyond all numbers',
    hmacToken(JSON.stringify(GOOD_CLAIMS).replace(/"exp":\d+/, '"exp":1e999')),
    'token-claims',
  ],
  ['not valid yet', good({ nbf: now + edge + 1 }), 'token-not-yet'],
  ['issued in the future', good({ iat: now + edge + 1 }), 'token-not-yet'],
  ['a time of issue that is a text', good({ iat: 'now' }), 'token-claims'],
  ['no subject', good({ sub: undefined }), 'token-claims'],
  ['an empty subject', good({ sub: '' }), 'token-claims'],
  ['a subject that is a number', good({ sub: 1 }), 'token-claims'],
  ['a subject with a line break', good({ sub: 'user\n1' }), 'token-claims'],
  ['a subject without end', good({ sub: 'u'.repeat(257) }), 'token-claims'],
  [
    'a key id that is a path',
    keyToken(RSA, 'RS256', { claims: rsaClaims, header: { kid: '../../../../dev/null' } }),
    'token-key',
  ],
  [
    'a key id that is SQL',
    keyToken(RSA, 'RS256', { claims: rsaClaims, header: { kid: "k1' OR '1'='1" } }),
    'token-key',
  ],
  [
    'a key id that is a URL',
    keyToken(RSA, 'RS256', { claims: rsaClaims, header: { kid: 'https://evil.example' } }),
    'token-key',
  ],
  [
    'a key id that objects have',
    keyToken(RSA, 'RS256', { claims: rsaClaims, header: { kid: '__proto__' } }),
    'token-key',
  ],
  [
    'a key id that is no text',
    keyToken(RSA, 'RS256', { claims: rsaClaims, header: { kid: { $ne: 1 } } }),
    'token-key',
  ],
  [
    'an extension that must be understood',
    hmacToken(GOOD_CLAIMS, { alg: 'HS256', crit: ['exp'], exp: 1 }),
    'token-malformed',
  ],
  [
    'a payload that is not encoded',
    hmacToken(GOOD_CLAIMS, { alg: 'HS256', b64: false, crit: ['b64'] }),
    'token-malformed',
  ],
  ['another type', hmacToken(GOOD_CLAIMS, { alg: 'HS256', typ: 'logout+jwt' }), 'token-type'],
  ['a type that is no text', hmacToken(GOOD_CLAIMS, { alg: 'HS256', typ: ['JWT'] }), 'token-type'],
  ['giant', good({ padding: 'x'.repeat(TOKEN_BYTES_MAX) }), 'token-size'],
  [
    'the organization twice',
    hmacToken(`${JSON.stringify(GOOD_CLAIMS).slice(0, -1)},"org":"other"}`),
    'token-malformed',
  ],
  [
    'the organization twice, once escaped',
    hmacToken(`${JSON.stringify(GOOD_CLAIMS).slice(0, -1)},"\\u006frg":"other"}`),
    'token-malformed',
  ],
  ['two algorithms', hmacToken(GOOD_CLAIMS, '{"alg":"none","alg":"HS256"}'), 'token-malformed'],
  ['claims that are a list', hmacToken('[]'), 'token-malformed'],
  ['claims that are nothing', hmacToken('null'), 'token-malformed'],
  ['claims that are no JSON', hmacToken('{'), 'token-malformed'],
  ['claims nested without end', hmacToken('['.repeat(5_000)), 'token-malformed'],
  ['a header that is no object', hmacToken(GOOD_CLAIMS, '"HS256"'), 'token-malformed'],
  ['two parts', good().split('.').slice(0, 2).join('.'), 'token-malformed'],
  ['four parts', `${good()}.x`, 'token-malformed'],
  ['five parts, encrypted', `${encodePart({ alg: 'dir', enc: 'A256GCM' })}..a.b.c`, 'token-malformed'],
  ['no signature', good().replace(/[^.]+$/, ''), 'token-signature'],
  ['a signature with padding', `${good()}=`, 'token-malformed'],
  ['nothing', '', 'token-malformed'],
];

/** Claims of genuine tokens that grant nothing. */
export const FORBIDDEN: readonly (readonly [what: string, claims: TestClaims])[] = [
  ['without an organization', { org: undefined }],
  ['with a list of organizations', { org: ['acme'] }],
  ['with a number for an organization', { org: 7 }],
  ['with an object for an organization', { org: { id: 'acme' } }],
  ['with an organization that can be none', { org: '../acme' }],
  ['without a role', { role: undefined }],
  ['with an unknown role', { role: 'root' }],
  ['with a role in capitals', { role: 'ADMIN' }],
  ['with an object for a role', { role: { admin: true } }],
  ['with an empty list of roles', { role: [] }],
  ['with two roles', { role: ['viewer', 'producer'] }],
  ['with nothing for a role', { role: null }],
];
