/** The doors for producers, as one plugin: a server of their own mounts it, and so does a server shared with others. */
import type { Bus } from '@tidemark/bus';
import {
  IngestOutcomeSchema,
  IngestProblemSchema,
  parseEventRequest,
  parseJsonEvents,
  ProblemSchema,
  type EventContext,
  type EventLimits,
  type ItemParser,
  type ParsedEvents,
} from '@tidemark/contracts';
import { AppError, isAppError, type Clock, type Principal, type Recorder } from '@tidemark/core';
import {
  assertRole,
  assertWithinLimit,
  rateLimitHeaders,
  type Authenticator,
  type RateLimiter,
  type RateLimitPolicy,
  type RateLimitState,
  type Telemetry,
} from '@tidemark/runtime';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { IncomingMessage } from 'node:http';
import {
  createOverloadGate,
  type Admission,
  type OverloadGate,
  type OverloadLimits,
} from './app/overload-gate.ts';
import { publishEvents } from './app/publish-events.ts';
import { parseCustomMetric, parseRecorded } from './domain/recorder-event.ts';
import { answerOutcome } from './http/answer.ts';
import { EVENT_BODY_DOCS, METRIC_BODY_DOCS, RECORDER_BODY_DOCS } from './http/body-docs.ts';
import { requireJson } from './http/require-json.ts';
import { readBody } from './http/read-body.ts';

export interface IngestRateLimits {
  readonly requests: RateLimitPolicy;
  readonly events: RateLimitPolicy;
}

export interface IngestDependencies {
  readonly bus: Pick<Bus, 'publish'>;
  readonly authenticator: Authenticator;
  readonly rateLimiter: RateLimiter;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  /** Of all packs; their names are the last segments of paths and unique. */
  readonly recorders: readonly Recorder[];
  /** For recorded objects without an id. */
  readonly createId: () => string;
  readonly limits: EventLimits;
  readonly overload: OverloadLimits;
  readonly rateLimits: IngestRateLimits;
}

/** What the request hooks found out for the handler. */
interface Entry {
  readonly principal: Principal;
  readonly states: readonly RateLimitState[];
}

/** A body in memory and the share of memory it was given. Whoever holds one must release it. */
interface ArrivedBody {
  readonly bytes: Buffer;
  readonly admission: Admission;
}

