/**
 * The one table of faults. A code is what programs act on; the title is what people read.
 *
 * Three kinds of fault exist: invalid input (a 4xx, a per-event reject or a dead letter), transient (retried,
 * with a limit, by whoever holds the work) and bug (an assertion: crash and restart). Bugs have no code here.
 *
 * The status is used by exactly one place, the problem+json writer of `@tidemark/runtime`.
 */
export const ERROR_CODES = {
  // The request as a whole
  'malformed-body': { title: 'The body cannot be parsed', status: 400, retryable: false },
  'invalid-request': { title: 'The request does not follow its schema', status: 400, retryable: false },
  unauthenticated: { title: 'A valid credential is required', status: 401, retryable: false },
  forbidden: { title: 'The credential does not permit this', status: 403, retryable: false },
  'not-found': { title: 'There is no such thing here', status: 404, retryable: false },
  'method-not-allowed': { title: 'The resource does not answer this method', status: 405, retryable: false },
  'request-timeout': { title: 'The request did not arrive in time', status: 408, retryable: true },
  conflict: { title: 'The state of the resource does not permit this', status: 409, retryable: false },
  'body-too-large': { title: 'The body exceeds the limit', status: 413, retryable: false },
  'batch-too-large': { title: 'The batch holds too many events', status: 413, retryable: false },
  'unsupported-media-type': { title: 'The media type is not supported', status: 415, retryable: false },
  'unsupported-encoding': { title: 'The content encoding is not supported', status: 415, retryable: false },
  'headers-too-large': { title: 'The headers exceed the limit', status: 431, retryable: false },
  'unknown-metric': { title: 'The metric is not in the catalogue', status: 422, retryable: false },
  'invalid-query': { title: 'The question cannot be answered as asked', status: 422, retryable: false },
  'query-too-expensive': { title: 'The question exceeds a limit of cost', status: 422, retryable: false },
  'rate-limited': { title: 'Too many requests', status: 429, retryable: true },
  overloaded: { title: 'The service is at its limit', status: 503, retryable: true },
  stopping: { title: 'The instance is shutting down', status: 503, retryable: true },
  'bus-unavailable': { title: 'The bus cannot take events now', status: 503, retryable: true },
  'warehouse-unavailable': { title: 'The warehouse cannot answer now', status: 503, retryable: true },
  'catalog-unavailable': { title: 'The catalog cannot answer now', status: 503, retryable: true },
  'cache-unavailable': { title: 'The cache cannot answer now', status: 503, retryable: true },
  'query-timeout': { title: 'The question took longer than its limit', status: 503, retryable: true },
  internal: { title: 'An internal error', status: 500, retryable: false },

  // One event of a batch (also the codes of dead letters)
  'invalid-event': { title: 'The event does not follow CloudEvents 1.0', status: 400, retryable: false },
  'event-too-large': { title: 'The event exceeds the limit', status: 413, retryable: false },
  'event-too-deep': { title: 'The event data is nested too deeply', status: 400, retryable: false },
  'event-too-many-keys': { title: 'The event data holds too many keys', status: 400, retryable: false },
  'event-time-out-of-range': {
    title: 'The time of the event is out of range',
    status: 400,
    retryable: false,
  },
  'event-text-invalid': {
    title: 'The event holds text that is not valid Unicode',
    status: 400,
    retryable: false,
  },
  'record-unreadable': { title: 'The record on the bus is not an event', status: 400, retryable: false },
  'event-not-storable': { title: 'The warehouse refuses this event', status: 400, retryable: false },

  // Between the services and their backends; none of these reaches a client as such
  'partition-lost': { title: 'The partition is owned by somebody else now', status: 503, retryable: true },
  'insert-in-doubt': {
    title: 'It is not known whether the insert took effect',
    status: 503,
    retryable: true,
  },
  'insert-refused': { title: 'The warehouse refused the rows', status: 500, retryable: false },
  'schema-too-new': { title: 'The store was written by a newer release', status: 500, retryable: false },
  'invalid-config': { title: 'The configuration is not valid', status: 500, retryable: false },
} as const satisfies Record<string, { title: string; status: number; retryable: boolean }>;

export type ErrorCode = keyof typeof ERROR_CODES;

/** One fault of an input: where it is (an RFC 6901 JSON pointer), what was found and what was expected. */
export interface Fault {
  readonly code: ErrorCode;
  readonly pointer: string;
  readonly detail: string;
}

export interface AppErrorOptions {
  readonly cause?: unknown;
  /** Every fault of the input, when there are several. */
  readonly faults?: readonly Fault[];
  /** When a retry is worth it, in seconds; becomes `Retry-After`. */
  readonly retryAfterSeconds?: number;
}

/** The only error class with a meaning. The message names the value, the place and what was expected. */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly faults: readonly Fault[];
  readonly retryAfterSeconds: number | undefined;

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'AppError';
    this.code = code;
    this.faults = options.faults ?? [];
    this.retryAfterSeconds = options.retryAfterSeconds;
  }

  get retryable(): boolean {
    return ERROR_CODES[this.code].retryable;
  }
}

export function isAppError(error: unknown, code?: ErrorCode): error is AppError {
  return error instanceof AppError && (code === undefined || error.code === code);
}

/** Throws on a bug: a condition that no input and no outage can make false. */
export function assertThat(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`Assertion failed: ${message}`);
}

/** Closes a switch over a union: a new member becomes a type error here. */
export function assertNever(value: never): never {
  throw new Error(`Assertion failed: unexpected ${JSON.stringify(value)}`);
}
