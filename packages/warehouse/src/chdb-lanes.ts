import { AppError } from '@tidemark/core';

export interface LaneOptions {
  /** For messages. */
  readonly name: string;
  /** Holders at once. */
  readonly width: number;
  /** How many may wait; the next one is refused. */
  readonly waitingMax: number;
}

/** Gives a slot back; calling it again does nothing. */
export type Release = () => void;

export interface Lane {
  /**
   * First come, first served.
   * @throws warehouse-unavailable at once when too many wait already; the signal's reason when it aborts while waiting
   */
  acquire(signal?: AbortSignal): Promise<Release>;
  readonly holders: number;
  /** Resolves when nobody holds a slot. */
  drained(): Promise<void>;
}

interface Waiter {
  readonly admit: () => void;
}

/** A bounded queue in front of a bounded number of slots. */
export function createLane(options: LaneOptions): Lane {
  const waiting: Waiter[] = [];
  const onDrained: (() => void)[] = [];
  let holders = 0;

  const takeSlot = (): Release => {
    holders += 1;
    let released = false;
    return () => {
      if (released) return;
      released = true;
      holders -= 1;
      waiting.shift()?.admit();
      if (holders === 0) for (const resolve of onDrained.splice(0)) resolve();
    };
  };

  const waitForSlot = (signal: AbortSignal | undefined): Promise<Release> =>
    new Promise((resolve, reject) => {
      const waiter: Waiter = {
        admit: () => {
          signal?.removeEventListener('abort', onAbort);
          resolve(takeSlot());
        },
      };
      const onAbort = (): void => {
        waiting.splice(waiting.indexOf(waiter), 1);
        reject(signal?.reason instanceof Error ? signal.reason : new Error('Aborted while waiting'));
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      waiting.push(waiter);
    });

  return {
    async acquire(signal) {
      signal?.throwIfAborted();
      if (holders < options.width) return takeSlot();
      if (waiting.length >= options.waitingMax) {
        throw new AppError(
          'warehouse-unavailable',
          `${options.waitingMax} statements wait for the ${options.name} lane of the engine already`,
          { retryAfterSeconds: 1 },
        );
      }
      return waitForSlot(signal);
    },
    get holders() {
      return holders;
    },
    drained: () => (holders === 0 ? Promise.resolve() : new Promise((resolve) => onDrained.push(resolve))),
  };
}
