/** What a client says over a WebSocket, and what comes of it: one message after another. */
import { LIVE_CLIENT_SCHEMAS, type LiveClientMessage, LIVE_PROTOCOL, toLiveQuery } from '@tidemark/contracts';
import type { SubscribeMessage } from '@tidemark/contracts';
import { AppError, assertNever, type Clock, type Fault, isAppError, SECOND_MS } from '@tidemark/core';
import { assertWithinLimit, type Logger, type RateLimiter } from '@tidemark/runtime';
import { Value } from 'typebox/value';
import type { LiveConnection } from './connection.ts';
import type { LiveHub } from './hub.ts';
import {
  ANSWER_BYTES_MAX,
  HEARTBEAT_MS,
  MESSAGE_BYTES_MAX,
  MESSAGES_PER_WINDOW_MAX,
  MESSAGES_WINDOW_MS,
  SUBSCRIBES_POLICY,
  SUBSCRIPTIONS_PER_CONNECTION_MAX,
} from './limits.ts';
import { errorMessage, LiveMessage } from './message.ts';
import type { Subscriber } from './subscriber.ts';

/** Of one message that are told; those of a large one would be no help. */
const FAULTS_MAX = 20;

export interface SessionOptions {
  readonly connection: LiveConnection;
  readonly hub: LiveHub;
  readonly rateLimiter: RateLimiter;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly log: Pick<Logger, 'error'>;
}

export class LiveSession {
  readonly #options: SessionOptions;
  #tail: Promise<void> = Promise.resolve();
  #waiting = 0;
  #window = 0;
  #inWindow = 0;
  #named = 0;

  constructor(options: SessionOptions) {
    this.#options = options;
    const { connection } = options;
    const limits = {
      subscriptions: SUBSCRIPTIONS_PER_CONNECTION_MAX,
      messageBytes: MESSAGE_BYTES_MAX,
      messagesPer10Seconds: MESSAGES_PER_WINDOW_MAX,
      answerBytes: ANSWER_BYTES_MAX,
    };
    connection.reply(
      new LiveMessage('connected', {
        protocol: String(LIVE_PROTOCOL),
        organization: JSON.stringify(connection.principal.organization),
        heartbeatSeconds: String(HEARTBEAT_MS / SECOND_MS),
        limits: JSON.stringify(limits),
      }),
    );
  }

  /** Takes a message in; it is answered in its turn. */
  take(text: string): void {
    const { connection, clock, log } = this.#options;
    const window = Math.floor(clock.nowMs() / MESSAGES_WINDOW_MS);
    this.#inWindow = window === this.#window ? this.#inWindow + 1 : 1;
    this.#window = window;
    if (this.#inWindow > MESSAGES_PER_WINDOW_MAX || this.#waiting >= MESSAGES_PER_WINDOW_MAX) {
      connection.close('too-many', `more than ${MESSAGES_PER_WINDOW_MAX} messages in 10 s`);
      return;
    }
    this.#waiting += 1;
    this.#tail = this.#tail.then(async () => {
      let id: string | null = null;
      try {
        const message = parseMessage(text, (found) => {
          id = found;
        });
        if (!connection.isClosing) await this.#answer(message);
      } catch (error) {
        if (!isAppError(error)) log.error({ err: error }, 'a message of the live feed failed');
        connection.reply(errorMessage(error), id);
      } finally {
        this.#waiting -= 1;
      }
    });
  }

  async #answer(message: LiveClientMessage): Promise<void> {
    const { connection, clock } = this.#options;
    switch (message.type) {
      case 'ping': {
        const time = JSON.stringify(new Date(clock.nowMs()).toISOString());
        connection.reply(new LiveMessage('pong', { time }), message.id ?? null);
        return;
      }
      case 'unsubscribe':
        if (!connection.subscriptions.has(message.id)) {
          throw new AppError('not-found', `there is no subscription ${JSON.stringify(message.id)}`);
        }
        connection.remove(message.id);
        return;
      case 'subscribe':
        await this.#subscribe(message);
        return;
      default:
        assertNever(message);
    }
  }

  async #subscribe({
    id = this.#nextId(),
    metrics,
    query,
    interval,
    resume,
  }: SubscribeMessage): Promise<void> {
    const { connection, hub, rateLimiter } = this.#options;
    if (connection.subscriptions.has(id)) {
      throw new AppError('conflict', `there is a subscription ${JSON.stringify(id)} already`);
    }
    if (connection.subscriptions.size >= SUBSCRIPTIONS_PER_CONNECTION_MAX) {
      throw new AppError(
        'overloaded',
        `a connection has ${SUBSCRIPTIONS_PER_CONNECTION_MAX} subscriptions at most`,
      );
    }
    const asked = query ?? (metrics === undefined ? null : toLiveQuery(metrics));
    if (asked === null || (query !== undefined && metrics !== undefined)) {
      throw new AppError('invalid-request', 'expected either metrics or query');
    }
    const { principal } = connection;
    assertWithinLimit(await rateLimiter.take(principal.credentialId, SUBSCRIBES_POLICY, 1));
    let subscriber: Subscriber | null = null;
    subscriber = await hub.subscribe(principal, asked, {
      intervalMs: interval === undefined ? null : interval * SECOND_MS,
      resume: resume ?? null,
      wake: () => {
        if (subscriber !== null) connection.wake(subscriber);
      },
    });
    if (connection.isClosing) hub.unsubscribe(subscriber);
    else connection.add(id, subscriber);
  }

  #nextId(): string {
    do this.#named += 1;
    while (this.#options.connection.subscriptions.has(String(this.#named)));
    return String(this.#named);
  }
}

/**
 * @param onId told as soon as it is known which subscription is meant
 * @throws malformed-body, invalid-request with all faults
 */
function parseMessage(text: string, onId: (id: string) => void): LiveClientMessage {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new AppError('malformed-body', 'the message is no JSON');
  }
  const { id, type } = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  if (typeof id === 'string' && id.length <= 64) onId(id);
  const types = Object.keys(LIVE_CLIENT_SCHEMAS);
  if (typeof type !== 'string' || !types.includes(type)) {
    throw new AppError('invalid-request', `type is none of ${types.join(', ')}`, {
      faults: [{ code: 'invalid-request', pointer: '/type', detail: `expected one of ${types.join(', ')}` }],
    });
  }
  const schema = LIVE_CLIENT_SCHEMAS[type as keyof typeof LIVE_CLIENT_SCHEMAS];
  if (Value.Check(schema, value)) return value;
  const faults = Value.Errors(schema, value)
    .slice(0, FAULTS_MAX)
    .map(
      ({ instancePath, message }): Fault => ({
        code: 'invalid-request',
        pointer: instancePath,
        detail: message,
      }),
    );
  const list = faults.map(({ pointer, detail }) => `${pointer} ${detail}`).join('; ');
  throw new AppError('invalid-request', `the message is no ${type}: ${list}`, { faults });
}
