import type { Clock } from '@tidemark/core';

/** Node's timers hold 31 bits of milliseconds; longer sleeps are made of several. */
const TIMER_MS_MAX = 2_147_483_647;

/** The clock of the machine. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  async sleep(ms, signal) {
    for (let leftMs = ms; leftMs > 0; leftMs -= TIMER_MS_MAX) {
      if (signal?.aborted === true) return;
      await sleepOnce(Math.min(leftMs, TIMER_MS_MAX), signal);
    }
  },
};

function sleepOnce(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done, { once: true });
  });
}
