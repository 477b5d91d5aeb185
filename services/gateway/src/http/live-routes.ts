/** The doors of the live feed: a WebSocket, and server-sent events. */
import websocket from '@fastify/websocket';
import {
  LiveParametersSchema,
  LiveSocketParametersSchema,
  LiveStreamParametersSchema,
  LiveStreamSchema,
  QueryRequestSchema,
  readLiveParameters,
} from '@tidemark/contracts';
import { AppError, type Clock, type Principal, type Query, SECOND_MS } from '@tidemark/core';
import {
  type Authenticator,
  assertWithinLimit,
  goneSignal,
  type HttpServer,
  type Logger,
  type RateLimiter,
  type Telemetry,
} from '@tidemark/runtime';
import type { FastifyReply, FastifyRequest } from 'fastify';
import Type from 'typebox';
import type { WebSocket } from 'ws';
import { LiveConnections } from '../live/connections.ts';
import type { LiveHub } from '../live/hub.ts';
import { CLOSES, MESSAGE_BYTES_MAX, STREAM_RETRY_MS, SUBSCRIBES_POLICY } from '../live/limits.ts';
import { LiveSession } from '../live/session.ts';
import { createSocketTransport } from '../live/socket-transport.ts';
import { createStreamTransport } from '../live/stream-transport.ts';
import type { Subscriber } from '../live/subscriber.ts';
import { websocketUpgrades } from '../live/upgrades.ts';
import type { Access } from './access.ts';
import { LIVE_SUBPROTOCOL, liveCredential } from './live-credential.ts';
import { problemResponses } from './responses.ts';

const TAGS = ['Live'];
/** The only subscription of an event stream. */
const STREAM_SUBSCRIPTION = 'stream';

export interface LiveRoutesOptions {
  readonly hub: LiveHub;
  readonly access: Access;
  readonly authenticator: Authenticator;
  readonly rateLimiter: RateLimiter;
  readonly clock: Clock;
  readonly log: Pick<Logger, 'error' | 'warn'>;
  readonly telemetry: Pick<Telemetry, 'increment' | 'set'>;
}

const SOCKET_PATH = '/api/v1/ws/analytics/';

interface Live extends LiveRoutesOptions {
  readonly connections: LiveConnections;
  readonly onRequest: ReturnType<Access['requires']>;
}

/** Connections end before the server does, and the hub after them. */
export function registerLiveRoutes(app: HttpServer, options: LiveRoutesOptions): void {
  const { hub, access, authenticator } = options;
  const connections = new LiveConnections(options);
  const onRequest = access.requires('viewer', (request) => liveCredential(authenticator, request)());
  const live = { ...options, connections, onRequest };
  app.addHook('preClose', () => connections.close());
  app.addHook('onClose', () => hub.close());
  // What it adds to every route ends connections that asked for a WebSocket where there is none.
  void app.register(websocket, {
    options: {
      server: websocketUpgrades(app.server, SOCKET_PATH) as typeof app.server,
      maxPayload: MESSAGE_BYTES_MAX,
      perMessageDeflate: false,
      clientTracking: false,
      handleProtocols: (offered) => (offered.has(LIVE_SUBPROTOCOL) ? LIVE_SUBPROTOCOL : false),
    },
    // Sockets that break are closed by `ws`, which tells of it by `close`.
    errorHandler: (error, socket) => {
      options.log.warn({ err: error }, 'a live connection broke');
      socket.terminate();
    },
    preClose: (done) => done(),
  });
  void app.register(async (scope) => {
    registerSocket(scope.withTypeProvider(), live);
    registerStreams(scope.withTypeProvider(), live);
  });
}

function registerSocket(app: HttpServer, live: Live): void {
  const { access, onRequest, authenticator, connections } = live;
  app.route({
    method: 'GET',
    url: `${SOCKET_PATH}:organization`,
    exposeHeadRoute: false,
    onRequest: [
      onRequest,
      async (request: FastifyRequest) => {
        const { organization } = request.params as { readonly organization: string };
        if (organization === access.principalOf(request).organization) return;
        throw new AppError(
          'forbidden',
          'the credential belongs to another organization than the one in the path',
        );
      },
    ],
    schema: {
      tags: TAGS,
      summary: 'Follow answers over a WebSocket',
      description:
        'The messages are described in docs/live.md. The credential may be in `?token=`, in the headers, or offered as the subprotocol `bearer.<key or token>` beside `tidemark.v1`.',
      params: Type.Object({ organization: Type.String() }),
      querystring: LiveSocketParametersSchema,
      response: {
        101: Type.Null({ description: 'The connection is a WebSocket from here on' }),
        ...problemResponses(400, 401, 403, 429, 503),
      },
    },
    handler: async () => {
      throw new AppError('invalid-request', 'this is a WebSocket: connect with `Upgrade: websocket`');
    },
    wsHandler: (socket, request) => {
      const principal = access.principalOf(request);
      const authenticate = liveCredential(authenticator, request);
      const noRoom = connections.noRoom(principal);
      if (noRoom === null) serveSocket(socket, { principal, authenticate }, live);
      else socket.close(CLOSES[noRoom.reason].code, noRoom.detail);
    },
  });
}

