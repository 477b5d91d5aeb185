/** What operators and orchestrators ask of every process: `/livez`, `/readyz`, `/metrics`. No credential: bind or filter by network. */
import type { Health } from './health.ts';
import type { HttpServer } from './http-server.ts';
import type { Telemetry } from './telemetry.ts';

const HIDDEN = { schema: { hide: true } };

export function registerOperationsRoutes(app: HttpServer, health: Health, telemetry: Telemetry): void {
  app.get('/livez', HIDDEN, async (_request, reply) =>
    reply.header('cache-control', 'no-store').send({ status: 'ok' }),
  );
  app.get('/readyz', HIDDEN, async (_request, reply) => {
    const readiness = await health.readiness();
    return reply
      .status(readiness.ready ? 200 : 503)
      .header('cache-control', 'no-store')
      .send(readiness);
  });
  app.get('/metrics', HIDDEN, async (_request, reply) =>
    reply.type(telemetry.contentType).send(await telemetry.text()),
  );
}
