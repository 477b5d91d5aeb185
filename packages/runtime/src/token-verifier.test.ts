import { createPublicKey } from 'node:crypto';
import { AppError, type Principal } from '@tidemark/core';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { JWT_ISSUERS_FIELD, type JwtIssuer } from './jwt-issuers.ts';
import { createTelemetry } from './telemetry.ts';
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
import { createManualClock, createTestLog } from './testing.ts';
import {
  CLOCK_TOLERANCE_SECONDS,
  createTokenVerifier,
  TOKEN_BYTES_MAX,
  type TokenFailure,
} from './token-verifier.ts';
import type { MembershipOf } from './token-grants.ts';

const RSA = createTestKey('RSA', 'k1');
const EC = createTestKey('P-256', 'k1');
const ED = createTestKey('Ed25519', 'k2');
const STRANGER = createTestKey('RSA', 'k1');
const RSA_ISSUER = 'https://rsa.example';
const EC_ISSUER = 'https://ec.example';

/** Keys of three of them have the same id. */
function declare(changes: TestClaims = {}): readonly JwtIssuer[] {
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

function setUp(changes: TestClaims = {}, membershipOf?: MembershipOf) {
  const clock = createManualClock(TEST_NOW_SECONDS * 1_000);
  const telemetry = createTelemetry({ withProcessFigures: false });
  return createTokenVerifier({
    issuers: declare(changes),
    fetch: () => Promise.reject(new Error('nobody is to be asked')),
    ...(membershipOf === undefined ? {} : { membershipOf }),
    clock,
    log: createTestLog().log,
    telemetry,
  });
}

const good = (changes: TestClaims = {}) => hmacToken({ ...GOOD_CLAIMS, ...changes });
const rsaClaims = { ...GOOD_CLAIMS, iss: RSA_ISSUER };
const pem = createPublicKey({ key: RSA.jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
const now = TEST_NOW_SECONDS;
const edge = CLOCK_TOLERANCE_SECONDS;

describe('a genuine token', () => {
  const principal = { organization: 'acme', role: 'viewer', user: 'user-1' };

  it.each<[string, string, string]>([
    ['HS256', 'shared', good()],
    ['RS256', 'rsa', keyToken(RSA, 'RS256', { claims: rsaClaims })],
    ['ES256', 'ec', keyToken(EC, 'ES256', { claims: { ...GOOD_CLAIMS, iss: EC_ISSUER } })],
    ['EdDSA', 'ec', keyToken(ED, 'EdDSA', { claims: { ...GOOD_CLAIMS, iss: EC_ISSUER } })],
  ])('is taken, signed with %s', async (_algorithm, name, token) => {
    expect(await setUp().verify(token)).toEqual({ ...principal, credentialId: `jwt:${name}:user-1` });
  });

  it.each<[string, string]>([
    ['of the type of RFC 9068', hmacToken(GOOD_CLAIMS, { alg: 'HS256', typ: 'at+JWT' })],
    ['without a type', hmacToken(GOOD_CLAIMS, { alg: 'HS256' })],
    ['for several audiences', good({ aud: ['other', 'tidemark'] })],
    ['that has just expired', good({ exp: now - edge + 1 })],
    ['that is valid in a moment', good({ nbf: now + edge })],
    ['that was issued in a moment', good({ iat: now + edge })],
    ['without a time of issue', good({ iat: undefined })],
    [
      'that names a key of its own, which nobody looks at',
      keyToken(RSA, 'RS256', {
        claims: rsaClaims,
        header: { jku: 'https://evil.example', jwk: STRANGER.jwk, x5u: 'https://evil.example' },
      }),
    ],
  ])('is taken %s', async (_what, token) => {
    expect(await setUp().verify(token)).toMatchObject(principal);
  });
});

const HOSTILE: readonly (readonly [what: string, token: string, failure: TokenFailure])[] = [
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

const FORBIDDEN: readonly (readonly [what: string, claims: TestClaims])[] = [
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

describe('a hostile token', () => {
  it.each(HOSTILE)('proves nothing: %s', async (_what, token, failure) => {
    expect(await setUp().verify(token)).toBe(failure);
  });

  it.each(FORBIDDEN)('grants nothing %s', async (_what, claims) => {
    await expect(setUp().verify(good(claims))).rejects.toMatchObject({ code: 'forbidden' });
  });

  it('is not made by changing bytes of a good one', async () => {
    const tokens = [
      good(),
      keyToken(RSA, 'RS256', { claims: rsaClaims }),
      keyToken(ED, 'EdDSA', { claims: { ...GOOD_CLAIMS, iss: EC_ISSUER } }),
    ];
    const verifier = setUp();
    const mutation = fc.record({
      token: fc.constantFrom(...tokens),
      at: fc.nat(),
      cut: fc.nat({ max: 2 }),
      put: fc.string({ unit: 'binary-ascii', maxLength: 2 }),
    });
    await fc.assert(
      fc.asyncProperty(mutation, async ({ token, at, cut, put }) => {
        const index = at % token.length;
        const changed = `${token.slice(0, index)}${put}${token.slice(index + cut)}`;
        fc.pre(changed !== token);
        expect(typeof (await verifier.verify(changed))).toBe('string');
      }),
      { numRuns: 1_000 },
    );
  });

  it('is not made by another last letter, which may decode to the same bytes', async () => {
    const token = good();
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const verifier = setUp();
    for (const letter of letters) {
      const changed = `${token.slice(0, -1)}${letter}`;
      if (changed !== token) expect(typeof (await verifier.verify(changed))).toBe('string');
    }
  });
});

describe('what a token grants', () => {
  const changes = {
    claims: { organization: 'https://example.com/tenant', role: 'groups' },
    organizations: { 'Acme Inc.': 'acme' },
    roles: { 'tidemark-admins': 'admin', everyone: 'viewer' },
  };

  it('is what the operator makes of its claims', async () => {
    const token = good({ 'https://example.com/tenant': 'Acme Inc.', groups: ['hr', 'tidemark-admins'] });
    expect(await setUp(changes).verify(token)).toMatchObject({ organization: 'acme', role: 'admin' });
  });

  it.each<[string, TestClaims]>([
    ['an organization that is not in the map', { 'https://example.com/tenant': 'acme', groups: 'everyone' }],
    ['a role that is not in the map', { 'https://example.com/tenant': 'Acme Inc.', groups: 'admin' }],
    ['a role that objects have', { 'https://example.com/tenant': 'Acme Inc.', groups: 'constructor' }],
  ])('is nothing for %s', async (_what, claims) => {
    await expect(setUp(changes).verify(good(claims))).rejects.toMatchObject({ code: 'forbidden' });
  });

  it('is the role of the membership where the token names none, asked once', async () => {
    const asked: unknown[] = [];
    const verifier = setUp({}, async (...question) => {
      asked.push(question);
      return question[2] === 'acme' ? 'admin' : null;
    });
    const token = good({ role: undefined });
    await Promise.all([verifier.verify(token), verifier.verify(token)]);
    expect((await verifier.verify(token)) as Principal).toMatchObject({
      organization: 'acme',
      role: 'admin',
    });
    expect(asked).toEqual([['https://id.example', 'user-1', 'acme']]);
    const elsewhere = verifier.verify(good({ role: undefined, org: 'other' }));
    await expect(elsewhere).rejects.toMatchObject({ code: 'forbidden' });
    // A role that is named and unknown is not made good by a membership.
    await expect(verifier.verify(good({ role: 'root' }))).rejects.toMatchObject({ code: 'forbidden' });
  });

  it('is not told while memberships cannot be looked up', async () => {
    const verifier = setUp({}, () => Promise.reject(new AppError('catalog-unavailable', 'down')));
    const asked = verifier.verify(good({ role: undefined }));
    await expect(asked).rejects.toMatchObject({ code: 'catalog-unavailable' });
  });
});
