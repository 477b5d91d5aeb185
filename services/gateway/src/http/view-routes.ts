import { pathParametersOf, readViewQuery, viewAnswerSchema, viewRequestSchemas } from '@tidemark/contracts';
import { AppError } from '@tidemark/core';
import type { Catalogue, Pack, ParameterValues, Principal, ViewDeclaration } from '@tidemark/core';
import { answerView, type ViewSources } from '@tidemark/query';
import { goneSignal, type HttpServer } from '@tidemark/runtime';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Access } from './access.ts';
import { problemResponses } from './responses.ts';

export interface ViewRoutesOptions {
  /** Whose views have endpoints. */
  readonly packs: readonly Pack[];
  /** What the organization of the asker has: a view of a pack that is not in it does not exist for them. */
  readonly catalogueOf: (principal: Principal) => Promise<Catalogue>;
  readonly sources: ViewSources;
  readonly access: Access;
}

/** An endpoint for each view of each pack. Nothing here knows what a view is about. */
export function registerViewRoutes(app: HttpServer, options: ViewRoutesOptions): void {
  for (const pack of options.packs) {
    for (const view of pack.views) registerView(app, pack, view, options);
  }
}

function registerView(
  app: HttpServer,
  pack: Pack,
  view: ViewDeclaration,
  { catalogueOf, sources, access }: ViewRoutesOptions,
): void {
  const { params, querystring, body } = viewRequestSchemas(view);
  const schema = {
    tags: [pack.title],
    summary: view.title,
    description: view.description,
    ...(pathParametersOf(view).size === 0 ? {} : { params }),
    response: { 200: viewAnswerSchema(view), ...problemResponses(400, 401, 403, 404, 422, 429, 503) },
  };
  const url = `/api/v1/analytics/${view.path.replaceAll(/\{([^}]+)\}/g, ':$1')}`;
  const onRequest = access.requires(view.role ?? 'viewer');

  async function answer(
    request: FastifyRequest,
    reply: FastifyReply,
    given: ParameterValues,
  ): Promise<FastifyReply> {
    const principal = access.principalOf(request);
    const catalogue = await catalogueOf(principal);
    if (!catalogue.packs.some(({ key }) => key === pack.key)) {
      throw new AppError('not-found', `the pack ${pack.key} is not enabled for this organization`);
    }
    const gone = goneSignal(reply);
    try {
      const parameters = { ...given, ...(request.params as ParameterValues) };
      const found = await answerView(sources, principal, { view, parameters, catalogue, signal: gone });
      return await reply.header('cache-control', 'private, no-store').send(found);
    } catch (error) {
      if (!gone.aborted) throw error;
      return reply.hijack();
    }
  }

  for (const method of view.methods) {
    if (method === 'GET') {
      app.get(url, { onRequest, schema: { ...schema, querystring } }, async (request, reply) =>
        answer(request, reply, readViewQuery(view, request.query as Readonly<Record<string, unknown>>)),
      );
    } else {
      app.post(url, { onRequest, schema: { ...schema, body } }, async (request, reply) =>
        answer(request, reply, request.body as ParameterValues),
      );
    }
  }
}
