import { AppError, type Principal } from '@tidemark/core';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createTelemetry } from './telemetry.ts';
import {
  declareIssuers,
  EC,
  EC_ISSUER,
  ED,
  edge,
  FORBIDDEN,
  good,
  HOSTILE,
  now,
  RSA,
  rsaClaims,
  STRANGER,
} from './testing-hostile-tokens.ts';
import { GOOD_CLAIMS, hmacToken, keyToken, TEST_NOW_SECONDS, type TestClaims } from './testing-tokens.ts';
import { createManualClock, createTestLog } from './testing.ts';
import type { MembershipOf } from './token-grants.ts';
import { createTokenVerifier } from './token-verifier.ts';

function setUp(changes: TestClaims = {}, membershipOf?: MembershipOf) {
  const clock = createManualClock(TEST_NOW_SECONDS * 1_000);
  const telemetry = createTelemetry({ withProcessFigures: false });
  return createTokenVerifier({
    issuers: declareIssuers(changes),
    fetch: () => Promise.reject(new Error('nobody is to be asked')),
    ...(membershipOf === undefined ? {} : { membershipOf }),
    clock,
    log: createTestLog().log,
    telemetry,
  });
}

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
    const taken = [];
    for (const letter of letters) {
      const changed = `${token.slice(0, -1)}${letter}`;
      if (typeof (await verifier.verify(changed)) !== 'string') taken.push(changed);
    }
    expect(taken).toEqual([token]);
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
      return question[1] === 'acme' ? 'admin' : null;
    });
    const token = good({ role: undefined });
    await Promise.all([verifier.verify(token), verifier.verify(token)]);
    expect((await verifier.verify(token)) as Principal).toMatchObject({
      organization: 'acme',
      role: 'admin',
    });
    expect(asked).toEqual([[{ issuer: 'https://id.example', subject: 'user-1' }, 'acme']]);
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
