/** Every bound of the live feed, and what is said when one is met. */
import type { ErrorCode } from '@tidemark/core';
import { MINUTE_MS, SECOND_MS } from '@tidemark/core';

/** Of the whole process: their sockets take memory of the kernel as well. */
export const CONNECTIONS_MAX = 20_000;
export const CONNECTIONS_PER_ORGANIZATION_MAX = 10_000;
export const CONNECTIONS_PER_CREDENTIAL_MAX = 5_000;
export const SUBSCRIPTIONS_PER_CONNECTION_MAX = 50;
/** Of one client message. */
export const MESSAGE_BYTES_MAX = 64 * 1024;
/** Client messages of one connection in `MESSAGES_WINDOW_MS`, and those waiting for their turn. */
export const MESSAGES_PER_WINDOW_MAX = 100;
export const MESSAGES_WINDOW_MS = 10 * SECOND_MS;
/** Messages of one credential that subscribe, over all its connections and all gateways. */
export const SUBSCRIBES_POLICY = { name: 'live-subscribes', quota: 20_000, windowSeconds: 60 } as const;

/** Distinct questions held at once, of the process and of one organization; those that nobody follows make room. */
export const QUESTIONS_MAX = 1_000;
export const QUESTIONS_PER_ORGANIZATION_MAX = 200;
/** Larger answers are not sent again and again: their subscription is refused. */
export const ANSWER_BYTES_MAX = 512 * 1024;
/** Of the answers and updates of all questions; beyond it no new question is taken. */
export const HELD_BYTES_MAX = 128 * 1024 * 1024;
/** Updates of one question that are kept for those who were away or are slow. */
export const KEPT_UPDATES_MAX = 64;
export const KEPT_UPDATES_BYTES_MAX = 256 * 1024;
/** How long a question that nobody follows is kept for those who come back. */
export const FOLLOWERLESS_MS = MINUTE_MS;
/** An answer smaller than this is sent as a whole: changes would be no smaller. */
export const WHOLE_ANSWER_BYTES_MAX = 1_024;

/** A question is answered at most this often, however often its buckets are flushed. */
export const COALESCE_MS = 500;
/** And at least this often, flushed or not: ranges slide, buckets close. */
export const REFRESH_MS = 30 * SECOND_MS;
/** Questions answered at once for the live feed, of all organizations and of one. */
export const ANSWERED_AT_ONCE_MAX = 4;
export const ANSWERED_AT_ONCE_PER_ORGANIZATION_MAX = 2;
/** After a passing failure; twice as long after each further one. */
export const RETRY_MS = SECOND_MS;
export const RETRY_MS_MAX = 30 * SECOND_MS;

/** Handed to a connection and not taken by it: beyond this it waits, and takes the newest answer when it can. */
export const SEND_BUFFER_BYTES_MAX = 256 * 1024;
/** Answers to messages of the client (`pong`, `error`) that wait to be sent. */
export const REPLIES_WAITING_MAX = 200;
/** A connection that has taken nothing for so long is closed. */
export const STALLED_MS_MAX = 15 * SECOND_MS;
/** How long a closed connection may take to say goodbye. */
export const CLOSE_GRACE_MS = 2 * SECOND_MS;
export const HEARTBEAT_MS = 20 * SECOND_MS;
export const MISSED_HEARTBEATS_MAX = 2;
/** Spread from here, by so many steps of a second, so that connections opened at once are not checked at once. */
export const CREDENTIAL_CHECK_MS = 15 * SECOND_MS;
export const CREDENTIAL_CHECK_STEPS = 8;
export const SWEEP_MS = SECOND_MS;
/** Connections that come back after a shutdown are spread over so many seconds. */
export const COME_BACK_SECONDS_MAX = 5;
/** What an event stream is told to wait before it comes back. */
export const STREAM_RETRY_MS = 2 * SECOND_MS;

/** Why a connection is closed: the code a WebSocket gets, and the problem an event stream gets. */
export const CLOSES = {
  stopping: { code: 1001, problem: 'stopping' },
  'not-text': { code: 1003, problem: 'malformed-body' },
  failed: { code: 1011, problem: 'internal' },
  'no-room': { code: 1013, problem: 'overloaded' },
  unauthenticated: { code: 4401, problem: 'unauthenticated' },
  forbidden: { code: 4403, problem: 'forbidden' },
  slow: { code: 4408, problem: 'request-timeout' },
  'too-many': { code: 4429, problem: 'rate-limited' },
} as const satisfies Record<string, { readonly code: number; readonly problem: ErrorCode }>;
export type CloseReason = keyof typeof CLOSES;
