/** Credentials as they arrive: over HTTP. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, jest } from '@jest/globals';
import { createAuthenticator } from './authenticator.ts';
import { readConfig, SHARED_FIELDS } from './config.ts';
import { createHttpServer } from './http-server.ts';
import type { JwtIssuer } from './jwt-issuers.ts';
import type { Fetch } from './key-set.ts';
import { createRateLimiter } from './rate-limit.ts';
import { createTelemetry } from './telemetry.ts';
import { declareIssuers, FORBIDDEN, good, HOSTILE } from './testing-hostile-tokens.ts';
import { createTestKey, encodePart, keyToken, TEST_NOW_SECONDS } from './testing-tokens.ts';
import { createManualClock, createTestCounters, createTestLog } from './testing.ts';
import { createTokenVerifier } from './token-verifier.ts';

interface SetUp {
  readonly issuers: readonly JwtIssuer[];
  readonly nowMs?: number;
  readonly fetch?: Fetch;
}

function setUp({ issuers, nowMs = TEST_NOW_SECONDS * 1_000, fetch }: SetUp) {
  const clock = createManualClock(nowMs);
  const telemetry = createTelemetry({ withProcessFigures: false });
  const { log, text } = createTestLog();
  const rateLimiter = createRateLimiter({ counters: createTestCounters(), clock, log, telemetry });
  const nobody: Fetch = () => Promise.reject(new Error('nobody is to be asked'));
  const tokens = createTokenVerifier({ issuers, fetch: fetch ?? nobody, clock, log, telemetry });
  const findKey = () => Promise.resolve(null);
  const authenticator = createAuthenticator({ findKey, tokens, rateLimiter, clock, telemetry });
  const app = createHttpServer({ log, telemetry });
  app.get('/whoami', (request) => authenticator.authenticate(request));
  const ask = async (headers: Readonly<Record<string, string>>) => {
    const { statusCode, body } = await app.inject({ url: '/whoami', headers });
    return { statusCode, body: JSON.parse(body) as Record<string, unknown> };
  };
  const bearer = (token: string) => ask({ authorization: `Bearer ${token}` });
  return { ask, bearer, telemetry, text };
}

describe('a token over HTTP', () => {
  it('proves who asks as a bearer, and no other way', async () => {
    const { ask, bearer } = setUp({ issuers: declareIssuers() });
    expect(await bearer(good())).toMatchObject({ statusCode: 200, body: { organization: 'acme' } });
    expect(await ask({ 'x-api-key': good() })).toMatchObject({ statusCode: 401 });
    const basic = Buffer.from(`${good()}:`).toString('base64');
    expect(await ask({ authorization: `Basic ${basic}` })).toMatchObject({ statusCode: 401 });
  });

  it('proves nothing where no issuer is trusted', async () => {
    expect(await setUp({ issuers: [] }).bearer(good())).toMatchObject({ statusCode: 401 });
  });

  it('is answered 401 when hostile, without a word about why', async () => {
    const { bearer, telemetry, text } = setUp({ issuers: declareIssuers() });
    const answers = await Promise.all(HOSTILE.map(([, token]) => bearer(token)));
    expect(new Set(answers.map(({ statusCode }) => statusCode))).toEqual(new Set([401]));
    expect(new Set(answers.map(({ body }) => body['detail']))).toEqual(
      new Set(['the request carries no valid API key or token']),
    );
    const counted = await telemetry.text();
    for (const [, , failure] of HOSTILE)
      if (failure !== 'token-malformed') expect(counted).toContain(`reason="${failure}"`);
    expect(text()).toBe('');
  });

  it('is answered 403 when it grants nothing', async () => {
    const { bearer } = setUp({ issuers: declareIssuers() });
    const answers = await Promise.all(FORBIDDEN.map(([, claims]) => bearer(good(claims))));
    expect(new Set(answers.map(({ statusCode }) => statusCode))).toEqual(new Set([403]));
  });
});

describe('docs/access.md', () => {
  const page = readFileSync(path.resolve(import.meta.dirname, '../../../docs/access.md'), 'utf8');

  /** The first block of the language after a heading, with what is between them. */
  function blockOf(heading: string, language: string): string {
    const section = page.slice(page.indexOf(`### ${heading}`));
    const [, block] = new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``).exec(section) ?? [];
    if (block === undefined) throw new Error(`docs/access.md has no ${language} under ${heading}`);
    return block;
  }

  function issuersOf(heading: string): readonly JwtIssuer[] {
    const environment = { [SHARED_FIELDS.jwtIssuers.name]: blockOf(heading, 'json') };
    const fields = { issuers: SHARED_FIELDS.jwtIssuers };
    return readConfig({ service: 'gateway', fields, environment }).issuers;
  }

  it('shows a shared secret that works with the token it shows', async () => {
    const issuers = issuersOf('A shared secret');
    const code = blockOf('A shared secret', 'js');
    const print = jest.spyOn(globalThis.console, 'log').mockReturnValue();
    await import(`data:text/javascript,${encodeURIComponent(code)}`);
    const token = String(print.mock.lastCall?.[0]);
    print.mockRestore();
    const { bearer } = setUp({ issuers, nowMs: Date.now() });
    expect(await bearer(token)).toEqual({
      statusCode: 200,
      body: { organization: 'acme', role: 'viewer', credentialId: 'jwt:portal:user-17', user: 'user-17' },
    });
  });

  it('shows an issuer with public keys that works with the claims it shows', async () => {
    const issuers = issuersOf('Public keys');
    const claims = JSON.parse(blockOf('The claims of a token', 'json')) as Record<string, unknown>;
    const key = createTestKey('RSA', '2026-1');
    const asked: unknown[] = [];
    const fetch: Fetch = async (url) => {
      asked.push(url);
      return new Response(JSON.stringify({ keys: [key.jwk] }));
    };
    const { bearer } = setUp({ issuers, fetch });
    const token = keyToken(key, 'RS256', {
      claims: { ...claims, exp: TEST_NOW_SECONDS + 60, iat: TEST_NOW_SECONDS },
    });
    expect(await bearer(token)).toEqual({
      statusCode: 200,
      body: { organization: 'acme', role: 'admin', credentialId: 'jwt:login:auth0|5f7c', user: 'auth0|5f7c' },
    });
    expect(asked).toEqual(['https://login.example.com/.well-known/jwks.json']);
    const [header = '', , signature = ''] = token.split('.');
    const forged = `${header}.${encodePart({ ...claims, exp: TEST_NOW_SECONDS + 61 })}.${signature}`;
    expect(await bearer(forged)).toMatchObject({ statusCode: 401 });
  });
});
