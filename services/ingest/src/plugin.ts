/** The doors for producers, as one plugin: a server of their own mounts it, and so does a server shared with others. */
import type { Coordinate } from '@tidemark/bus';
import {
  parseEventRequest,
  parseJsonEvents,
  type EventContext,
  type ItemParser,
  type ParsedEvents,
} from '@tidemark/contracts';
import { AppError, isAppError, type OrganizationLimits, type Principal } from '@tidemark/core';
import {
  assertRole,
  assertWithinLimit,
  goneSignal,
  perSecondPolicy,
  rateLimitHeaders,
  type RateLimitState,
} from '@tidemark/runtime';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { IncomingMessage } from 'node:http';
import { createBackpressure } from './app/backpressure.ts';
import { nameEvents, takeEvents, type IntakeDependencies, type PublishedEvent } from './app/intake.ts';
import { createOverloadGate, type Admission, type OverloadGate } from './app/overload-gate.ts';
import { createReceipts } from './app/receipts.ts';
import { createRejectLetters, type ItemOrigin } from './app/reject-letters.ts';
import { createStoredWatch, type WatchPlace } from './app/stored-watch.ts';
import type { IngestDependencies } from './dependencies.ts';
import { originOfRecorder, parseRecorded } from './domain/recorder-event.ts';
import { answerOutcome, answerReached } from './http/answer.ts';
import { EVENT_BODY_DOCS, recorderBodyDocs, routeOptions } from './http/route-docs.ts';
import { requireJson } from './http/require-json.ts';
import { readBody } from './http/read-body.ts';
import { parseWaitRequest, type WaitRequest } from './http/wait-request.ts';

/** What the request hooks found out for the handler. */
interface Entry {
  readonly principal: Principal;
  readonly granted: OrganizationLimits;
  readonly states: readonly RateLimitState[];
  readonly wait: WaitRequest | null;
}

/** A body in memory and the share of memory it was given. Whoever holds one must release it. */
interface ArrivedBody {
  readonly bytes: Buffer;
  readonly admission: Admission;
}

/** What a door makes of a body. */
interface ParsedBody {
  readonly parsed: ParsedEvents;
  readonly origin: ItemOrigin | null;
}

interface ItemDoor {
  readonly parseItem: ItemParser;
  readonly origin: ItemOrigin;
}

