import Type from 'typebox';
import { AnswerSchema, QueryRequestSchema, SeriesParametersSchema, toSeriesQuery } from '@tidemark/contracts';
import type { Answer, Query } from '@tidemark/core';
import type { QueryEngine } from '@tidemark/query';
import type { HttpServer } from '@tidemark/runtime';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { QuestionGate } from '../app/question-gate.ts';
import type { Access } from './access.ts';
import { problemResponses } from './responses.ts';

export interface QueryRoutesOptions {
  readonly engine: QueryEngine;
  readonly gate: QuestionGate;
  readonly access: Access;
}

export function registerQueryRoutes(app: HttpServer, { engine, gate, access }: QueryRoutesOptions): void {
  const onRequest = access.requires('viewer');
  const common = {
    tags: ['Questions'],
    response: { 200: AnswerSchema, ...problemResponses(400, 401, 403, 422, 429, 503) },
  };

  /** A question whose asker has gone costs nothing more, and is nobody's fault. */
  async function answer(request: FastifyRequest, reply: FastifyReply, query: Query): Promise<FastifyReply> {
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort());
    if (reply.raw.destroyed) gone.abort();
    try {
      const principal = access.principalOf(request);
      const found = await gate.pass(
        principal.organization,
        () => engine.ask(principal, query, { signal: gone.signal }),
        gone.signal,
      );
      return await reply.header('cache-control', 'private, no-store').send(toWire(found));
    } catch (error) {
      if (!gone.signal.aborted) throw error;
      return reply.hijack();
    }
  }

  app.post(
    '/api/v1/query',
    {
      onRequest,
      schema: {
        ...common,
        summary: 'Ask for metrics by time, zone and dimension',
        body: QueryRequestSchema,
      },
    },
    async (request, reply) => answer(request, reply, request.body),
  );

  app.get(
    '/api/v1/metrics/:key/series',
    {
      onRequest,
      schema: {
        ...common,
        summary: 'The same question about one metric, in a URL',
        params: Type.Object({ key: Type.String() }),
        querystring: SeriesParametersSchema,
      },
    },
    async (request, reply) => answer(request, reply, toSeriesQuery(request.params.key, request.query)),
  );
}

type WireAnswer = Type.Static<typeof AnswerSchema>;

/** The same object: the schema's type says `mutable`, the domain's `readonly`. */
function toWire(answer: Answer): WireAnswer {
  return answer as WireAnswer;
}
