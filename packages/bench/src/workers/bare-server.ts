/** The ceiling of ingest: Fastify as it comes, which parses the body and answers. */
import fastify from 'fastify';
import type { WorkerService } from './protocol.ts';

const BODY_BYTES_MAX = 16 * 1024 * 1024;

export function openBareServer(): WorkerService<'bare-server'> {
  const app = fastify({ bodyLimit: BODY_BYTES_MAX });
  app.post('/api/v1/events', (request, reply) => {
    const received = Array.isArray(request.body) ? request.body.length : 1;
    void reply.status(202).send({ received });
  });
  return {
    answer: async () => ({ url: await app.listen({ host: '127.0.0.1', port: 0 }) }),
    close: () => app.close(),
  };
}
