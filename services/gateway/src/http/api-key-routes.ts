import Type from 'typebox';
import { AppError, SECOND_MS } from '@tidemark/core';
import type { ApiKeyRecord, Clock, Principal } from '@tidemark/core';
import type { ApiKeys, NewApiKey, Rotation } from '@tidemark/catalog';
import {
  ApiKeyListSchema,
  ApiKeyRequestSchema,
  KeyRotationRequestSchema,
  NewApiKeySchema,
} from '@tidemark/contracts';
import { mintApiKey } from '@tidemark/runtime';
import type { HttpServer, MintedApiKey } from '@tidemark/runtime';
import { assertMayGive } from './access.ts';
import type { Access } from './access.ts';
import { problemResponses } from './responses.ts';
import { notFound, NO_STORE, readExpiry, toApiKey } from './tenancy-wire.ts';

const PATH = '/api/v1/api-keys';
const TAGS = ['API keys'];
/** What no key's public part looks like is not looked up. */
const PUBLIC_ID = /^[0-9a-z]{1,64}$/;
const IdSchema = Type.Object({ id: Type.String() });

export interface ApiKeyRoutesOptions {
  readonly apiKeys: ApiKeys;
  readonly access: Access;
  readonly clock: Clock;
  readonly randomBytes: (size: number) => Uint8Array;
}

export function registerApiKeyRoutes(app: HttpServer, options: ApiKeyRoutesOptions): void {
  registerList(app, options);
  registerCreate(app, options);
  registerRotate(app, options);
  registerRevoke(app, options);
}

function registerList(app: HttpServer, { apiKeys, access }: ApiKeyRoutesOptions): void {
  app.get(
    PATH,
    {
      onRequest: access.requires('admin'),
      schema: {
        tags: TAGS,
        summary: 'List the keys of the organization, revoked ones included',
        response: { 200: ApiKeyListSchema, ...problemResponses(401, 403, 429, 503) },
      },
    },
    async (request, reply) => {
      const { organization } = access.principalOf(request);
      return reply.send({ apiKeys: (await apiKeys.list(organization)).map(toApiKey) });
    },
  );
}

function registerCreate(app: HttpServer, options: ApiKeyRoutesOptions): void {
  const { apiKeys, access, clock, randomBytes } = options;
  app.post(
    PATH,
    {
      onRequest: access.requires('admin'),
      schema: {
        tags: TAGS,
        summary: 'Create a key, for a user of the organization or for nobody in particular',
        body: ApiKeyRequestSchema,
        response: { 201: NewApiKeySchema, ...problemResponses(400, 401, 403, 404, 429, 503) },
      },
    },
    async (request, reply) => {
      const principal = access.principalOf(request);
      const { name, role, user = null, scopes = null, expiresAt } = request.body;
      assertMayGive(principal, scopes);
      const minted = mintApiKey(randomBytes);
      const key: NewApiKey = {
        ...hashOf(minted),
        organization: principal.organization,
        name,
        role,
        scopes: scopes === null ? null : [...new Set(scopes)],
        user,
        createdAtMs: clock.nowMs(),
        expiresAtMs: readExpiry(expiresAt, clock),
      };
      const record = await apiKeys.create(key, access.actorOf(request));
      return reply
        .status(201)
        .header('cache-control', NO_STORE)
        .send({ ...toApiKey(record), key: minted.key });
    },
  );
}

function registerRotate(app: HttpServer, options: ApiKeyRoutesOptions): void {
  const { apiKeys, access, clock, randomBytes } = options;
  app.post(
    `${PATH}/:id/rotate`,
    {
      onRequest: access.requires('admin'),
      schema: {
        tags: TAGS,
        summary: 'Replace a key by one that may do the same; the old one goes on for a while',
        params: IdSchema,
        body: KeyRotationRequestSchema,
        response: { 201: NewApiKeySchema, ...problemResponses(400, 401, 403, 404, 409, 429, 503) },
      },
    },
    async (request, reply) => {
      const principal = access.principalOf(request);
      const { id } = request.params;
      const { overlapSeconds, expiresAt } = request.body;
      const minted = mintApiKey(randomBytes);
      const nowMs = clock.nowMs();
      const expiresAtMs = readExpiry(expiresAt, clock);
      const plan = (key: ApiKeyRecord) => {
        assertRotatable(key, principal, nowMs);
        const endsAtMs = nowMs + overlapSeconds * SECOND_MS;
        return { successor: succeed(key, minted, { nowMs, expiresAtMs }), endsAtMs } satisfies Rotation;
      };
      const record = PUBLIC_ID.test(id)
        ? await apiKeys.rotate(principal.organization, id, plan, access.actorOf(request))
        : null;
      if (record === null) throw notFound('API key', id);
      return reply
        .status(201)
        .header('cache-control', NO_STORE)
        .send({ ...toApiKey(record), key: minted.key });
    },
  );
}

function registerRevoke(app: HttpServer, { apiKeys, access }: ApiKeyRoutesOptions): void {
  app.delete(
    `${PATH}/:id`,
    {
      onRequest: access.requires('admin'),
      schema: {
        tags: TAGS,
        summary: 'Revoke a key; it stops working within five seconds',
        params: IdSchema,
        response: { 204: Type.Null(), ...problemResponses(401, 403, 404, 429, 503) },
      },
    },
    async (request, reply) => {
      const { organization } = access.principalOf(request);
      const { id } = request.params;
      if (!PUBLIC_ID.test(id) || !(await apiKeys.revoke(organization, id, access.actorOf(request)))) {
        throw notFound('API key', id);
      }
      return reply.status(204).send(null);
    },
  );
}

/** @throws conflict, forbidden */
function assertRotatable(key: ApiKeyRecord, rotator: Principal, nowMs: number): void {
  const { publicId, successor, revokedAtMs, expiresAtMs, scopes } = key;
  if (revokedAtMs !== null) throw new AppError('conflict', `the key ${publicId} is revoked`);
  if (successor !== null) throw new AppError('conflict', `the key ${publicId} is replaced by ${successor}`);
  if (expiresAtMs !== null && expiresAtMs <= nowMs) {
    throw new AppError('conflict', `the key ${publicId} has expired`);
  }
  assertMayGive(rotator, scopes);
}

/** May do what the old key may, for as long as that was given. */
function succeed(
  { organization, name, role, scopes, user, createdAtMs, expiresAtMs: oldExpiryMs }: ApiKeyRecord,
  minted: MintedApiKey,
  { nowMs, expiresAtMs }: { readonly nowMs: number; readonly expiresAtMs: number | null },
): NewApiKey {
  const asLong = oldExpiryMs === null ? null : nowMs + (oldExpiryMs - createdAtMs);
  const owner = { organization, name, role, scopes, user };
  return { ...hashOf(minted), ...owner, createdAtMs: nowMs, expiresAtMs: expiresAtMs ?? asLong };
}

function hashOf({ publicId, secretHash }: MintedApiKey) {
  return { publicId, secretHash };
}
