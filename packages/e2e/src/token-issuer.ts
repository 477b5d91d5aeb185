/** An issuer of tokens as customers have one: signs with a secret it shares, and with a key it publishes over HTTP. */
import { createHmac, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const AUDIENCE = 'tidemark-e2e';
const LIFE_SECONDS = 300;
const KEY_ID = 'e2e-1';

export interface TokenIssuer {
  /** `TIDEMARK_JWT_ISSUERS`. */
  readonly variable: string;
  /** A good token but for the claims that are given. */
  withSecret(claims: Readonly<Record<string, unknown>>): string;
  withKey(claims: Readonly<Record<string, unknown>>): string;
  close(): Promise<void>;
}

export async function createTokenIssuer(): Promise<TokenIssuer> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const keys = [{ ...publicKey.export({ format: 'jwk' }), kid: KEY_ID, use: 'sig' }];
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys }));
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const secret = randomBytes(32).toString('hex');
  const common = { audience: AUDIENCE };
  return {
    variable: JSON.stringify([
      { ...common, name: 'shared', issuer: 'urn:e2e:shared', algorithms: ['HS256'], secret },
      {
        ...common,
        name: 'published',
        issuer: 'urn:e2e:published',
        algorithms: ['ES256'],
        jwksUrl: `http://127.0.0.1:${port}/jwks`,
      },
    ]),
    withSecret: (claims) => {
      const input = toInput({ alg: 'HS256', typ: 'JWT' }, { iss: 'urn:e2e:shared', ...claims });
      return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
    },
    withKey: (claims) => {
      const input = toInput({ alg: 'ES256', kid: KEY_ID }, { iss: 'urn:e2e:published', ...claims });
      const signature = sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' });
      return `${input}.${signature.toString('base64url')}`;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function toInput(header: object, claims: Readonly<Record<string, unknown>>): string {
  const nowSeconds = Math.floor(Date.now() / 1_000);
  const all = { aud: AUDIENCE, sub: 'e2e-user', iat: nowSeconds, exp: nowSeconds + LIFE_SECONDS, ...claims };
  return [header, all].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
}
