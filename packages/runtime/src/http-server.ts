import { randomUUID } from 'node:crypto';
import { TypeBoxValidatorCompiler, type TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import { AppError } from '@tidemark/core';
import fastify, {
  LogController,
  type FastifyBaseLogger,
  type FastifyInstance,
  type RawReplyDefaultExpression,
  type RawRequestDefaultExpression,
  type RawServerDefault,
} from 'fastify';
import { collectRoutes } from './allowed-methods.ts';
import { isDeeperThan } from './json-depth.ts';
import type { Logger } from './logger.ts';
import { answerBrokenRequest, HEADER_BYTES_MAX } from './broken-request.ts';
import { answerError, sendProblem } from './problem-handler.ts';
import type { Telemetry } from './telemetry.ts';

/** A request that has not arrived in full by then is dropped (slowloris). */
export const REQUEST_TIMEOUT_MS = 30_000;
/** A socket on which nothing moves. */
export const CONNECTION_TIMEOUT_MS = 60_000;
/** Longer than the idle time of common balancers (60 s), so that they and not we close first. */
export const KEEP_ALIVE_TIMEOUT_MS = 72_000;
/** Of JSON bodies of ordinary routes; doors for bulk data read their bodies themselves. */
export const BODY_BYTES_MAX = 1024 * 1024;
/** Levels of objects and arrays in JSON bodies of ordinary routes: schemas and readers recurse, and the stack ends. */
const BODY_DEPTH_MAX = 100;
export const PATH_PARAMETER_LENGTH_MAX = 512;

const REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/;
const SECONDS_PER_MS = 0.001;

export type HttpServer = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

export interface HttpServerOptions {
  readonly log: Logger;
  readonly telemetry: Telemetry;
}

/** Another instance, or the next one, answers soon. */
const STOPPING_RETRY_AFTER_SECONDS = 1;

/**
 * A Fastify server, not listening yet: TypeBox schemas (bodies are taken as they are, query strings and parameters are converted),
 * problem+json for every refusal, a request id on every answer (a sane `X-Request-Id` is kept), time-outs and sizes bounded.
 */
export function createHttpServer(options: HttpServerOptions): HttpServer {
  const { telemetry } = options;
  const log: FastifyBaseLogger = options.log;
  const app = fastify({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionTimeout: CONNECTION_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    bodyLimit: BODY_BYTES_MAX,
    routerOptions: { maxParamLength: PATH_PARAMETER_LENGTH_MAX },
    // Node's own refusal of a request without `Host` says nothing: see `onRequest`.
    http: { maxHeaderSize: HEADER_BYTES_MAX, requireHostHeader: false },
    forceCloseConnections: 'idle',
    // Fastify's own answer says neither what it is nor when to come again: see `preClose`.
    return503OnClosing: false,
    genReqId: (request) => {
      const sent = request.headers['x-request-id'];
      return typeof sent === 'string' && REQUEST_ID.test(sent) ? sent : randomUUID();
    },
    clientErrorHandler: answerBrokenRequest,
    frameworkErrors: (error, request, reply) => void answerError(error, request, reply),
  }).withTypeProvider<TypeBoxTypeProvider>();

  app.setValidatorCompiler(TypeBoxValidatorCompiler as Parameters<typeof app.setValidatorCompiler>[0]);
  app.setErrorHandler(answerError);
  // Many clients name a media type whether they send a body or not: without one the schema of the route decides.
  const parseJson = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body.length === 0) done(null);
    else if (isDeeperThan(body.toString(), BODY_DEPTH_MAX))
      done(new AppError('malformed-body', `the body is nested deeper than ${BODY_DEPTH_MAX} levels`));
    else void parseJson(request, body.toString(), done);
  });
  const methodsOf = collectRoutes(app);
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0] ?? '';
    const allowed = methodsOf(path);
    // What a route of files does not find was asked for as it should be.
    if (allowed.length === 0 || allowed.includes(request.method))
      return sendProblem(new AppError('not-found', `nothing is at ${path}`), request, reply);
    void reply.header('allow', allowed.join(', '));
    const detail = `${path} answers ${allowed.join(', ')}, not ${request.method}`;
    return sendProblem(new AppError('method-not-allowed', detail), request, reply);
  });
  // An expectation that nobody knows may be passed over (RFC 9110, 10.1.1); Node would refuse it without a word.
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response));
  let isClosing = false;
  app.addHook('onRequest', async (request, reply) => {
    void reply.header('x-request-id', request.id).header('x-content-type-options', 'nosniff');
    if (isClosing)
      throw new AppError('stopping', 'send it again', { retryAfterSeconds: STOPPING_RETRY_AFTER_SECONDS });
    if (request.headers.host === undefined && request.raw.httpVersion === '1.1')
      throw new AppError('invalid-request', 'the header Host is missing');
  });
  // A connection that is kept alive after its answer would hold up the end of the server.
  app.addHook('preClose', async () => {
    isClosing = true;
  });
  app.addHook('onSend', async (_request, reply) => {
    if (isClosing) void reply.header('connection', 'close');
  });
  app.addHook('onResponse', async (request, reply) => {
    telemetry.observe('tidemark_http_request_duration_seconds', reply.elapsedTime * SECONDS_PER_MS, {
      method: request.method,
      route: request.routeOptions.url ?? 'none',
      status: String(reply.statusCode),
    });
  });
  return app;
}

/**
 * Resolves with the URL once it listens.
 * @param variable of the environment, that names another port
 * @throws conflict when the port is taken
 */
export async function listen(
  app: HttpServer,
  { port, host, variable }: { readonly port: number; readonly host: string; readonly variable: string },
): Promise<string> {
  try {
    return await app.listen({ port, host });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new AppError('conflict', `port ${port} is in use; end what uses it, or set ${variable}`);
  }
}
