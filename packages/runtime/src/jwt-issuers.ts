/** Whose tokens are taken: the variable `TIDEMARK_JWT_ISSUERS`, from JSON text to what the verifier works with. */
import { isRole, parseOrganizationId, ROLES, type OrganizationId, type Role } from '@tidemark/core';
import type { JWK } from 'jose';
import Type, { type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import type { ConfigField, ConfigValueFault } from './config-field.ts';
import { KEY_OF_ALGORITHM, KEY_SET_KEYS_MAX, sortKeys } from './key-set.ts';
import { Secret } from './secret.ts';

/** Each may be asked for its keys, by whoever sends a token in its name. */
const ISSUERS_MAX = 16;
/** RFC 7518, 3.2: a key of HS256 is as long as its hash. */
const JWT_SECRET_BYTES_MIN = 32;
const MAPPED_VALUES_MAX = 1_000;
const TEXT_LENGTH_MAX = 512;

const TextSchema = Type.String({ minLength: 1, maxLength: TEXT_LENGTH_MAX });
const JwtIssuerSchema = Type.Object(
  {
    name: Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,31}$' }),
    issuer: TextSchema,
    audience: Type.Union([TextSchema, Type.Array(TextSchema, { minItems: 1, maxItems: 16 })]),
    algorithms: Type.Array(TextSchema, { minItems: 1, maxItems: 16, uniqueItems: true }),
    secret: Type.Optional(Type.String()),
    jwksUrl: Type.Optional(TextSchema),
    jwks: Type.Optional(
      Type.Object({ keys: Type.Array(Type.Unknown(), { minItems: 1, maxItems: KEY_SET_KEYS_MAX }) }),
    ),
    claims: Type.Optional(
      Type.Object(
        { organization: Type.Optional(TextSchema), role: Type.Optional(TextSchema) },
        { additionalProperties: false },
      ),
    ),
    roles: Type.Optional(Type.Record(Type.String(), Type.String(), { maxProperties: MAPPED_VALUES_MAX })),
    organizations: Type.Optional(
      Type.Record(Type.String(), Type.String(), { maxProperties: MAPPED_VALUES_MAX }),
    ),
  },
  { additionalProperties: false },
);
const IssuersSchema = Type.Array(JwtIssuerSchema, { maxItems: ISSUERS_MAX });
type DeclaredIssuer = Static<typeof JwtIssuerSchema>;

export interface JwtIssuer {
  /** Stands for the issuer in credential ids, logs and telemetry. */
  readonly name: string;
  /** The claim `iss`. */
  readonly issuer: string;
  /** One of them must be in the claim `aud`. */
  readonly audience: readonly string[];
  readonly algorithms: readonly string[];
  readonly keys: IssuerKeys;
  /** The claims that name the organization and the role. */
  readonly claims: { readonly organization: string; readonly role: string };
  /** From a value of the claim to the role; null: the values are our roles. */
  readonly roles: ReadonlyMap<string, Role> | null;
  /** From a value of the claim to the organization; null: the values are our ids, of any organization. */
  readonly organizations: ReadonlyMap<string, OrganizationId> | null;
}

export type IssuerKeys =
  | { readonly kind: 'secret'; readonly secret: Secret }
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'set'; readonly keys: readonly JWK[] };

export const JWT_ISSUERS_FIELD: ConfigField<readonly JwtIssuer[]> = {
  name: 'TIDEMARK_JWT_ISSUERS',
  description: 'JSON array of the issuers whose tokens are taken (docs/access.md)',
  fallback: [],
  schema: IssuersSchema,
  fromText: (text) => {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      // The schema says that an array was expected; the text may hold a secret and is not shown.
      return text;
    }
  },
  faultsOf: faultsOfIssuers,
  finish: (value) => (value as readonly DeclaredIssuer[]).map(toIssuer),
};

/** Of those entries that follow the schema. */
function faultsOfIssuers(value: unknown): readonly ConfigValueFault[] {
  if (!Array.isArray(value)) return [];
  const validator = Compile(JwtIssuerSchema);
  const names = new Set<string>();
  const issuers = new Set<string>();
  return value.flatMap((entry: unknown, index) => {
    if (!validator.Check(entry)) return [];
    const faults = [...faultsOfKeys(entry), ...faultsOfMaps(entry)];
    if (names.has(entry.name)) faults.push({ pointer: '/name', detail: 'is the name of two issuers' });
    if (issuers.has(entry.issuer)) faults.push({ pointer: '/issuer', detail: 'is declared twice' });
    names.add(entry.name);
    issuers.add(entry.issuer);
    return faults.map(({ pointer, detail }) => ({ pointer: `/${index}${pointer}`, detail }));
  });
}

