import type { AuditLog } from '@tidemark/catalog';
import { ForgetParametersSchema, ForgottenSchema, RefreshStartedSchema } from '@tidemark/contracts';
import type { Answers } from '@tidemark/query';
import type { HttpServer } from '@tidemark/runtime';
import type { Access } from './access.ts';
import { problemResponses } from './responses.ts';

/** The same under two names. */
const FORGET_PATHS = ['/api/v1/cache', '/api/v1/analytics/cache'] as const;
const REFRESH_PATHS = ['/api/v1/cache/refresh', '/api/v1/analytics/refresh-cache'] as const;

export interface CacheRoutesOptions {
  readonly answers: Pick<Answers, 'forget' | 'refresh'>;
  readonly auditLog: Pick<AuditLog, 'append'>;
  readonly access: Access;
}

export function registerCacheRoutes(app: HttpServer, options: CacheRoutesOptions): void {
  const { answers, auditLog, access } = options;
  const onRequest = access.requires('admin');
  const tags = ['Cache'];

  for (const path of FORGET_PATHS) {
    app.delete(
      path,
      {
        onRequest,
        schema: {
          tags,
          summary: 'Forget the kept answers of the organization, all or those with some metrics',
          description:
            'Never needed for true numbers: an answer is left behind by the flush that changes it.',
          querystring: ForgetParametersSchema,
          response: { 200: ForgottenSchema, ...problemResponses(400, 401, 403, 429, 503) },
        },
      },
      async (request, reply) => {
        const { organization } = access.principalOf(request);
        const { pattern = '*' } = request.query;
        const act = { action: 'cache.delete', target: organization, details: { pattern } } as const;
        await auditLog.append({ organization, ...act }, access.actorOf(request));
        const forgotten = await answers.forget(organization, pattern);
        return reply.header('cache-control', 'no-store').send({ forgotten });
      },
    );
  }

  for (const path of REFRESH_PATHS) {
    app.post(
      path,
      {
        onRequest,
        schema: {
          tags,
          summary: 'Answer the hot questions of the organization anew, in the background',
          response: { 202: RefreshStartedSchema, ...problemResponses(401, 403, 429, 503) },
        },
      },
      async (request, reply) => {
        const { organization } = access.principalOf(request);
        return reply.status(202).send({ questions: answers.refresh(organization) });
      },
    );
  }
}
