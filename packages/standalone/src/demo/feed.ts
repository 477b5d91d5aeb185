import { type Clock, DAY_MS, MINUTE_MS, SECOND_MS } from '@tidemark/core';
import type { DemoEvent, DemoStream } from './stream.ts';

export const HISTORY_DAYS = 14;
const BATCH_EVENTS = 1_000;
const BATCHES_IN_FLIGHT = 4;
const LIVE_INTERVAL_MS = SECOND_MS;
const RETRY_INTERVAL_MS = SECOND_MS;
/** A server that takes nothing for this long has a fault that a demo must not paint over. */
const RETRY_TOTAL_MS = 60 * SECOND_MS;
const STATE_INTERVAL_MS = 10 * SECOND_MS;

export interface DemoFeedOptions {
  readonly stream: DemoStream;
  /** Without a slash at the end. */
  readonly url: string;
  readonly key: string;
  readonly clock: Clock;
  readonly fetch: typeof globalThis.fetch;
  /** Ends the feed. */
  readonly signal: AbortSignal;
  /** Where an earlier feed of the same data stopped; null: none has run. */
  readonly fedThroughMs: number | null;
  /** Called now and then, and at the end, with how far everything is acknowledged. */
  readonly onProgress: (fedThroughMs: number) => Promise<void>;
}

/**
 * Sends the history that is not there yet.
 * @returns the number of events sent, and the instant up to which they reach
 * @throws when the server refuses events, or takes none for a minute
 */
export async function feedHistory(
  options: DemoFeedOptions,
): Promise<{ readonly events: number; readonly throughMs: number }> {
  const { clock, stream } = options;
  const toMs = clock.nowMs();
  const oldestMs = Math.floor((toMs - HISTORY_DAYS * DAY_MS) / MINUTE_MS) * MINUTE_MS;
  const fromMs = Math.max(oldestMs, options.fedThroughMs ?? oldestMs);
  let events = 0;
  let group: (readonly DemoEvent[])[] = [];
  const sendGroup = async (): Promise<void> => {
    const batches = group;
    group = [];
    await Promise.all(batches.map((batch) => send(options, batch)));
    events += batches.reduce((sum, { length }) => sum + length, 0);
    const last = batches.at(-1)?.at(-1);
    // The next one may share its millisecond, so that one is not over yet.
    if (last !== undefined) await options.onProgress(Date.parse(last.time));
  };
  for (const batch of inBatches(stream.eventsBetween(fromMs, toMs))) {
    if (options.signal.aborted) return { events, throughMs: fromMs };
    group.push(batch);
    if (group.length === BATCHES_IN_FLIGHT) await sendGroup();
  }
  await sendGroup();
  if (!options.signal.aborted) await options.onProgress(toMs);
  return { events, throughMs: toMs };
}

/** Sends what happens from now on, second by second, until the signal aborts. */
export async function feedLive(options: DemoFeedOptions, fromMs: number): Promise<void> {
  const { clock, signal, stream } = options;
  let sentThroughMs = fromMs;
  let savedAtMs = fromMs;
  while (!signal.aborted) {
    const nowMs = clock.nowMs();
    for (const batch of inBatches(stream.eventsBetween(sentThroughMs, nowMs))) await send(options, batch);
    if (signal.aborted) break;
    sentThroughMs = nowMs;
    if (nowMs - savedAtMs >= STATE_INTERVAL_MS) {
      savedAtMs = nowMs;
      await options.onProgress(sentThroughMs);
    }
    await clock.sleep(LIVE_INTERVAL_MS, signal);
  }
}

function* inBatches(events: Iterable<DemoEvent>): Generator<readonly DemoEvent[]> {
  let batch: DemoEvent[] = [];
  for (const event of events) {
    batch.push(event);
    if (batch.length === BATCH_EVENTS) {
      yield batch;
      batch = [];
    }
  }
  if (batch.length > 0) yield batch;
}

/** Every event is acknowledged on return, unless the signal has aborted. Sending again is safe: ids are stable. */
async function send(options: DemoFeedOptions, batch: readonly DemoEvent[]): Promise<void> {
  const { clock, signal } = options;
  const startedAtMs = clock.nowMs();
  while (!signal.aborted) {
    const answer = await post(options, batch);
    if (answer === null) return;
    if (!answer.retryable || clock.nowMs() - startedAtMs > RETRY_TOTAL_MS) {
      throw new Error(`the demo's events are not taken: ${answer.reason}`);
    }
    await clock.sleep(RETRY_INTERVAL_MS, signal);
  }
}

/** Null when all were taken. */
async function post(
  { fetch, key, signal, url }: DemoFeedOptions,
  batch: readonly DemoEvent[],
): Promise<{ readonly retryable: boolean; readonly reason: string } | null> {
  try {
    const response = await fetch(`${url}/api/v1/events`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/cloudevents-batch+json' },
      body: JSON.stringify(batch),
      signal,
    });
    const text = await response.text();
    if (response.ok && (JSON.parse(text) as { readonly accepted: number }).accepted === batch.length)
      return null;
    const retryable = response.ok || response.status === 429 || response.status === 503;
    return { retryable, reason: `${response.status} ${text.slice(0, 500)}` };
  } catch (error) {
    // The connection broke, or the demo is stopping: the caller looks at the signal.
    return { retryable: true, reason: String(error) };
  }
}
