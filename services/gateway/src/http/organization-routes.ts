import Type from 'typebox';
import { AppError } from '@tidemark/core';
import type { Clock, OrganizationId, Principal } from '@tidemark/core';
import type { Organization, Organizations } from '@tidemark/catalog';
import {
  NewOrganizationSchema,
  OrganizationChangeSchema,
  OrganizationListSchema,
  OrganizationRequestSchema,
  OrganizationSchema,
  TenancyPageSchema,
} from '@tidemark/contracts';
import { mintApiKey } from '@tidemark/runtime';
import type { HttpServer } from '@tidemark/runtime';
import type { Access } from './access.ts';
import { problemResponses } from './responses.ts';
import {
  cursorAfter,
  notFound,
  NO_STORE,
  readOrganizationId,
  readPage,
  toApiKey,
  toOrganization,
} from './tenancy-wire.ts';

const PATH = '/api/v1/organizations';
const TAGS = ['Organizations'];
const IdSchema = Type.Object({ id: Type.String() });

export interface OrganizationRoutesOptions {
  readonly organizations: Organizations;
  readonly access: Access;
  readonly clock: Clock;
  readonly randomBytes: (size: number) => Uint8Array;
  /** Whose administrators administer all organizations; those of others see their own alone. */
  readonly operatorOrganization: string;
}

export function registerOrganizationRoutes(app: HttpServer, options: OrganizationRoutesOptions): void {
  registerReading(app, options);
  registerCreate(app, options);
  registerChange(app, options);
}

function registerReading(app: HttpServer, options: OrganizationRoutesOptions): void {
  const { organizations, access } = options;
  const onRequest = access.requires('admin');
  app.get(
    PATH,
    {
      onRequest,
      schema: {
        tags: TAGS,
        summary: 'The organizations: all of them to the operator, else one’s own',
        querystring: TenancyPageSchema,
        response: { 200: OrganizationListSchema, ...problemResponses(400, 401, 403, 429, 503) },
      },
    },
    async (request, reply) => {
      const principal = access.principalOf(request);
      const page = readPage(request.query);
      const isOperator = principal.organization === options.operatorOrganization;
      const found = isOperator
        ? await organizations.list(page)
        : [await findOrganization(organizations, principal.organization)];
      const cursor = isOperator
        ? cursorAfter(
            found.map(({ id }) => id),
            page,
          )
        : null;
      return reply
        .header('cache-control', NO_STORE)
        .send({ organizations: found.map(toOrganization), cursor });
    },
  );
  app.get(
    `${PATH}/:id`,
    {
      onRequest,
      schema: {
        tags: TAGS,
        summary: 'One organization',
        params: IdSchema,
        response: { 200: OrganizationSchema, ...problemResponses(401, 403, 404, 429, 503) },
      },
    },
    async (request, reply) => {
      const id = visibleId(access.principalOf(request), request.params.id, options);
      const organization = await findOrganization(organizations, id);
      return reply.header('cache-control', NO_STORE).send(toOrganization(organization));
    },
  );
}

function registerCreate(app: HttpServer, options: OrganizationRoutesOptions): void {
  const { organizations, access, clock, randomBytes } = options;
  app.post(
    PATH,
    {
      onRequest: access.requires('admin'),
      schema: {
        tags: TAGS,
        summary: 'Create an organization, with its first admin key; for the operator',
        body: OrganizationRequestSchema,
        response: { 201: NewOrganizationSchema, ...problemResponses(400, 401, 403, 409, 429, 503) },
      },
    },
    async (request, reply) => {
      assertOperator(access.principalOf(request), options);
      const { name, limits = {} } = request.body;
      const id = readOrganizationId(request.body.id);
      const { key, publicId, secretHash } = mintApiKey(randomBytes);
      const owner = {
        organization: id,
        name: 'first admin key',
        role: 'admin',
        scopes: null,
        user: null,
      } as const;
      const firstKey = { publicId, secretHash, ...owner, createdAtMs: clock.nowMs(), expiresAtMs: null };
      const created = await organizations.create({ id, name, limits }, firstKey, access.actorOf(request));
      const unused = { revokedAtMs: null, lastUsedAtMs: null, successor: null };
      return reply
        .status(201)
        .header('cache-control', NO_STORE)
        .send({ ...toOrganization(created), apiKey: { ...toApiKey({ ...firstKey, ...unused }), key } });
    },
  );
}

function registerChange(app: HttpServer, options: OrganizationRoutesOptions): void {
  const { organizations, access } = options;
  app.patch(
    `${PATH}/:id`,
    {
      onRequest: access.requires('admin'),
      schema: {
        tags: TAGS,
        summary: 'Rename an organization; for the operator also: its limits, disabled or not',
        params: IdSchema,
        body: OrganizationChangeSchema,
        response: { 200: OrganizationSchema, ...problemResponses(400, 401, 403, 404, 409, 429, 503) },
      },
    },
    async (request, reply) => {
      const principal = access.principalOf(request);
      const id = visibleId(principal, request.params.id, options);
      const { name, limits, disabled } = request.body;
      if (limits !== undefined || disabled !== undefined) assertOperator(principal, options);
      if (disabled === true) assertMayDisable(id, options);
      const change = {
        ...(name === undefined ? {} : { name }),
        ...(limits === undefined ? {} : { limits }),
        ...(disabled === undefined ? {} : { isDisabled: disabled }),
      };
      const changed = await organizations.change(id, change, access.actorOf(request));
      if (changed === null) throw notFound('organization', id);
      return reply.header('cache-control', NO_STORE).send(toOrganization(changed));
    },
  );
  app.delete(
    `${PATH}/:id`,
    {
      onRequest: access.requires('admin'),
      schema: {
        tags: TAGS,
        summary: 'Disable an organization: its credentials stop working within five seconds, its data stay',
        params: IdSchema,
        response: { 204: Type.Null(), ...problemResponses(401, 403, 404, 409, 429, 503) },
      },
    },
    async (request, reply) => {
      const principal = access.principalOf(request);
      const id = visibleId(principal, request.params.id, options);
      assertOperator(principal, options);
      assertMayDisable(id, options);
      const disabled = await organizations.change(id, { isDisabled: true }, access.actorOf(request));
      if (disabled === null) throw notFound('organization', id);
      return reply.status(204).send(null);
    },
  );
}

/** @throws not-found: an organization that is another's is not there */
function visibleId(
  principal: Principal,
  text: string,
  { operatorOrganization }: OrganizationRoutesOptions,
): OrganizationId {
  const id = readOrganizationId(text);
  if (principal.organization === operatorOrganization || principal.organization === id) return id;
  throw notFound('organization', text);
}

/** @throws forbidden */
function assertOperator(
  { organization }: Principal,
  { operatorOrganization }: OrganizationRoutesOptions,
): void {
  if (organization === operatorOrganization) return;
  throw new AppError('forbidden', 'this is for administrators of the operator');
}

/** @throws conflict: nobody would be left to enable it again */
function assertMayDisable(id: OrganizationId, { operatorOrganization }: OrganizationRoutesOptions): void {
  if (id !== operatorOrganization) return;
  throw new AppError('conflict', 'the organization of the operator cannot be disabled');
}

async function findOrganization(
  organizations: Pick<Organizations, 'find'>,
  id: OrganizationId,
): Promise<Organization> {
  const organization = await organizations.find(id);
  if (organization === null) throw notFound('organization', id);
  return organization;
}
