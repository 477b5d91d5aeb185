import type { Clock } from '@tidemark/core';

export const NOW_MS = Date.UTC(2026, 5, 1, 12, 0, 0);

export interface TestClock extends Clock {
  /** Moves the clock on and ends the sleeps that are over. */
  advance(ms: number): void;
}

/** A clock that is moved by hand; sleeps end by it or by their signal. */
export function createTestClock(startMs = NOW_MS): TestClock {
  let nowMs = startMs;
  const sleepers = new Map<() => void, number>();
  return {
    nowMs: () => nowMs,
    advance(ms) {
      nowMs += ms;
      for (const [wake, untilMs] of sleepers) if (untilMs <= nowMs) wake();
    },
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        const wake = () => {
          sleepers.delete(wake);
          signal?.removeEventListener('abort', wake);
          resolve();
        };
        sleepers.set(wake, nowMs + ms);
        if (signal?.aborted === true) wake();
        else signal?.addEventListener('abort', wake, { once: true });
      }),
  };
}

/** Lets everything go on until the condition holds. */
export async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setImmediate(resolve));
}