interface Client {
  readonly principal: Principal;
  readonly authenticate: () => Promise<Principal>;
}

/** Nothing here waits: listeners are there before anything can happen. */
function serveSocket(socket: WebSocket, client: Client, { connections, ...live }: Live): void {
  const connection = connections.open({
    ...client,
    transport: createSocketTransport(socket),
    answersHeartbeats: true,
    endsWithSubscription: false,
  });
  const session = new LiveSession({ ...live, connection });
  socket.on('message', (data, isBinary) => {
    if (connection.isClosing) return;
    if (isBinary) connection.close('not-text', 'messages are JSON text');
    else session.take((data as Buffer).toString('utf8'));
  });
  socket.on('pong', () => connection.noteBeat());
  socket.on('close', () => connection.end());
}

function registerStreams(app: HttpServer, live: Live): void {
  const { onRequest } = live;
  const description =
    'Server-sent events, named like the messages of the WebSocket. `Last-Event-ID` resumes without a gap. See docs/live.md.';
  const stream = {
    description: 'A stream of events',
    content: { 'text/event-stream': { schema: LiveStreamSchema } },
  };
  const response = { 200: stream, ...problemResponses(400, 401, 403, 422, 429, 503) };
  app.get(
    '/api/v1/live',
    {
      onRequest,
      // There is nothing to say of a stream without beginning it.
      exposeHeadRoute: false,
      schema: {
        tags: TAGS,
        summary: 'Follow an answer as an event stream',
        description,
        querystring: LiveParametersSchema,
        response,
      },
    },
    async (request, reply) => {
      await openStream(request, reply, { ...request.query, query: readLiveParameters(request.query) }, live);
    },
  );
  app.post(
    '/api/v1/live',
    {
      onRequest,
      schema: {
        tags: TAGS,
        summary: 'Follow the answer to any query as an event stream',
        description,
        querystring: LiveStreamParametersSchema,
        body: QueryRequestSchema,
        response,
      },
    },
    async (request, reply) => {
      await openStream(request, reply, { ...request.query, query: request.body }, live);
    },
  );
}

interface StreamRequest {
  readonly query: Query;
  readonly interval?: number | undefined;
  readonly resume?: string | undefined;
}

/** @throws what the question is refused with, and when there is no room, before anything is sent */
async function openStream(
  request: FastifyRequest,
  reply: FastifyReply,
  { query, interval, resume }: StreamRequest,
  { access, authenticator, connections, hub, rateLimiter }: Live,
): Promise<void> {
  const principal = access.principalOf(request);
  const gone = goneSignal(reply);
  const response = reply.raw;
  response.on('error', () => undefined);
  assertWithinLimit(await rateLimiter.take(principal.credentialId, SUBSCRIBES_POLICY, 1));
  const lastEventId = request.headers['last-event-id'];
  let wake: () => void = () => undefined;
  const subscriber: Subscriber = await hub.subscribe(principal, query, {
    intervalMs: interval === undefined ? null : interval * SECOND_MS,
    resume: typeof lastEventId === 'string' ? lastEventId : (resume ?? null),
    wake: () => wake(),
  });
  const noRoom = connections.noRoom(principal);
  if (noRoom !== null || gone.aborted) hub.unsubscribe(subscriber);
  if (noRoom !== null) throw new AppError(CLOSES[noRoom.reason].problem, noRoom.detail);
  reply.hijack();
  if (gone.aborted) return;
  response.writeHead(200, {
    ...(reply.getHeaders() as Record<string, string>),
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'private, no-store, no-transform',
    // Proxies of the nginx kind hold answers back otherwise.
    'x-accel-buffering': 'no',
  });
  response.write(`retry: ${STREAM_RETRY_MS}\n\n`);
  const connection = connections.open({
    principal,
    authenticate: liveCredential(authenticator, request),
    transport: createStreamTransport(response),
    answersHeartbeats: false,
    endsWithSubscription: true,
  });
  wake = () => connection.wake(subscriber);
  response.on('close', () => connection.end());
  connection.add(STREAM_SUBSCRIPTION, subscriber);
}