/** The algorithms must be those of the one kind of key there is: a public key must never be taken for the secret of an HMAC. */
function faultsOfKeys({ algorithms, secret, jwksUrl, jwks }: DeclaredIssuer): ConfigValueFault[] {
  const faults: ConfigValueFault[] = [];
  if ([secret, jwksUrl, jwks].filter((source) => source !== undefined).length !== 1)
    faults.push({ pointer: '', detail: 'must have exactly one of secret, jwksUrl and jwks' });
  const allowed = secret === undefined ? Object.keys(KEY_OF_ALGORITHM) : ['HS256'];
  for (const [index, algorithm] of algorithms.entries()) {
    if (allowed.includes(algorithm)) continue;
    const kind = secret === undefined ? 'public keys' : 'a secret';
    faults.push({
      pointer: `/algorithms/${index}`,
      detail: `must, with ${kind}, be one of ${allowed.join(', ')}`,
    });
  }
  if (secret !== undefined && Buffer.byteLength(secret) < JWT_SECRET_BYTES_MIN)
    faults.push({ pointer: '/secret', detail: `must have at least ${JWT_SECRET_BYTES_MIN} bytes` });
  if (jwksUrl !== undefined && !isFetchable(jwksUrl))
    faults.push({
      pointer: '/jwksUrl',
      detail: 'must be an https URL without user and fragment (http to this machine itself)',
    });
  if (jwks !== undefined) faults.push(...faultsOfSet(jwks.keys, algorithms));
  return faults;
}

function isFetchable(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, username, password, hash } = new URL(text);
  if (`${username}${password}${hash}` !== '') return false;
  if (protocol === 'https:') return true;
  const isLoopback = hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);
  return protocol === 'http:' && isLoopback;
}

function faultsOfSet(keys: readonly unknown[], algorithms: readonly string[]): ConfigValueFault[] {
  const { usable, faults } = sortKeys(keys);
  const found = faults.map(({ index, detail }) => ({ pointer: `/jwks/keys/${index}`, detail }));
  const kinds = new Set(usable.map(({ kty, crv }) => (kty === 'RSA' ? 'RSA' : crv)));
  for (const [index, algorithm] of algorithms.entries()) {
    const kind = Object.hasOwn(KEY_OF_ALGORITHM, algorithm)
      ? KEY_OF_ALGORITHM[algorithm as keyof typeof KEY_OF_ALGORITHM]
      : undefined;
    if (kind !== undefined && !kinds.has(kind))
      found.push({ pointer: `/algorithms/${index}`, detail: `has no key (${kind}) in jwks` });
  }
  return found;
}

function faultsOfMaps({ roles = {}, organizations = {} }: DeclaredIssuer): ConfigValueFault[] {
  const at = (map: string, value: string) => `/${map}/${value.replaceAll('~', '~0').replaceAll('/', '~1')}`;
  return [
    ...Object.entries(roles)
      .filter(([, role]) => !isRole(role))
      .map(([value]) => ({ pointer: at('roles', value), detail: `must be one of ${ROLES.join(', ')}` })),
    ...Object.entries(organizations)
      .filter(([, id]) => parseOrganizationId(id) === null)
      .map(([value]) => ({
        pointer: at('organizations', value),
        detail: 'must be the id of an organization',
      })),
  ];
}

function toIssuer(declared: DeclaredIssuer): JwtIssuer {
  const { name, issuer, audience, algorithms, claims = {}, roles, organizations } = declared;
  return {
    name,
    issuer,
    audience: typeof audience === 'string' ? [audience] : audience,
    algorithms,
    keys: toKeys(declared),
    claims: { organization: claims.organization ?? 'org', role: claims.role ?? 'role' },
    // Checked before: `faultsOfMaps`.
    roles: roles === undefined ? null : new Map(Object.entries(roles) as [string, Role][]),
    organizations:
      organizations === undefined
        ? null
        : new Map(Object.entries(organizations) as [string, OrganizationId][]),
  };
}

function toKeys({ secret, jwksUrl, jwks }: DeclaredIssuer): IssuerKeys {
  if (secret !== undefined) return { kind: 'secret', secret: new Secret(secret) };
  if (jwksUrl !== undefined) return { kind: 'url', url: jwksUrl };
  return { kind: 'set', keys: sortKeys(jwks?.keys ?? []).usable };
}