/** `app.register(ingestRoutes, dependencies)`. Paths are absolute: `/api/v1/events`, `/api/v1/analytics/metrics[/{recorder}]`. */
export async function ingestRoutes(app: FastifyInstance, dependencies: IngestDependencies): Promise<void> {
  const { authenticator, organizations, rateLimiter, clock, telemetry, limits, rateLimits, createId } =
    dependencies;
  const recorders = new Map(dependencies.recorders.map((recorder) => [recorder.name, recorder]));
  const gate = createOverloadGate(dependencies.overload, telemetry);
  const watch = createStoredWatch({ ...dependencies, limits: dependencies.watch });
  const backpressure = createBackpressure({ ...dependencies, limits: dependencies.backpressure });
  const receipts = createReceipts(dependencies);
  const letters = createRejectLetters(dependencies.letters, telemetry);
  const intake: IntakeDependencies = {
    bus: dependencies.bus,
    clock,
    telemetry,
    backpressure,
    receipts,
    letters,
  };
  let isClosing = false;
  // Who waits would hold up the end of the server; what is under way otherwise is still counted.
  app.addHook('preClose', async () => {
    isClosing = true;
    watch.close();
  });
  app.addHook('onClose', async () => {
    await backpressure.close();
    await receipts.close();
  });
  const entries = new WeakMap<FastifyRequest, Entry>();

  function entryOf(request: FastifyRequest): Entry {
    const entry = entries.get(request);
    if (entry === undefined) throw new Error('Assertion failed: the request was not let in');
    return entry;
  }

  // Before a byte of the body is read: who is it, and may they?
  app.addHook('onRequest', async (request, reply) => {
    const principal = await authenticator.authenticate(request);
    assertRole(principal, 'producer');
    const wait = parseWaitRequest(request.query);
    const state = await rateLimiter.take(principal.credentialId, rateLimits.requests, 1);
    void reply.headers(rateLimitHeaders([state]));
    assertWithinLimit(state);
    backpressure.assertRoom(principal.organization);
    const granted = await organizations.limitsOf(principal.organization);
    entries.set(request, { principal, granted, states: [state], wait });
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
  app.addHook('onSend', async (_request, reply) => {
    if (!isClosing) void reply.removeHeader('connection');
  });
  app.addHook('onError', async (_request, _reply, error) => {
    const code = isAppError(error) ? error.code : 'other';
    telemetry.increment('tidemark_ingest_requests_refused_total', 1, { code });
  });

  /** Takes from what the organization is granted a second, if anything. @throws rate-limited */
  async function takeOfOrganization(
    { principal }: Entry,
    name: string,
    perSecond: number | undefined,
    amount: number,
  ): Promise<readonly RateLimitState[]> {
    if (perSecond === undefined) return [];
    return [await rateLimiter.take(principal.organization, perSecondPolicy(name, perSecond), amount)];
  }

  /** Until all is durable; nothing of the body is held any longer. */
  async function store(request: FastifyRequest, reply: FastifyReply, parse: BodyParser) {
    const entry = entryOf(request);
    const { principal, granted, wait } = entry;
    const states = [...entry.states];
    const count = (added: readonly RateLimitState[]) => {
      states.push(...added);
      void reply.headers(rateLimitHeaders(states));
      for (const state of added) assertWithinLimit(state);
    };
    const { bytes, admission } = arrivedBody(request, gate);
    request.body = undefined;
    try {
      const context = { organization: principal.organization, receivedAtMs: clock.nowMs(), limits };
      count(await takeOfOrganization(entry, 'organization-bytes', granted.bytesPerSecond, bytes.length));
      const { parsed, origin } = parse(bytes, context);
      const { received } = parsed;
      count([await rateLimiter.take(principal.credentialId, rateLimits.events, received)]);
      count(await takeOfOrganization(entry, 'organization-events', granted.eventsPerSecond, received));
      const place = wait === null || parsed.events.length === 0 ? null : watch.reserve(parsed.received);
      try {
        await place?.lookBefore();
        const { taken, coordinates } = await takeEvents(parsed, context, origin, intake);
        return { taken, place, published: place === null ? [] : nameEvents(parsed, coordinates) };
      } catch (error) {
        place?.release();
        throw error;
      }
    } finally {
      admission.release();
    }
  }

  async function take(
    request: FastifyRequest,
    reply: FastifyReply,
    parse: BodyParser,
  ): Promise<FastifyReply> {
    const { taken, place, published } = await store(request, reply, parse);
    const { wait } = entryOf(request);
    const nothingTaken = taken.accepted === 0 && taken.received > 0;
    if (wait === null || nothingTaken) return answerOutcome(taken, null, request, reply);
    const dead = place === null ? [] : await untilStored(place, wait, published, reply);
    if (dead === null) return answerOutcome(taken, wait, request, reply);
    return answerReached(taken, wait, published, dead, reply);
  }

  /** @param selectDoor runs when the request holds its share already, so it may throw */
  function takeItems(request: FastifyRequest, reply: FastifyReply, selectDoor: () => ItemDoor) {
    return take(request, reply, (body, context) => {
      const { parseItem, origin } = selectDoor();
      requireJson(request.headers['content-type']);
      return { parsed: parseJsonEvents(body, 'any', context, parseItem), origin };
    });
  }

  function doorOfRecorder(name: string | null): ItemDoor {
    const recorder = recorders.get(name);
    if (recorder === undefined) {
      const known = [...recorders.keys()].filter((key) => key !== null).join(', ');
      throw new AppError('not-found', `there is no such recorder; there are ${known}`);
    }
    return {
      parseItem: (value, index, context) => parseRecorded(recorder, value, index, context, createId),
      origin: originOfRecorder(recorder),
    };
  }

  app.post(
    '/api/v1/events',
    routeOptions('Takes events: CloudEvents 1.0', EVENT_BODY_DOCS),
    (request, reply) =>
      take(request, reply, (body, context) => ({
        parsed: parseEventRequest({ headers: request.headers, body }, context),
        origin: null,
      })),
  );
  const [unnamed, named] = [true, false].map((isUnnamed) =>
    dependencies.recorders.filter(({ name }) => (name === null) === isUnnamed),
  );
  app.post(
    '/api/v1/analytics/metrics',
    routeOptions('Takes measurements of metrics of your own', recorderBodyDocs(unnamed ?? [])),
    (request, reply) => takeItems(request, reply, () => doorOfRecorder(null)),
  );
  const recorderOptions = routeOptions(
    'Takes the records of a typed recorder',
    recorderBodyDocs(named ?? []),
  );
  app.post<{ Params: { recorder: string } }>(
    '/api/v1/analytics/metrics/:recorder',
    recorderOptions,
    (request, reply) => takeItems(request, reply, () => doorOfRecorder(request.params.recorder)),
  );
}

type BodyParser = (body: Buffer, context: EventContext) => ParsedBody;

/**
 * Null when that has not come about in time, else those that became dead letters.
 *
 * Both levels are reached at the same moment today: progress is recorded after the rows are in raw and their buckets are marked, and
 * marked or open buckets are answered from raw. They stay two words, because a store behind a cache or a replica would part them.
 */
async function untilStored(
  place: WatchPlace,
  wait: WaitRequest,
  published: readonly PublishedEvent[],
  reply: FastifyReply,
): Promise<readonly Coordinate[] | null> {
  try {
    const coordinates = published.map(({ coordinate }) => coordinate);
    return await place.untilStored(coordinates, wait.timeoutMs, goneSignal(reply));
  } finally {
    place.release();
  }
}

/** Without a body, no parser ran. */
function arrivedBody(request: FastifyRequest, gate: OverloadGate): ArrivedBody {
  return (request.body as ArrivedBody | undefined) ?? { bytes: Buffer.alloc(0), admission: gate.admit() };
}
