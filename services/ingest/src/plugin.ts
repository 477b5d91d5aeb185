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
import { createOverloadGate, type Admission, type OverloadLimits } from './app/overload-gate.ts';
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

/** What a request has passed and holds when its handler runs. */
interface Entry {
  readonly principal: Principal;
  readonly admission: Admission;
  readonly states: RateLimitState[];
  /** Whether a handler has taken over. */
  isTaken: boolean;
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

  // Before a byte of the body is read: who is it, may they, and is there room?
  app.addHook('onRequest', async (request, reply) => {
    const principal = await authenticator.authenticate(request.headers);
    assertRole(principal, 'producer');
    const state = await rateLimiter.take(principal.keyId, rateLimits.requests, 1);
    void reply.headers(rateLimitHeaders([state]));
    assertWithinLimit(state);
    entries.set(request, { principal, admission: gate.admit(), states: [state], isTaken: false });
  });

  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', async (request: FastifyRequest, stream: IncomingMessage): Promise<Buffer> => {
    const { 'content-length': length, 'content-encoding': encoding } = request.headers;
    const contentLength = length === undefined ? undefined : Number(length);
    const { admission } = entryOf(request);
    return readBody({ stream, encoding, contentLength }, limits, (bytes) => admission.addBytes(bytes));
  });

  // A handler that runs holds its share until the events are durable or given up, whether or not the client still waits.
  app.addHook('onResponse', async (request) => {
    const entry = entries.get(request);
    if (entry?.isTaken === false) entry.admission.release();
  });
  app.addHook('onError', async (_request, _reply, error) => {
    const code = isAppError(error) ? error.code : 'other';
    telemetry.increment('tidemark_ingest_requests_refused_total', 1, { code });
  });

  async function take(
    request: FastifyRequest,
    reply: FastifyReply,
    parse: (body: Buffer, context: EventContext) => ParsedEvents,
  ): Promise<FastifyReply> {
    const entry = entryOf(request);
    const { principal, admission, states } = entry;
    entry.isTaken = true;
    try {
      const receivedAtMs = clock.nowMs();
      const body: Buffer = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
      const parsed = parse(body, { organization: principal.organization, receivedAtMs, limits });
      const state = await rateLimiter.take(principal.keyId, rateLimits.events, parsed.received);
      states.push(state);
      void reply.headers(rateLimitHeaders(states));
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

  function takeItems(
    request: FastifyRequest,
    reply: FastifyReply,
    parseItem: ItemParser,
  ): Promise<FastifyReply> {
    requireJson(request.headers['content-type']);
    return take(request, reply, (body, context) => parseJsonEvents(body, 'any', context, parseItem));
  }

  app.post(
    '/api/v1/events',
    routeOptions('Takes events: CloudEvents 1.0', EVENT_BODY_DOCS),
    (request, reply) =>
      take(request, reply, (body, context) => parseEventRequest({ headers: request.headers, body }, context)),
  );
  const metricOptions = routeOptions("Takes measurements of a caller's own metric", METRIC_BODY_DOCS);
  app.post('/api/v1/analytics/metrics', metricOptions, (request, reply) =>
    takeItems(request, reply, (value, index, context) => parseCustomMetric(value, index, context, createId)),
  );
  const recorderOptions = routeOptions('Takes the records of a typed recorder', RECORDER_BODY_DOCS);
  app.post<{ Params: { recorder: string } }>(
    '/api/v1/analytics/metrics/:recorder',
    recorderOptions,
    (request, reply) => {
      const recorder = recorders.get(request.params.recorder);
      if (recorder === undefined) {
        throw new AppError(
          'not-found',
          `there is no such recorder; there are ${[...recorders.keys()].join(', ')}`,
        );
      }
      return takeItems(request, reply, (value, index, context) =>
        parseRecorded(recorder, value, index, context, createId),
      );
    },
  );
}

/** Bodies are described, and checked by their own parsers: nothing here is validated by a schema. */
function routeOptions(summary: string, body: object) {
  return {
    schema: {
      summary,
      tags: ['events'],
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
