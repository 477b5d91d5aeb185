import { isAppError } from '@tidemark/core';
import { describe, expect, it } from '@jest/globals';
import { inspect } from 'node:util';
import { readConfig } from './config.ts';
import { JWT_ISSUERS_FIELD } from './jwt-issuers.ts';
import { createTestKey } from './testing-tokens.ts';

const SECRET = 'hunter2 hunter2 hunter2 hunter2!';
const HMAC = {
  name: 'own',
  issuer: 'https://id.example',
  audience: 'tidemark',
  algorithms: ['HS256'],
  secret: SECRET,
};
const REMOTE = {
  name: 'remote',
  issuer: 'https://login.example',
  audience: ['tidemark', 'reports'],
  algorithms: ['RS256', 'ES256'],
  jwksUrl: 'https://login.example/jwks',
};

function read(value: unknown) {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  const environment = { [JWT_ISSUERS_FIELD.name]: text };
  return readConfig({ service: 'ingest', fields: { issuers: JWT_ISSUERS_FIELD }, environment }).issuers;
}

function faultsOf(value: unknown): readonly string[] {
  try {
    read(value);
  } catch (error) {
    if (!isAppError(error, 'invalid-config')) throw error;
    expect(error.message).not.toContain('hunter2');
    return error.faults.map(({ detail }) => detail.replace(/: JSON array of .*/, ''));
  }
  return [];
}

describe('TIDEMARK_JWT_ISSUERS', () => {
  it('is read with what it leaves out', () => {
    const [own, remote] = read([HMAC, { ...REMOTE, roles: { ops: 'admin' }, organizations: { A: 'acme' } }]);
    expect(own).toMatchObject({
      audience: ['tidemark'],
      claims: { organization: 'org', role: 'role' },
      roles: null,
      organizations: null,
    });
    expect(remote).toMatchObject({
      keys: { kind: 'url', url: REMOTE.jwksUrl },
      roles: new Map([['ops', 'admin']]),
      organizations: new Map([['A', 'acme']]),
    });
    expect(`${inspect(own, { depth: 9 })}${JSON.stringify(own)}`).not.toContain('hunter2');
  });

  it('is empty when it is not set', () => {
    const fields = { issuers: JWT_ISSUERS_FIELD };
    expect(readConfig({ service: 'ingest', fields, environment: {} }).issuers).toEqual([]);
  });

  it.each<[string, unknown, readonly string[]]>([
    ['no JSON', '[{"secret":"hunter2"', ['must be array']],
    ['no array', HMAC, ['must be array']],
    [
      'no key',
      [{ ...HMAC, secret: undefined, algorithms: ['ES256'] }],
      ['/0 must have exactly one of secret, jwksUrl and jwks'],
    ],
    [
      'two kinds of keys',
      [{ ...HMAC, jwksUrl: REMOTE.jwksUrl }],
      ['/0 must have exactly one of secret, jwksUrl and jwks'],
    ],
    ['no algorithm', [{ ...HMAC, algorithms: [] }], ['/0/algorithms must not have fewer than 1 items']],
    ['none', [{ ...HMAC, algorithms: ['none'] }], ['/0/algorithms/0 must, with a secret, be one of HS256']],
    [
      'both kinds of algorithms',
      [{ ...HMAC, algorithms: ['HS256', 'RS256'] }],
      ['/0/algorithms/1 must, with a secret, be one of HS256'],
    ],
    [
      'an HMAC with public keys',
      [{ ...REMOTE, algorithms: ['HS256'] }],
      [
        '/0/algorithms/0 must, with public keys, be one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, Ed25519',
      ],
    ],
    ['a short secret', [{ ...HMAC, secret: 'hunter2' }], ['/0/secret must have at least 32 bytes']],
    [
      'http',
      [{ ...REMOTE, jwksUrl: 'http://login.example/jwks' }],
      ['/0/jwksUrl must be an https URL without user and fragment (http to this machine itself)'],
    ],
    [
      'http to what begins like this machine',
      [{ ...REMOTE, jwksUrl: 'http://127.0.0.1.example/' }],
      ['/0/jwksUrl must be an https URL without user and fragment (http to this machine itself)'],
    ],
    [
      'a file',
      [{ ...REMOTE, jwksUrl: 'file:///etc/jwks' }],
      ['/0/jwksUrl must be an https URL without user and fragment (http to this machine itself)'],
    ],
    [
      'a user in the URL',
      [{ ...REMOTE, jwksUrl: 'https://u:hunter2@login.example/' }],
      ['/0/jwksUrl must be an https URL without user and fragment (http to this machine itself)'],
    ],
    [
      'a private key',
      [
        {
          ...REMOTE,
          jwksUrl: undefined,
          algorithms: ['ES256'],
          jwks: { keys: [{ ...createTestKey('P-256', 'k').jwk, d: 'hunter2' }] },
        },
      ],
      ['/0/jwks/keys/0 is not a public key', '/0/algorithms/0 has no key (P-256) in jwks'],
    ],
    [
      'a misspelt member',
      [{ ...HMAC, organisations: {} }],
      ['/0 must not have additional properties (organisations)'],
    ],
    [
      'the same issuer and name twice',
      [HMAC, HMAC],
      ['/1/name is the name of two issuers', '/1/issuer is declared twice'],
    ],
    [
      'maps to what is not there',
      [{ ...HMAC, roles: { a: 'root' }, organizations: { 'b/c': '../acme' } }],
      [
        '/0/roles/a must be one of producer, viewer, admin',
        '/0/organizations/b~1c must be the id of an organization',
      ],
    ],
  ])('is refused with %s', (_what, value, faults) => {
    expect(faultsOf(value)).toEqual(faults);
  });

  it('is refused with all faults at once, of shape and of sense', () => {
    const faults = faultsOf([
      { ...HMAC, secret: 'hunter2' },
      { name: 'Remote', issuer: '' },
    ]);
    expect(faults).toHaveLength(4);
    expect(faults.join('\n')).toMatch(/audience, algorithms[^]*\/1\/name[^]*\/1\/issuer[^]*\/0\/secret/);
  });

  it.each([['http://localhost:9000/jwks'], ['http://127.0.0.1:9000/jwks'], ['http://[::1]:9000/jwks']])(
    'takes %s, for development',
    (jwksUrl) => {
      expect(read([{ ...REMOTE, jwksUrl }])).toHaveLength(1);
    },
  );
});
