import Type from 'typebox';
import { AppError } from '@tidemark/core';
import type { Users } from '@tidemark/catalog';
import {
  TenancyPageSchema,
  UserChangeSchema,
  UserListSchema,
  UserRequestSchema,
  UserSchema,
} from '@tidemark/contracts';
import type { HttpServer } from '@tidemark/runtime';
import type { Access } from './access.ts';
import { problemResponses } from './responses.ts';
import { cursorAfter, isStorable, notFound, NO_STORE, readPage, toUser } from './tenancy-wire.ts';

const PATH = '/api/v1/users';
const TAGS = ['Users'];
const IdSchema = Type.Object({ id: Type.String({ description: 'Percent-encoded' }) });
/** The path of one's own record: nobody's id. */
const ME = 'me';

export interface UserRoutesOptions {
  readonly users: Users;
  readonly access: Access;
}

export function registerUserRoutes(app: HttpServer, options: UserRoutesOptions): void {
  registerReading(app, options);
  registerOwn(app, options);
  registerCreate(app, options);
  registerChange(app, options);
}

function registerReading(app: HttpServer, { users, access }: UserRoutesOptions): void {
  const onRequest = access.requires('admin');
  app.get(
    PATH,
    {
      onRequest,
      schema: {
        tags: TAGS,
        summary: 'The users of the organization, by id',
        querystring: TenancyPageSchema,
        response: { 200: UserListSchema, ...problemResponses(400, 401, 403, 429, 503) },
      },
    },
    async (request, reply) => {
      const page = readPage(request.query);
      const found = await users.list(access.principalOf(request).organization, page);
      const cursor = cursorAfter(
        found.map(({ id }) => id),
        page,
      );
      return reply.header('cache-control', NO_STORE).send({ users: found.map(toUser), cursor });
    },
  );
  app.get(
    `${PATH}/:id`,
    {
      onRequest,
      schema: {
        tags: TAGS,
        summary: 'One user',
        params: IdSchema,
        response: { 200: UserSchema, ...problemResponses(401, 403, 404, 429, 503) },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const { organization } = access.principalOf(request);
      const user = isStorable(id) ? await users.find(organization, id) : null;
      if (user === null) throw notFound('user', id);
      return reply.header('cache-control', NO_STORE).send(toUser(user));
    },
  );
}

function registerOwn(app: HttpServer, { users, access }: UserRoutesOptions): void {
  app.get(
    `${PATH}/${ME}`,
    {
      onRequest: access.requires('viewer'),
      schema: {
        tags: TAGS,
        summary: 'The user whose credential this is',
        response: { 200: UserSchema, ...problemResponses(401, 403, 404, 429, 503) },
      },
    },
    async (request, reply) => {
      const { organization, user: id } = access.principalOf(request);
      const user = id === null || !isStorable(id) ? null : await users.find(organization, id);
      if (user === null) throw new AppError('not-found', 'the credential is that of no user');
      return reply.header('cache-control', NO_STORE).send(toUser(user));
    },
  );
}

function registerCreate(app: HttpServer, { users, access }: UserRoutesOptions): void {
  app.post(
    PATH,
    {
      onRequest: access.requires('admin'),
      schema: {
        tags: TAGS,
        summary: 'Add a user',
        body: UserRequestSchema,
        response: { 201: UserSchema, ...problemResponses(400, 401, 403, 409, 429, 503) },
      },
    },
    async (request, reply) => {
      const { organization } = access.principalOf(request);
      const { id, name, role, email = null, identity = null } = request.body;
      if (id === ME) throw new AppError('conflict', `the id ${ME} stands for whoever asks`);
      const user = { organization, id, name, role, email, identity };
      const created = await users.create(user, access.actorOf(request));
      return reply.status(201).header('cache-control', NO_STORE).send(toUser(created));
    },
  );
}

function registerChange(app: HttpServer, { users, access }: UserRoutesOptions): void {
  const onRequest = access.requires('admin');
  app.patch(
    `${PATH}/:id`,
    {
      onRequest,
      schema: {
        tags: TAGS,
        summary: 'Change a user; keys that a lesser role does not allow are revoked',
        params: IdSchema,
        body: UserChangeSchema,
        response: { 200: UserSchema, ...problemResponses(400, 401, 403, 404, 409, 429, 503) },
      },
    },
    async (request, reply) => {
      const { organization } = access.principalOf(request);
      const { id } = request.params;
      const user = isStorable(id)
        ? await users.change(organization, id, request.body, access.actorOf(request))
        : null;
      if (user === null) throw notFound('user', id);
      return reply.header('cache-control', NO_STORE).send(toUser(user));
    },
  );
  app.delete(
    `${PATH}/:id`,
    {
      onRequest,
      schema: {
        tags: TAGS,
        summary: 'Remove a user, and revoke the keys of theirs',
        params: IdSchema,
        response: { 204: Type.Null(), ...problemResponses(401, 403, 404, 429, 503) },
      },
    },
    async (request, reply) => {
      const { organization } = access.principalOf(request);
      const { id } = request.params;
      const isGone = isStorable(id) && (await users.delete(organization, id, access.actorOf(request)));
      if (!isGone) throw notFound('user', id);
      return reply.status(204).send(null);
    },
  );
}
