import { setTimeout as delay } from 'node:timers/promises';

const CHECK_INTERVAL_MS = 50;

export interface WaitOptions {
  /** Completes the sentence "waited 30 s for …". */
  readonly what: string;
  readonly deadlineMs: number;
  /** Checked before every attempt; throws to give up at once, for instance when the process has died. */
  readonly giveUp?: () => void;
}

/**
 * Resolves once `condition` answers true, asking every 50 ms. A condition that throws is not true yet: what is waited
 * for often refuses connections at first.
 *
 * @throws Error naming what was waited for and how long; its cause is the last fault of the condition.
 */
export async function waitUntil(condition: () => Promise<boolean>, options: WaitOptions): Promise<void> {
  const startedAtMs = performance.now();
  let lastFault: unknown;
  for (;;) {
    options.giveUp?.();
    try {
      if (await condition()) return;
      lastFault = undefined;
    } catch (error) {
      lastFault = error;
    }
    if (performance.now() - startedAtMs >= options.deadlineMs) {
      throw new Error(`waited ${options.deadlineMs / 1_000} s for ${options.what}`, { cause: lastFault });
    }
    await delay(CHECK_INTERVAL_MS);
  }
}
