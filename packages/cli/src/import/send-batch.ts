import { type ApiClient, ApiFault, type ApiRequest } from '../http/api-client.ts';
import { parseObject } from '../http/problem.ts';
import { CliFault } from '../fault.ts';
import { retryDelayMs } from '../http/retry.ts';
import type { CliContext } from '../context.ts';

const BATCH_MEDIA_TYPE = 'application/cloudevents-batch+json';
const SHOWN_LENGTH = 200;

/** An event ready to be sent, and where it came from. */
export interface PreparedEvent {
  readonly line: number;
  readonly json: string;
}

export interface Refusal {
  readonly line: number;
  readonly reason: string;
}

export interface SendOptions {
  readonly context: CliContext;
  readonly client: ApiClient;
  readonly ingestUrl: string;
  /** How long one batch may be tried in all. */
  readonly retryTotalMs: number;
  readonly onRetry: (reason: string, delayMs: number) => void;
}

interface RejectedEvent {
  readonly index: number;
  readonly reason: string;
  readonly retryable: boolean;
}

/**
 * Sends events until each is acknowledged or refused for good. Events the server could not take just now are sent again, alone.
 *
 * @returns the refused ones
 * @throws CliFault when the request as a whole is refused, or the time for retries is over
 */
export async function sendBatch(events: readonly PreparedEvent[], options: SendOptions): Promise<Refusal[]> {
  const { context, retryTotalMs } = options;
  const startedAtMs = context.clock.nowMs();
  const refusals: Refusal[] = [];
  let pending = events;
  for (let attempt = 1; ; attempt += 1) {
    const remainingMs = retryTotalMs - (context.clock.nowMs() - startedAtMs);
    const rejected = await post(pending, options, Math.max(0, remainingMs));
    const again: PreparedEvent[] = [];
    for (const { index, reason, retryable } of rejected) {
      const event = pending[index];
      if (event === undefined) throw new CliFault(`the server rejects an event ${index} that was not sent`);
      if (retryable) again.push(event);
      else refusals.push({ line: event.line, reason });
    }
    if (again.length === 0) return refusals;
    const delayMs = retryDelayMs(attempt, null, context.random());
    const reason = rejected.find(({ retryable }) => retryable)?.reason ?? '';
    if (context.clock.nowMs() - startedAtMs + delayMs > retryTotalMs) {
      throw new CliFault(
        `${again.length} events could not be taken: ${reason} (gave up after ${attempt} tries)`,
      );
    }
    options.onRetry(reason, delayMs);
    await context.clock.sleep(delayMs, context.signal);
    context.signal.throwIfAborted();
    pending = again;
  }
}

async function post(
  events: readonly PreparedEvent[],
  options: SendOptions,
  retryTotalMs: number,
): Promise<readonly RejectedEvent[]> {
  const request: ApiRequest = {
    method: 'POST',
    url: `${options.ingestUrl}/api/v1/events`,
    body: `[${events.map(({ json }) => json).join(',')}]`,
    contentType: BATCH_MEDIA_TYPE,
    retryTotalMs,
    onRetry: options.onRetry,
  };
  try {
    const { text } = await options.client.request(request);
    const rejected = parseOutcome(text, events.length);
    if (rejected !== null) return rejected;
    throw new CliFault(
      `the server does not account for ${events.length} events: ${text.slice(0, SHOWN_LENGTH)}`,
    );
  } catch (error) {
    // Every event refused makes the request a failure, which still tells the reason for each.
    const rejected = error instanceof ApiFault ? parseOutcome(error.body, events.length) : null;
    if (rejected === null) throw error;
    return rejected;
  }
}

/** Null unless the answer accounts for every event: nothing less is an acknowledgement. */
function parseOutcome(text: string, sent: number): readonly RejectedEvent[] | null {
  const { accepted, rejected } = parseObject(text) ?? {};
  if (typeof accepted !== 'number' || !Array.isArray(rejected) || accepted + rejected.length !== sent)
    return null;
  return rejected.map((entry: unknown) => {
    const fields = (entry ?? {}) as Record<string, unknown>;
    const reason = [fields['code'], fields['pointer'], fields['detail']]
      .filter((part) => typeof part === 'string' && part !== '')
      .join(' ');
    return { index: Number(fields['index']), reason, retryable: fields['retryable'] === true };
  });
}