/** `app.register(ingestRoutes, dependencies)`. Paths are absolute: `/api/v1/events`, `/api/v1/analytics/metrics[/{recorder}]`. */
export async function ingestRoutes(app: FastifyInstance, dependencies: IngestDependencies): Promise<void> {
  const { authenticator, rateLimiter, clock, telemetry, limits, rateLimits, createId } = dependencies;
  const recorders = new Map(dependencies.recorders.map((recorder) => [recorder.name, recorder]));
  const gate = createOverloadGate(dependencies.overload, telemetry);
  const entries = new WeakMap<FastifyRequest, Entry>();

  function entryOf(request: FastifyRequest): Entry {
    const entry = entries.get(request);
    if (entry === undefined) throw new Error('Assertion failed: the request was not let in');
    return entry;
  }

  // Before a byte of the body is read: who is it, and may they?
  app.addHook('onRequest', async (request, reply) => {
    const principal = await authenticator.authenticate(request.headers);
    assertRole(principal, 'producer');
    const state = await rateLimiter.take(principal.keyId, rateLimits.requests, 1);
    void reply.headers(rateLimitHeaders([state]));
    assertWithinLimit(state);
    entries.set(request, { principal, states: [state] });
  });

  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    '*',
    async (request: FastifyRequest, stream: IncomingMessage): Promise<ArrivedBody> => {
      const { 'content-length': length, 'content-encoding': encoding } = request.headers;
      const contentLength = length === undefined ? undefined : Number(length);
      const admission = gate.admit();
      try {
        const reserve = (count: number) => admission.addBytes(count);
        return { bytes: await readBody({ stream, encoding, contentLength }, limits, reserve), admission };
      } catch (error) {
        admission.release();
        throw error;
      }
    },
  );
  // Fastify closes the connection when a body was refused, which can cut off the answer to a client that is still sending;
  // readBody drains what comes, and the request time-out of the server ends who sends for ever.
  app.addHook('onSend', async (_request, reply) => void reply.removeHeader('connection'));
  app.addHook('onError', async (_request, _reply, error) => {
    const code = isAppError(error) ? error.code : 'other';
    telemetry.increment('tidemark_ingest_requests_refused_total', 1, { code });
  });

  async function take(
    request: FastifyRequest,
    reply: FastifyReply,
    parse: (body: Buffer, context: EventContext) => ParsedEvents,
  ): Promise<FastifyReply> {
    const { principal, states } = entryOf(request);
    const { bytes, admission } = arrivedBody(request, gate);
    try {
      const receivedAtMs = clock.nowMs();
      const parsed = parse(bytes, { organization: principal.organization, receivedAtMs, limits });
      const state = await rateLimiter.take(principal.keyId, rateLimits.events, parsed.received);
      void reply.headers(rateLimitHeaders([...states, state]));
      assertWithinLimit(state);
      await publishEvents(parsed.events, receivedAtMs, dependencies);
      for (const { code } of parsed.rejects) {
        telemetry.increment('tidemark_ingest_events_rejected_total', 1, { code });
      }
      return await answerOutcome(parsed, request, reply);
    } finally {
      admission.release();
    }
  }

  /** @param selectParser runs when the request holds its share already, so it may throw */
  function takeItems(request: FastifyRequest, reply: FastifyReply, selectParser: () => ItemParser) {
    return take(request, reply, (body, context) => {
      const parseItem = selectParser();
      requireJson(request.headers['content-type']);
      return parseJsonEvents(body, 'any', context, parseItem);
    });
  }

  function recorderParser(name: string): ItemParser {
    const recorder = recorders.get(name);
    if (recorder !== undefined) {
      return (value, index, context) => parseRecorded(recorder, value, index, context, createId);
    }
    throw new AppError(
      'not-found',
      `there is no such recorder; there are ${[...recorders.keys()].join(', ')}`,
    );
  }

  app.post(
    '/api/v1/events',
    routeOptions('Takes events: CloudEvents 1.0', EVENT_BODY_DOCS),
    (request, reply) =>
      take(request, reply, (body, context) => parseEventRequest({ headers: request.headers, body }, context)),
  );
  const metricOptions = routeOptions('Takes measurements of metrics of your own', METRIC_BODY_DOCS);
  app.post('/api/v1/analytics/metrics', metricOptions, (request, reply) =>
    takeItems(
      request,
      reply,
      () => (value, index, context) => parseCustomMetric(value, index, context, createId),
    ),
  );
  const recorderOptions = routeOptions('Takes the records of a typed recorder', RECORDER_BODY_DOCS);
  app.post<{ Params: { recorder: string } }>(
    '/api/v1/analytics/metrics/:recorder',
    recorderOptions,
    (request, reply) => takeItems(request, reply, () => recorderParser(request.params.recorder)),
  );
}

/** Without a body, no parser ran. */
function arrivedBody(request: FastifyRequest, gate: OverloadGate): ArrivedBody {
  return (request.body as ArrivedBody | undefined) ?? { bytes: Buffer.alloc(0), admission: gate.admit() };
}

/** Bodies are described, and checked by their own parsers: nothing here is validated by a schema. */
function routeOptions(summary: string, body: object) {
  return {
    schema: {
      summary,
      tags: ['Events'],
      body,
      response: {
        202: IngestOutcomeSchema,
        400: IngestProblemSchema,
        ...Object.fromEntries([401, 403, 413, 415, 429, 503].map((status) => [status, ProblemSchema])),
      },
    },
    validatorCompiler: () => () => true,
  };
}
