import Type from 'typebox';
import { AppError } from '@tidemark/core';
import type { ApiKeyRecord, Clock } from '@tidemark/core';
import type { ApiKeys } from '@tidemark/catalog';
import { mintApiKey } from '@tidemark/runtime';
import type { HttpServer } from '@tidemark/runtime';
import type { Access } from './access.ts';
import { problemResponses } from './responses.ts';

export const API_KEY_NAME_LENGTH_MAX = 200;
/** No control characters: a NUL is more than Postgres takes, and the others spoil lists and logs. */
const NAME_PATTERN = '^[^\\u0000-\\u001f\\u007f]+$';
/** What no key's public part looks like is not looked up. */
const PUBLIC_ID = /^[0-9a-z]{1,64}$/;

const RoleSchema = Type.Union([Type.Literal('producer'), Type.Literal('viewer'), Type.Literal('admin')]);
const InstantOrNull = Type.Union([Type.String({ format: 'date-time' }), Type.Null()]);

const apiKeyMembers = {
  id: Type.String({ description: 'The public part of the key' }),
  name: Type.String(),
  role: RoleSchema,
  createdAt: Type.String({ format: 'date-time' }),
  expiresAt: InstantOrNull,
  revokedAt: InstantOrNull,
};
const ApiKeySchema = Type.Object(apiKeyMembers, { title: 'ApiKey' });
const ApiKeyListSchema = Type.Object({ apiKeys: Type.Array(ApiKeySchema) }, { title: 'ApiKeyList' });
const NewApiKeySchema = Type.Object(
  { ...apiKeyMembers, key: Type.String({ description: 'The whole key; shown this once' }) },
  { title: 'NewApiKey' },
);
const ApiKeyRequestSchema = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: API_KEY_NAME_LENGTH_MAX, pattern: NAME_PATTERN }),
    role: RoleSchema,
    expiresAt: Type.Optional(Type.String({ format: 'date-time' })),
  },
  { additionalProperties: false, title: 'ApiKeyRequest' },
);

export interface ApiKeyRoutesOptions {
  readonly apiKeys: ApiKeys;
  readonly access: Access;
  readonly clock: Clock;
  readonly randomBytes: (size: number) => Uint8Array;
}

export function registerApiKeyRoutes(app: HttpServer, options: ApiKeyRoutesOptions): void {
  const { apiKeys, access, clock, randomBytes } = options;
  const tags = ['API keys'];

  app.get(
    '/api/v1/api-keys',
    {
      onRequest: access.requires('admin'),
      schema: {
        tags,
        summary: 'List the keys of the organization, revoked ones included',
        response: { 200: ApiKeyListSchema, ...problemResponses(401, 403, 429, 503) },
      },
    },
    async (request, reply) => {
      const { organization } = access.principalOf(request);
      return reply.send({ apiKeys: (await apiKeys.list(organization)).map(toApiKey) });
    },
  );

  app.post(
    '/api/v1/api-keys',
    {
      onRequest: access.requires('admin'),
      schema: {
        tags,
        summary: 'Create a key',
        body: ApiKeyRequestSchema,
        response: { 201: NewApiKeySchema, ...problemResponses(400, 401, 403, 429, 503) },
      },
    },
    async (request, reply) => {
      const { organization } = access.principalOf(request);
      const { name, role, expiresAt } = request.body;
      const nowMs = clock.nowMs();
      const expiresAtMs = expiresAt === undefined ? null : Date.parse(expiresAt);
      if (expiresAtMs !== null && !(expiresAtMs > nowMs)) {
        throw new AppError('invalid-request', `expiresAt ${expiresAt ?? ''} is not in the future`);
      }
      const minted = mintApiKey(randomBytes);
      const { publicId, secretHash } = minted;
      const record = await apiKeys.create({
        publicId,
        secretHash,
        organization,
        name,
        role,
        createdAtMs: nowMs,
        expiresAtMs,
      });
      return reply
        .status(201)
        .header('cache-control', 'no-store')
        .send({ ...toApiKey(record), key: minted.key });
    },
  );

  app.delete(
    '/api/v1/api-keys/:id',
    {
      onRequest: access.requires('admin'),
      schema: {
        tags,
        summary: 'Revoke a key; it stops working within five seconds',
        params: Type.Object({ id: Type.String() }),
        response: { 204: Type.Null(), ...problemResponses(401, 403, 404, 429, 503) },
      },
    },
    async (request, reply) => {
      const { organization } = access.principalOf(request);
      const { id } = request.params;
      if (!PUBLIC_ID.test(id) || !(await apiKeys.revoke(organization, id, clock.nowMs()))) {
        throw new AppError('not-found', `there is no API key ${id}`);
      }
      return reply.status(204).send(null);
    },
  );
}

function toApiKey(record: ApiKeyRecord) {
  return {
    id: record.publicId,
    name: record.name,
    role: record.role,
    createdAt: toInstant(record.createdAtMs),
    expiresAt: record.expiresAtMs === null ? null : toInstant(record.expiresAtMs),
    revokedAt: record.revokedAtMs === null ? null : toInstant(record.revokedAtMs),
  };
}

function toInstant(ms: number): string {
  return new Date(ms).toISOString();
}
