/** What several tests of this package need. */
import type { Clock } from '@tidemark/core';
import { Writable } from 'node:stream';
import { createLogger, type Logger } from './logger.ts';
import type { CounterStore } from './rate-limit.ts';

export interface ManualClock extends Clock {
  /** Moves the clock on and lets every sleep that is over resolve. */
  advance(ms: number): void;
}

export function createManualClock(startMs = 0): ManualClock {
  let nowMs = startMs;
  const sleepers = new Set<{ readonly untilMs: number; readonly wake: () => void }>();
  return {
    nowMs: () => nowMs,
    advance: (ms) => {
      nowMs += ms;
      for (const sleeper of sleepers) if (sleeper.untilMs <= nowMs) sleeper.wake();
    },
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        const sleeper = {
          untilMs: nowMs + ms,
          wake: () => {
            sleepers.delete(sleeper);
            resolve();
          },
        };
        sleepers.add(sleeper);
        if (signal?.aborted === true) sleeper.wake();
        else signal?.addEventListener('abort', sleeper.wake, { once: true });
      }),
  };
}

/** A cache of one process whose entries never end: windows have keys of their own. */
export function createTestCounters(): CounterStore {
  const totals = new Map<string, number>();
  return {
    increment: async (key, by) => {
      const total = (totals.get(key) ?? 0) + by;
      totals.set(key, total);
      return total;
    },
  };
}

export function createTestLog(): { readonly log: Logger; readonly text: () => string } {
  const lines: string[] = [];
  const destination = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      lines.push(chunk.toString());
      done();
    },
  });
  return { log: createLogger({ service: 'test', level: 'trace', destination }), text: () => lines.join('') };
}
