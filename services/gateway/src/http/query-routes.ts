import Type from 'typebox';
import {
  AnswerSchema,
  CacheParametersSchema,
  QueryRequestSchema,
  SeriesParametersSchema,
  toSeriesQuery,
} from '@tidemark/contracts';
import type { Query } from '@tidemark/core';
import type { Answered, Answers } from '@tidemark/query';
import { goneSignal, type HttpServer } from '@tidemark/runtime';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Access } from './access.ts';
import { problemResponses } from './responses.ts';

/** What the header `Tidemark-Cache` says of an answer. */
const CACHE_STATES = { cache: 'hit', engine: 'miss', joined: 'joined', bypass: 'bypass' } as const;

const SeriesRequestSchema = Type.Object(
  { ...SeriesParametersSchema.properties, ...CacheParametersSchema.properties },
  { title: 'SeriesParameters', additionalProperties: false },
);

export interface QueryRoutesOptions {
  readonly answers: Pick<Answers, 'ask'>;
  readonly access: Access;
}

export function registerQueryRoutes(app: HttpServer, { answers, access }: QueryRoutesOptions): void {
  const onRequest = access.requires('viewer');
  const problems = problemResponses(400, 401, 403, 422, 429, 503);
  const tags = ['Questions'];
  const description =
    'The header `Tidemark-Cache` says where the answer came from: `hit`, `miss`, `joined` (the same question was being answered) or `bypass`.';

  /** Null: whoever asked has gone; their question costs nothing more, and is nobody's fault. */
  async function ask(
    request: FastifyRequest,
    reply: FastifyReply,
    query: Query,
    useCache = true,
  ): Promise<Answered | null> {
    const signal = goneSignal(reply);
    try {
      const answered = await answers.ask(access.principalOf(request), query, { signal, useCache });
      void reply.headers({
        etag: answered.etag,
        'cache-control': 'private, max-age=0, must-revalidate',
        'tidemark-cache': CACHE_STATES[answered.source],
      });
      return answered;
    } catch (error) {
      if (!signal.aborted) throw error;
      return null;
    }
  }

  app.post(
    '/api/v1/query',
    {
      onRequest,
      schema: {
        tags,
        summary: 'Ask for metrics by time, zone and dimension',
        description,
        querystring: CacheParametersSchema,
        body: QueryRequestSchema,
        response: { 200: AnswerSchema, ...problems },
      },
    },
    async (request, reply) => {
      const answered = await ask(request, reply, request.body, request.query.use_cache);
      return answered === null ? reply.hijack() : reply.type(JSON_TYPE).send(written(answered));
    },
  );

  app.get(
    '/api/v1/metrics/:key/series',
    {
      onRequest,
      schema: {
        tags,
        summary: 'The same question about one metric, in a URL',
        description: `${description} Its \`ETag\`, given back as \`If-None-Match\`, is answered 304 while the answer is the same.`,
        params: Type.Object({ key: Type.String() }),
        querystring: SeriesRequestSchema,
        response: { 200: AnswerSchema, 304: Type.Null(), ...problems },
      },
    },
    async (request, reply) => {
      const { use_cache: useCache, ...parameters } = request.query;
      const query = toSeriesQuery(request.params.key, parameters);
      const answered = await ask(request, reply, query, useCache);
      if (answered === null) return reply.hijack();
      if (isHeld(request.headers['if-none-match'], answered.etag)) return reply.status(304).send(null);
      return reply.type(JSON_TYPE).send(written(answered));
    },
  );
}

const JSON_TYPE = 'application/json; charset=utf-8';
type WireAnswer = Type.Static<typeof AnswerSchema>;

/** JSON already, and sent as it is: what the entity tag is of. To the types it is the object it tells. */
function written({ json }: Answered): WireAnswer {
  return json as unknown as WireAnswer;
}

/** Whether the asker holds the answer, by the weak comparison of RFC 9110, 13.1.2. */
function isHeld(header: string | undefined, etag: string): boolean {
  const held = header?.split(',').map((tag) => tag.trim().replace(/^W\//, '')) ?? [];
  return held.includes(etag) || held.includes('*');
}
