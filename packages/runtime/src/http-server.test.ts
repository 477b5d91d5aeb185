import { PROBLEM_MEDIA_TYPE, type Problem } from '@tidemark/contracts';
import { AppError } from '@tidemark/core';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { Writable } from 'node:stream';
import { afterEach, describe, expect, it } from '@jest/globals';
import Type from 'typebox';
import { answerBrokenRequest } from './broken-request.ts';
import { createHttpServer, listen, type HttpServer } from './http-server.ts';
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

  it('lets a route without a body be called with the media type of one', async () => {
    const { app } = createServer();
    app.post('/go', async () => ({ gone: true }));
    app.post('/things', { schema: { body: BODY } }, async () => ({}));
    const headers = { 'content-type': 'application/json' };
    expect((await app.inject({ method: 'POST', url: '/go', headers })).json()).toEqual({ gone: true });
    expect((await app.inject({ method: 'POST', url: '/things', headers })).statusCode).toBe(400);
    const polluting = await app.inject({
      method: 'POST',
      url: '/go',
      headers,
      payload: '{"__proto__":{"a":1}}',
    });
    expect(polluting.statusCode).toBe(400);
  });

  it('says which variable names another port when its own is taken', async () => {
    const { app } = createServer();
    const { app: second } = createServer();
    const port = Number(new URL(await listen(app, { port: 0, host: '127.0.0.1', variable: 'X' })).port);
    await expect(listen(second, { port, host: '127.0.0.1', variable: 'TIDEMARK_PORT' })).rejects.toThrow(
      `port ${port} is in use; end what uses it, or set TIDEMARK_PORT`,
    );
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
    [
      'a thousand levels',
      `${'{"not":'.repeat(1_000)}1${'}'.repeat(1_000)}`,
      'application/json',
      400,
      'malformed-body',
    ],
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

  it.each([
    ['a missing Host', 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n', 400, 'invalid-request'],
    [
      'an expectation nobody knows',
      'GET / HTTP/1.1\r\nHost: x\r\nExpect: 200-ok\r\nConnection: close\r\n\r\n',
      404,
      'not-found',
    ],
    [
      'headers beyond 16 KiB',
      `GET / HTTP/1.1\r\nHost: x\r\nX-Large: ${'x'.repeat(20_000)}\r\n\r\n`,
      431,
      'headers-too-large',
    ],
    ['what is not HTTP', 'hello\r\n\r\n', 400, 'invalid-request'],
  ])('answers %s with a problem too, and ends the connection', async (_what, sent, status, code) => {
    const { app } = createServer();
    await app.listen({ port: 0, host: '127.0.0.1' });
    const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1');
    const answer = await new Promise<string>((resolve) => {
      let text = '';
      socket.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      socket.on('error', () => undefined);
      socket.on('close', () => resolve(text));
      socket.write(sent);
    });
    const [head, body] = answer.split('\r\n\r\n');
    expect(head).toContain(`HTTP/1.1 ${status} `);
    expect(head?.toLowerCase()).toContain(`content-type: ${PROBLEM_MEDIA_TYPE}`);
    expect(JSON.parse(body ?? '')).toMatchObject({ status, code, retryable: false });
  });

  it('answers who sends too slowly with a problem that permits to try again', () => {
    const written: string[] = [];
    const socket = {
      destroyed: false,
      writable: true,
      write: (text: string) => written.push(text),
      destroy: () => undefined,
    };
    const error = Object.assign(new Error('slow'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' });
    answerBrokenRequest(error, socket as unknown as Socket);
    expect(written[0]).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/);
    expect(written[0]).toContain('Retry-After: 5');
    expect(written[0]).toContain('"code":"request-timeout"');
  });

  it('ends a connection that is kept alive when the server closes during its request', async () => {
    const { app } = createServer();
    let answer: () => void = () => undefined;
    const isAsked = new Promise<void>((asked) => {
      app.get('/slow', async () => {
        asked();
        await new Promise<void>((resolve) => {
          answer = resolve;
        });
        return {};
      });
    });
    await app.listen({ port: 0, host: '127.0.0.1' });
    const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1');
    const ended = new Promise<void>((resolve) => socket.on('close', () => resolve()));
    socket.resume();
    socket.write('GET /slow HTTP/1.1\r\nHost: x\r\n\r\n');
    await isAsked;
    const closed = app.close();
    while (app.server.listening) await new Promise((resolve) => setImmediate(resolve));
    answer();
    await Promise.all([closed, ended]);
    expect(app.server.listening).toBe(false);
  });

  it('says that it is shutting down to who asks on a connection that is still open', async () => {
    const { app } = createServer();
    let goOn: () => void = () => undefined;
    app.get('/quick', async () => ({}));
    const isClosing = new Promise<void>((closing) => {
      app.addHook('preClose', async () => {
        closing();
        await new Promise<void>((resolve) => {
          goOn = resolve;
        });
      });
    });
    await app.listen({ port: 0, host: '127.0.0.1' });
    const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1');
    const received: string[] = [];
    socket.on('data', (chunk: Buffer) => received.push(chunk.toString()));
    const ended = new Promise<void>((resolve) => socket.on('close', () => resolve()));
    const closed = app.close();
    await isClosing;
    socket.write('GET /quick HTTP/1.1\r\nHost: x\r\n\r\n');
    await new Promise<void>((resolve) => socket.once('data', () => resolve()));
    goOn();
    await Promise.all([closed, ended]);
    const answer = received.join('');
    expect(answer).toMatch(/^HTTP\/1\.1 503 /);
    expect(answer).toMatch(/^retry-after: 1\r$/m);
    expect(answer).toMatch(/^connection: close\r$/m);
    expect(answer).toContain('"code":"stopping"');
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
