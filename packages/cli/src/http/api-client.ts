import type { CliContext } from '../context.ts';
import { CliFault, EXIT_UNANSWERED, EXIT_USAGE } from '../fault.ts';
import { describeProblem } from './problem.ts';
import { codeOf, messageOf } from '../thrown.ts';
import { isRetryableStatus, parseRetryAfterMs, retryDelayMs } from './retry.ts';

/** What the server answers to a value it does not take: the command line is wrong. All else says nothing of what was asked. */
const REFUSED_VALUE_STATUSES: ReadonlySet<number> = new Set([400, 422]);
/** A server that takes longer over one request is treated as gone. */
const REQUEST_TIMEOUT_MS = 60_000;

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Scheme, host and path. */
  readonly url: string;
  readonly body?: string;
  readonly contentType?: string;
  /** How long tries may go on in all, from the first; 0 or absent: one try. */
  readonly retryTotalMs?: number;
  /** Told before each wait, for the user to know why nothing moves. */
  readonly onRetry?: (reason: string, delayMs: number) => void;
}

export interface ApiResponse {
  readonly status: number;
  readonly text: string;
}

/** One server, one key. Safe to use concurrently. */
export interface ApiClient {
  /** @throws CliFault when the answer is not a success, no answer comes, or the user stops */
  request(request: ApiRequest): Promise<ApiResponse>;
  /** The same, with a JSON answer. The caller states the shape and checks what it relies on. */
  requestJson(request: ApiRequest): Promise<unknown>;
}

type Outcome =
  | { readonly kind: 'done'; readonly response: ApiResponse }
  | { readonly kind: 'failed'; readonly fault: CliFault }
  | { readonly kind: 'again'; readonly reason: string; readonly retryAfterMs: number | null };

/** The server answered, and not with a success that a retry could change. */
export class ApiFault extends CliFault {
  readonly status: number;
  readonly body: string;

  constructor(status: number, body: string, message: string) {
    super(message, REFUSED_VALUE_STATUSES.has(status) ? EXIT_USAGE : EXIT_UNANSWERED);
    this.status = status;
    this.body = body;
  }
}

export function createApiClient(context: CliContext, apiKey: string): ApiClient {
  const attemptOnce = async (request: ApiRequest): Promise<Outcome> => {
    try {
      const response = await context.fetch(request.url, {
        method: request.method,
        headers: {
          authorization: `Bearer ${apiKey}`,
          accept: 'application/json, application/problem+json',
          ...(request.body === undefined
            ? {}
            : { 'content-type': request.contentType ?? 'application/json' }),
        },
        ...(request.body === undefined ? {} : { body: request.body }),
        redirect: 'error',
        signal: AbortSignal.any([context.signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]),
      });
      const text = await response.text();
      if (response.ok) return { kind: 'done', response: { status: response.status, text } };
      const description = `${request.method} ${request.url}\n${describeProblem(response.status, text)}`;
      if (!isRetryableStatus(response.status)) {
        return { kind: 'failed', fault: new ApiFault(response.status, text, description) };
      }
      const retryAfterMs = parseRetryAfterMs(response.headers.get('retry-after'), context.clock.nowMs());
      return { kind: 'again', reason: description, retryAfterMs };
    } catch (error) {
      if (context.signal.aborted) throw error;
      return { kind: 'again', reason: `${request.url}: ${describeNetworkError(error)}`, retryAfterMs: null };
    }
  };

  const sendWithRetries = async (request: ApiRequest): Promise<ApiResponse> => {
    const startedAtMs = context.clock.nowMs();
    for (let attempt = 1; ; attempt += 1) {
      const outcome = await attemptOnce(request);
      if (outcome.kind === 'done') return outcome.response;
      if (outcome.kind === 'failed') throw outcome.fault;
      const delayMs = retryDelayMs(attempt, outcome.retryAfterMs, context.random());
      const elapsedMs = context.clock.nowMs() - startedAtMs;
      if (elapsedMs + delayMs > (request.retryTotalMs ?? 0)) {
        const tries = attempt === 1 ? '' : ` (gave up after ${attempt} tries)`;
        throw new CliFault(`${outcome.reason}${tries}`);
      }
      request.onRetry?.(outcome.reason, delayMs);
      await context.clock.sleep(delayMs, context.signal);
      context.signal.throwIfAborted();
    }
  };

  return {
    request: sendWithRetries,
    requestJson: async (asked) => {
      const response = await sendWithRetries(asked);
      try {
        return JSON.parse(response.text) as unknown;
      } catch (error) {
        throw new CliFault(
          `${asked.method} ${asked.url} answered something that is not JSON`,
          undefined,
          error,
        );
      }
    },
  };
}

/** Node's fetch hides the interesting part (ECONNREFUSED 127.0.0.1:8080) in the cause. */
function describeNetworkError(error: unknown): string {
  const cause = typeof error === 'object' && error !== null && 'cause' in error ? error.cause : undefined;
  return (cause === undefined ? '' : messageOf(cause) || codeOf(cause)) || messageOf(error);
}
