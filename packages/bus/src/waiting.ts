import type { Clock } from '@tidemark/core';
import { busUnavailable } from './bus-errors.ts';

/** Wakes whoever waits for something to arrive; a wake-up nobody waits for is forgotten. */
export class Wakeup {
  readonly #listeners = new Set<() => void>();

  notify(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  add(listener: () => void): void {
    this.#listeners.add(listener);
  }

  remove(listener: () => void): void {
    this.#listeners.delete(listener);
  }
}

/** Without a reason of its own every abort makes a DOMException with a stack, which costs more than the timer. */
const WORK_ENDED = new Error('the work ended before its deadline');

export interface WaitOptions {
  readonly clock: Clock;
  readonly wakeup: Wakeup;
  readonly maxWaitMs: number;
  readonly signal: AbortSignal;
  /** Called now and after every wake-up; true ends the wait. */
  readonly attempt: () => boolean;
}

/** Resolves when `attempt` says so, after `maxWaitMs`, or when the signal aborts; rejects with what `attempt` throws. */
export async function waitUntil({ clock, wakeup, maxWaitMs, signal, attempt }: WaitOptions): Promise<void> {
  if (attempt() || maxWaitMs <= 0 || signal.aborted) return;
  const timer = new AbortController();
  await new Promise<void>((resolve, reject) => {
    const finish = (): void => {
      wakeup.remove(onWakeup);
      signal.removeEventListener('abort', finish);
      timer.abort();
      resolve();
    };
    const onWakeup = (): void => {
      try {
        if (attempt()) finish();
      } catch (error) {
        reject(error);
        finish();
      }
    };
    wakeup.add(onWakeup);
    signal.addEventListener('abort', finish, { once: true });
    void clock.sleep(maxWaitMs, timer.signal).then(finish);
  });
}

/**
 * The outcome of `work`, or `bus-unavailable` after `timeoutMs`. The work itself goes on; its late outcome is dropped.
 * @throws bus-unavailable
 */
export async function withDeadline<T>(
  clock: Clock,
  timeoutMs: number,
  what: string,
  work: Promise<T>,
): Promise<T> {
  const timer = new AbortController();
  try {
    return await Promise.race([
      work,
      clock.sleep(timeoutMs, timer.signal).then(() => {
        if (!timer.signal.aborted) throw busUnavailable(`${what} took longer than ${timeoutMs} ms`);
        return work;
      }),
    ]);
  } finally {
    timer.abort(WORK_ENDED);
  }
}

/** Waits for the work, at most `timeoutMs`; false when the time was over first. Rejections pass through. */
export async function settledWithin(
  clock: Clock,
  timeoutMs: number,
  work: Promise<unknown>,
): Promise<boolean> {
  const timer = new AbortController();
  try {
    return await Promise.race([
      work.then(() => true),
      clock.sleep(timeoutMs, timer.signal).then(() => false),
    ]);
  } finally {
    timer.abort();
  }
}
