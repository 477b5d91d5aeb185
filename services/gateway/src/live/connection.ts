/** One connection of a client: what it follows, what it is sent, and whether it is still entitled and alive. */
import { type Principal, SECOND_MS } from '@tidemark/core';
import { isAppError } from '@tidemark/core';
import { assertRole, type Logger, type Telemetry } from '@tidemark/runtime';
import type { LiveHub } from './hub.ts';
import {
  CLOSE_GRACE_MS,
  type CloseReason,
  CLOSES,
  CREDENTIAL_CHECK_MS,
  CREDENTIAL_CHECK_STEPS,
  HEARTBEAT_MS,
  MISSED_HEARTBEATS_MAX,
  REPLIES_WAITING_MAX,
  SEND_BUFFER_BYTES_MAX,
  STALLED_MS_MAX,
} from './limits.ts';
import type { LiveMessage } from './message.ts';
import type { Subscriber } from './subscriber.ts';
import type { LiveTransport } from './transport.ts';

export interface ConnectionOptions {
  readonly transport: LiveTransport;
  readonly principal: Principal;
  /** Whether the other side answers heartbeats. */
  readonly answersHeartbeats: boolean;
  /** It is there for one subscription, and ends with it. */
  readonly endsWithSubscription: boolean;
  /** Of this process, counted from 0: spreads what is done for each. */
  readonly number: number;
  /** Checks the credential again. @throws as the authenticator */
  readonly authenticate: () => Promise<Principal>;
  readonly hub: Pick<LiveHub, 'unsubscribe'>;
  readonly nowMs: () => number;
  readonly log: Pick<Logger, 'warn'>;
  readonly telemetry: Pick<Telemetry, 'increment'>;
  /** Called once, when nothing more comes of it. */
  readonly onEnd: () => void;
}

