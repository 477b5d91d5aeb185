import type { CliContext } from '../context.ts';
import { ApiFault, type ApiClient } from '../http/api-client.ts';
import { endOffsetsOf, fetchStatus, isVisibleUpTo } from '../http/status.ts';

const POLL_INTERVAL_MS = 200;

/** `unknown`: the key may not read the status of the server. */
export type Visibility = 'visible' | 'not-yet' | 'unknown';

/**
 * Waits until everything acknowledged so far can be queried, at most `timeoutMs`.
 * @throws CliFault when the server does not answer
 */
export async function waitUntilVisible(
  context: CliContext,
  client: ApiClient,
  url: string,
  timeoutMs: number,
): Promise<Visibility> {
  const startedAtMs = context.clock.nowMs();
  try {
    let status = await fetchStatus(client, url);
    const wanted = endOffsetsOf(status);
    while (!isVisibleUpTo(status, wanted)) {
      if (context.clock.nowMs() - startedAtMs > timeoutMs) return 'not-yet';
      await context.clock.sleep(POLL_INTERVAL_MS, context.signal);
      context.signal.throwIfAborted();
      status = await fetchStatus(client, url);
    }
    return 'visible';
  } catch (error) {
    if (error instanceof ApiFault && error.status === 403) return 'unknown';
    throw error;
  }
}
