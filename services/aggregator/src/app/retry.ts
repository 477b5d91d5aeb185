import { isAppError } from '@tidemark/core';
import type { AppError, Clock } from '@tidemark/core';

const RETRY_FIRST_MS = 100;
const RETRY_LONGEST_MS = 5_000;

export interface RetryOptions {
  readonly clock: Clock;
  /** [0, 1): jitter of pauses, so that the partitions of an outage do not come back as one. */
  readonly random: () => number;
  /** Ends the trying: the work belongs to somebody else, or the process stops. */
  readonly lost: AbortSignal;
  /** Before each pause. */
  readonly onRetry: (error: AppError, failures: number, pauseMs: number) => void;
}

/**
 * Does the step again until it succeeds, after pauses that double up to `RETRY_LONGEST_MS`. There is no limit to how often: the log
 * keeps what is not done, and not reading is the back-pressure. Null when the work was lost: whether the step took effect is
 * then for the next owner to find out.
 *
 * @throws what the step throws, unless it is an AppError that may pass
 */
export async function retryUntilLost<T>(
  step: () => Promise<T>,
  { clock, random, lost, onRetry }: RetryOptions,
): Promise<{ readonly value: T } | null> {
  for (let failures = 1; !lost.aborted; failures += 1) {
    try {
      return { value: await step() };
    } catch (error) {
      if (isAppError(error, 'partition-lost')) return null;
      if (!isAppError(error) || !error.retryable) throw error;
      if (lost.aborted) return null;
      const pauseMs = retryPauseMs(failures, random);
      onRetry(error, failures, pauseMs);
      await clock.sleep(pauseMs, lost);
    }
  }
  return null;
}

/** @param failures in a row, from 1 */
function retryPauseMs(failures: number, random: () => number): number {
  const ceiling = Math.min(RETRY_LONGEST_MS, RETRY_FIRST_MS * 2 ** Math.min(failures - 1, 10));
  return ceiling * (0.5 + random() / 2);
}
