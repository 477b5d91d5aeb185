import {
  parseFilterTexts,
  SubjectKindsSchema,
  SubjectListSchema,
  SubjectParametersSchema,
  SubjectSchema,
  SubjectsParametersSchema,
  toSubjectKind,
} from '@tidemark/contracts';
import { AppError } from '@tidemark/core';
import type { Catalogue, Principal } from '@tidemark/core';
import type { QueryEngine, SubjectAnswer, SubjectList } from '@tidemark/query';
import { goneSignal, type HttpServer } from '@tidemark/runtime';
import type { FastifyReply } from 'fastify';
import Type, { type Static } from 'typebox';
import type { Access } from './access.ts';
import { problemResponses } from './responses.ts';

export interface SubjectRoutesOptions {
  readonly engine: Pick<QueryEngine, 'subject' | 'subjects'>;
  /** What the organization of the asker has. */
  readonly catalogueOf: (principal: Principal) => Promise<Pick<Catalogue, 'subjects'>>;
  readonly access: Access;
}

const ID_LENGTH_MAX = 1_024;
const Kind = Type.String({ minLength: 1, maxLength: 128, description: '`<pack>.<name>`' });
const Id = Type.String({ minLength: 1, maxLength: ID_LENGTH_MAX });

/** Subjects are told as they are now: nothing here is kept. */
export function registerSubjectRoutes(
  app: HttpServer,
  { engine, catalogueOf, access }: SubjectRoutesOptions,
): void {
  const onRequest = access.requires('viewer');
  const tags = ['Subjects'];
  const problems = problemResponses(400, 401, 403, 404, 422, 429, 503);

  app.get(
    '/api/v1/subjects',
    {
      onRequest,
      schema: {
        tags,
        summary: 'The kinds of subjects, and what is known of them',
        response: { 200: SubjectKindsSchema, ...problemResponses(401, 403, 429, 503) },
      },
    },
    async (request, reply) => {
      const { subjects } = await catalogueOf(access.principalOf(request));
      return reply.send({ kinds: subjects.map(toSubjectKind) });
    },
  );

  app.get(
    '/api/v1/subjects/:kind',
    {
      onRequest,
      schema: {
        tags,
        summary: 'The subjects of a kind as they are now, seen last first',
        description: 'Of a kind of persons a viewer gets themselves alone.',
        params: Type.Object({ kind: Kind }),
        querystring: SubjectsParametersSchema,
        response: { 200: SubjectListSchema, ...problems },
      },
    },
    async (request, reply) => {
      const { attributes, filter, limit, cursor } = request.query;
      const query = {
        kind: request.params.kind,
        filters: parseFilterTexts(filter),
        ...listed(attributes),
        ...(limit === undefined ? {} : { limit }),
        ...(cursor === undefined ? {} : { cursor }),
      };
      const principal = access.principalOf(request);
      return await answered(reply, async (signal) => {
        const found = await engine.subjects(principal, query, { signal });
        return reply.send(toWire<typeof SubjectListSchema>(found));
      });
    },
  );

  app.get(
    '/api/v1/subjects/:kind/:id',
    {
      onRequest,
      schema: {
        tags,
        summary: 'One subject as it is now',
        description: 'Of a kind of persons a viewer may ask for themselves alone.',
        params: Type.Object({ kind: Kind, id: Id }),
        querystring: SubjectParametersSchema,
        response: { 200: SubjectSchema, ...problems },
      },
    },
    async (request, reply) => {
      const { kind, id } = request.params;
      const query = { kind, id, ...listed(request.query.attributes) };
      const principal = access.principalOf(request);
      return await answered(reply, async (signal) => {
        const found = await engine.subject(principal, query, { signal });
        if (found === null)
          throw new AppError('not-found', `no event has told of ${kind} ${JSON.stringify(id)}`);
        return reply.send(toWire<typeof SubjectSchema>(found));
      });
    },
  );
}

function listed(attributes: string | undefined): { attributes?: readonly string[] } {
  return attributes === undefined ? {} : { attributes: attributes.split(',') };
}

async function answered(
  reply: FastifyReply,
  answer: (signal: AbortSignal) => Promise<FastifyReply>,
): Promise<FastifyReply> {
  const signal = goneSignal(reply);
  void reply.header('cache-control', 'private, no-store');
  try {
    return await answer(signal);
  } catch (error) {
    if (!signal.aborted) throw error;
    // Whoever asked has gone; their question is nobody's fault.
    return reply.hijack();
  }
}

/** The same object: the schema's type says `mutable`, the domain's `readonly`. */
function toWire<S extends Type.TSchema>(answer: SubjectAnswer | SubjectList): Static<S> {
  return answer as Static<S>;
}
