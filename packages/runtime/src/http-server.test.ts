import { PROBLEM_MEDIA_TYPE, type Problem } from '@tidemark/contracts';
import { AppError } from '@tidemark/core';
import { Writable } from 'node:stream';
import { afterEach, describe, expect, it } from '@jest/globals';
import Type from 'typebox';
import { createHttpServer, type HttpServer } from './http-server.ts';
import { createHealth } from './health.ts';
import { createLogger } from './logger.ts';
import { DOCS_PATH, OPEN_API_PATH, registerOpenApi } from './open-api.ts';
import { registerOperationsRoutes } from './operations-routes.ts';
import { systemClock } from './system-clock.ts';
import { createTelemetry } from './telemetry.ts';

const opened: HttpServer[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((app) => app.close()));
});

function createServer(): { readonly app: HttpServer; readonly logged: () => string } {
  const lines: string[] = [];
  const destination = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      lines.push(chunk.toString());
      done();
    },
  });
  const log = createLogger({ service: 'test', level: 'info', destination });
  const app = createHttpServer({ log, telemetry: createTelemetry({ withProcessFigures: false }) });
  opened.push(app);
  return { app, logged: () => lines.join('') };
}

const BODY = Type.Object(
  { count: Type.Integer({ minimum: 1 }), name: Type.String() },
  { additionalProperties: false },
);

describe('createHttpServer', () => {
  it('turns an AppError into problem+json with the status of its code and a hint to retry', async () => {
    const { app } = createServer();
    app.get('/busy', async () => {
      throw new AppError('bus-unavailable', 'no broker', { retryAfterSeconds: 2.2 });
    });
    const answer = await app.inject({ url: '/busy', headers: { 'x-request-id': 'abc' } });
    expect(answer.statusCode).toBe(503);
    expect(answer.headers['content-type']).toContain(PROBLEM_MEDIA_TYPE);
    expect(answer.headers['retry-after']).toBe('3');
    expect(answer.headers['x-request-id']).toBe('abc');
    expect(answer.json<Problem>()).toMatchObject({
      code: 'bus-unavailable',
      detail: 'no broker',
      instance: 'urn:request:abc',
      retryable: true,
    });
  });

  it('hides an unexpected error from the client and logs it once', async () => {
    const { app, logged } = createServer();
    app.get('/bug', async () => {
      throw new Error('password=hunter2');
    });
    const answer = await app.inject('/bug');
    expect(answer.statusCode).toBe(500);
    expect(answer.body).not.toContain('hunter2');
    expect(logged().split('"request failed"')).toHaveLength(2);
  });

  it('reports every fault of a body with its pointer and converts nothing in it', async () => {
    const { app } = createServer();
    app.post('/things', { schema: { body: BODY } }, async () => ({}));
    const answer = await app.inject({ method: 'POST', url: '/things', payload: { count: '5', extra: 1 } });
    expect(answer.statusCode).toBe(400);
    const pointers = answer.json<Problem>().errors?.map(({ pointer }) => pointer);
    expect(pointers?.toSorted()).toEqual(['/count', '/extra', '/name']);
  });

  it('converts query strings', async () => {
    const { app } = createServer();
    const querystring = Type.Object({ limit: Type.Optional(Type.Integer()) });
    app.get('/list', { schema: { querystring } }, (request, reply) =>
      reply.send({ limit: request.query.limit }),
    );
    expect((await app.inject('/list?limit=7')).json()).toEqual({ limit: 7 });
    expect((await app.inject('/list?limit=x')).statusCode).toBe(400);
  });

  it('tells a wrong method from a wrong path', async () => {
    const { app } = createServer();
    app.get('/things/:id', async () => ({}));
    const wrongMethod = await app.inject({ method: 'DELETE', url: '/things/7?x=1' });
    expect(wrongMethod.statusCode).toBe(405);
    expect(wrongMethod.headers['allow']).toBe('GET, HEAD');
    const wrongPath = await app.inject('/thing');
    expect(wrongPath.statusCode).toBe(404);
    expect(wrongPath.json<Problem>().code).toBe('not-found');
  });

  it.each([
    ['broken JSON', '{"a":', 'application/json', 400, 'malformed-body'],
    ['a __proto__ key', '{"__proto__":{"isAdmin":true}}', 'application/json', 400, 'malformed-body'],
    ['a foreign media type', 'x', 'text/csv', 415, 'unsupported-media-type'],
    ['1 MiB too much', `"${'x'.repeat(1024 * 1024)}"`, 'application/json', 413, 'body-too-large'],
  ])('refuses %s', async (_what, payload, contentType, status, code) => {
    const { app } = createServer();
    app.post('/things', async () => ({}));
    const answer = await app.inject({
      method: 'POST',
      url: '/things',
      payload,
      headers: { 'content-type': contentType },
    });
    expect([answer.statusCode, answer.json<Problem>().code]).toEqual([status, code]);
  });

  it('serves an OpenAPI 3.1 description and a page without foreign assets', async () => {
    const { app } = createServer();
    await registerOpenApi(app, { title: 'Test', description: 'A test', version: '1.0.0' });
    app.post('/things', { schema: { body: BODY, summary: 'Makes a thing' } }, async () => ({}));
    await app.ready();
    const description = (await app.inject(OPEN_API_PATH)).json<{ openapi: string; paths: object }>();
    expect(description.openapi).toBe('3.1.0');
    expect(Object.keys(description.paths)).toEqual(['/things']);
    const page = await app.inject({ url: `${DOCS_PATH}/` });
    expect(page.statusCode).toBe(200);
    expect(page.body).not.toMatch(/(?:src|href)="https?:/);
  });
});

describe('registerOperationsRoutes', () => {
  it('is alive without its dependencies, ready only with them, and names the one that fails', async () => {
    const { app } = createServer();
    const stopping = new AbortController();
    let isBusWell = true;
    const checks = {
      bus: async () => {
        if (!isBusWell) throw new AppError('bus-unavailable', 'tcp 10.0.0.7 refused');
      },
      catalog: async () => undefined,
    };
    const health = createHealth({ clock: systemClock, checks, stopping: stopping.signal });
    registerOperationsRoutes(app, health, createTelemetry({ withProcessFigures: false }));
    expect((await app.inject('/readyz')).statusCode).toBe(200);
    isBusWell = false;
    const notReady = await app.inject('/readyz');
    expect(notReady.statusCode).toBe(503);
    expect(notReady.json()).toMatchObject({
      dependencies: { bus: { status: 'failed', code: 'bus-unavailable' }, catalog: { status: 'ok' } },
    });
    expect(notReady.body).not.toContain('10.0.0.7');
    expect((await app.inject('/livez')).statusCode).toBe(200);
    isBusWell = true;
    stopping.abort();
    expect((await app.inject('/readyz')).json()).toMatchObject({ ready: false, stopping: true });
    expect((await app.inject('/metrics')).body).toContain(
      '# TYPE tidemark_http_request_duration_seconds histogram',
    );
  });
});
