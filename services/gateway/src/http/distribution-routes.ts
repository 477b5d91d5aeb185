import { DistributionAnswerSchema, DistributionRequestSchema } from '@tidemark/contracts';
import type { DistributionAnswer } from '@tidemark/core';
import type { QueryEngine } from '@tidemark/query';
import { goneSignal, type HttpServer } from '@tidemark/runtime';
import type { Static } from 'typebox';
import type { Access } from './access.ts';
import { problemResponses } from './responses.ts';

export interface DistributionRoutesOptions {
  readonly engine: Pick<QueryEngine, 'distribute'>;
  readonly access: Access;
}

export function registerDistributionRoutes(
  app: HttpServer,
  { engine, access }: DistributionRoutesOptions,
): void {
  app.post(
    '/api/v1/query/distribution',
    {
      onRequest: access.requires('viewer'),
      schema: {
        tags: ['Questions'],
        summary: 'How the values of a metric lie',
        description:
          'Exact counts of values in bins. Of events from raw: of a range of which raw is no longer kept it tells nothing. Of subjects as they are now.',
        body: DistributionRequestSchema,
        response: { 200: DistributionAnswerSchema, ...problemResponses(400, 401, 403, 422, 429, 503) },
      },
    },
    async (request, reply) => {
      const signal = goneSignal(reply);
      try {
        const answer = await engine.distribute(access.principalOf(request), request.body, { signal });
        return await reply.header('cache-control', 'private, no-store').send(toWire(answer));
      } catch (error) {
        if (!signal.aborted) throw error;
        // Whoever asked has gone; their question is nobody's fault.
        return reply.hijack();
      }
    },
  );
}

/** The same object: the schema's type says `mutable`, the domain's `readonly`. */
function toWire(answer: DistributionAnswer): Static<typeof DistributionAnswerSchema> {
  return answer as Static<typeof DistributionAnswerSchema>;
}