export class LiveConnection {
  readonly principal: Principal;
  readonly #options: ConnectionOptions;
  readonly #transport: LiveTransport;
  readonly #subscribers = new Map<string, Subscriber>();
  readonly #idOf = new Map<Subscriber, string>();
  /** Who may have something to send; in turn, one message each. */
  readonly #pending = new Set<Subscriber>();
  readonly #replies: { readonly id: string | null; readonly message: LiveMessage }[] = [];
  /** Since when the client has taken nothing; null: it is not waited for. */
  #stalledSinceMs: number | null = null;
  #beatAtMs: number;
  #missedBeats = 0;
  #checkAtMs: number;
  #isChecking = false;
  #closedAtMs: number | null = null;
  #isEnded = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#transport = options.transport;
    this.principal = options.principal;
    const nowMs = options.nowMs();
    this.#beatAtMs = nowMs + HEARTBEAT_MS;
    this.#checkAtMs = nowMs + this.#checkIntervalMs();
  }

  get isClosing(): boolean {
    return this.#closedAtMs !== null || this.#isEnded;
  }

  get subscriptions(): ReadonlyMap<string, Subscriber> {
    return this.#subscribers;
  }

  add(id: string, subscriber: Subscriber): void {
    this.#subscribers.set(id, subscriber);
    this.#idOf.set(subscriber, id);
    this.wake(subscriber);
  }

  remove(id: string): void {
    const subscriber = this.#subscribers.get(id);
    if (subscriber === undefined) return;
    this.#subscribers.delete(id);
    this.#idOf.delete(subscriber);
    this.#pending.delete(subscriber);
    this.#options.hub.unsubscribe(subscriber);
  }

  /** The subscriber may have something to send. */
  wake(subscriber: Subscriber): void {
    if (this.isClosing || !this.#idOf.has(subscriber)) return;
    this.#pending.add(subscriber);
    this.#pump();
  }

  /** An answer to what the client sent. */
  reply(message: LiveMessage, id: string | null = null): void {
    if (this.isClosing) return;
    if (this.#replies.length >= REPLIES_WAITING_MAX) {
      this.close('slow', 'answers to your messages are not being taken');
      return;
    }
    this.#replies.push({ id, message });
    this.#pump();
  }

  /** The client is there. */
  noteBeat(): void {
    this.#missedBeats = 0;
  }

  /** To be called about once a second. */
  sweep(): void {
    const nowMs = this.#options.nowMs();
    if (this.#closedAtMs !== null) {
      if (nowMs - this.#closedAtMs >= CLOSE_GRACE_MS) this.#transport.terminate();
      return;
    }
    if (this.#stalledSinceMs !== null && nowMs - this.#stalledSinceMs >= STALLED_MS_MAX) {
      this.close('slow', `nothing was taken for ${STALLED_MS_MAX / SECOND_MS} s`);
      return;
    }
    if (nowMs >= this.#beatAtMs) this.#beat(nowMs);
    if (nowMs >= this.#checkAtMs && !this.#isChecking) void this.#check();
  }

  /** Only the first time counts. */
  close(reason: CloseReason, detail: string): void {
    if (this.isClosing) return;
    this.#closedAtMs = this.#options.nowMs();
    this.#options.telemetry.increment('tidemark_gateway_live_closes_total', 1, {
      code: String(CLOSES[reason].code),
    });
    this.#drop();
    this.#transport.close(reason, detail);
  }

  terminate(): void {
    this.#transport.terminate();
  }

  /** The transport has ended, whoever ended it. Idempotent. */
  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#drop();
    this.#options.onEnd();
  }

  #drop(): void {
    for (const id of this.#subscribers.keys()) this.remove(id);
    this.#pending.clear();
    this.#replies.length = 0;
  }

  #pump(): void {
    while (!this.isClosing && this.#stalledSinceMs === null) {
      const reply = this.#replies.shift();
      if (reply !== undefined) this.#send(reply.message, reply.id);
      else if (!this.#sendNext()) return;
    }
  }

  /** Returns false when nobody has anything to send. */
  #sendNext(): boolean {
    const [subscriber] = this.#pending;
    if (subscriber === undefined) return false;
    this.#pending.delete(subscriber);
    const taken = subscriber.take();
    const id = this.#idOf.get(subscriber);
    if (taken === null || id === undefined) return true;
    if (taken.skipped > 0) {
      this.#options.telemetry.increment('tidemark_gateway_live_coalesced_total', taken.skipped);
    }
    if (subscriber.isOver) this.remove(id);
    else this.#pending.add(subscriber);
    this.#send(taken.message, id);
    if (subscriber.isOver && this.#options.endsWithSubscription) {
      this.#closedAtMs = this.#options.nowMs();
      this.#transport.close(null, '');
    }
    return true;
  }

  #send(message: LiveMessage, id: string | null): void {
    this.#options.telemetry.increment('tidemark_gateway_live_messages_total', 1, { type: message.type });
    this.#transport.send(message.frame(this.#transport.format, id), () => this.#noteTaken());
    if (this.#transport.bufferedBytes <= SEND_BUFFER_BYTES_MAX || this.#stalledSinceMs !== null) return;
    this.#stalledSinceMs = this.#options.nowMs();
    this.#transport.setReading(false);
  }

  #noteTaken(): void {
    if (this.#stalledSinceMs === null || this.isClosing) return;
    if (this.#transport.bufferedBytes > SEND_BUFFER_BYTES_MAX / 2) {
      this.#stalledSinceMs = this.#options.nowMs();
      return;
    }
    this.#stalledSinceMs = null;
    this.#transport.setReading(true);
    this.#pump();
  }

  #beat(nowMs: number): void {
    const { answersHeartbeats } = this.#options;
    this.#beatAtMs = nowMs + HEARTBEAT_MS;
    // What is not taken is not answered either: that is for the limit of stalled connections.
    if (this.#stalledSinceMs !== null) return;
    if (answersHeartbeats && this.#missedBeats >= MISSED_HEARTBEATS_MAX) {
      this.#options.telemetry.increment('tidemark_gateway_live_closes_total', 1, { code: 'lost' });
      this.#transport.terminate();
      return;
    }
    this.#missedBeats += 1;
    this.#transport.beat();
  }

  /** A credential that is no more, or not what it was, ends the connection; a catalog that is away does not. */
  async #check(): Promise<void> {
    this.#isChecking = true;
    try {
      const principal = await this.#options.authenticate();
      assertRole(principal, 'viewer');
      if (identityOf(principal) !== identityOf(this.principal)) {
        this.close('unauthenticated', 'what the credential may do has changed; connect again');
      }
    } catch (error) {
      if (isAppError(error, 'forbidden')) this.close('forbidden', 'the credential does not permit this');
      else if (isAppError(error, 'unauthenticated') || isAppError(error, 'rate-limited')) {
        this.close('unauthenticated', 'the credential is valid no more');
      } else this.#options.log.warn({ err: error }, 'a credential of the live feed could not be checked');
    } finally {
      this.#isChecking = false;
      this.#checkAtMs = this.#options.nowMs() + this.#checkIntervalMs();
    }
  }

  #checkIntervalMs(): number {
    return CREDENTIAL_CHECK_MS + (this.#options.number % CREDENTIAL_CHECK_STEPS) * SECOND_MS;
  }
}

function identityOf({ organization, role, scopes, user, credentialId }: Principal): string {
  return JSON.stringify([organization, role, scopes ?? null, user, credentialId]);
}
