/** What a process starts, and how it ends: in reverse order, once, in bounded time. */
import type { Clock } from '@tidemark/core';
import type { Logger } from './logger.ts';

export const STEP_TIMEOUT_MS = 10_000;

export interface Lifecycle {
  /** Aborts when stopping begins: loops end by it. */
  readonly stopping: AbortSignal;
  /** Registers how to stop what has just been started. Stopped in reverse order of registration. */
  onStop(name: string, stop: () => Promise<void> | void): void;
  /**
   * Stops everything, each step within its time limit; a step that fails or hangs is logged and passed over. Every
   * call returns the same promise; true when all steps ended well.
   */
  stop(reason: string): Promise<boolean>;
}

export interface LifecycleOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly stepTimeoutMs?: number;
}

export function createLifecycle(options: LifecycleOptions): Lifecycle {
  const { clock, log, stepTimeoutMs = STEP_TIMEOUT_MS } = options;
  const steps: { readonly name: string; readonly stop: () => Promise<void> | void }[] = [];
  const stopping = new AbortController();
  let stopped: Promise<boolean> | null = null;

  async function stopAll(reason: string): Promise<boolean> {
    log.info({ reason }, 'stopping');
    stopping.abort();
    let allWell = true;
    for (let step = steps.pop(); step !== undefined; step = steps.pop()) {
      const outcome = await runStep(step.stop, clock, stepTimeoutMs);
      if (outcome === 'stopped') continue;
      allWell = false;
      log.error(
        { step: step.name, ...(outcome === 'timeout' ? {} : { err: outcome.error }) },
        `could not stop ${step.name}`,
      );
    }
    log.info({ reason }, 'stopped');
    return allWell;
  }

  return {
    stopping: stopping.signal,
    onStop: (name, stop) => void steps.push({ name, stop }),
    stop: (reason) => (stopped ??= stopAll(reason)),
  };
}

async function runStep(
  stop: () => Promise<void> | void,
  clock: Clock,
  timeoutMs: number,
): Promise<'stopped' | 'timeout' | { readonly error: unknown }> {
  const finished = new AbortController();
  const run = async (): Promise<'stopped' | { readonly error: unknown }> => {
    try {
      await stop();
      return 'stopped';
    } catch (error) {
      return { error };
    } finally {
      finished.abort();
    }
  };
  const timeout = async () => {
    await clock.sleep(timeoutMs, finished.signal);
    return 'timeout' as const;
  };
  return Promise.race([run(), timeout()]);
}

/** The part of `process` that signals need; tests pass their own. */
export interface SignalSource {
  on(event: string, listener: (argument: unknown) => void): unknown;
  exit(code: number): void;
}

/**
 * SIGINT and SIGTERM stop the process in order (a second one ends it at once); an error that nobody caught ends it with code 1,
 * because its state can no longer be trusted and a supervisor restarts it.
 */
export function installSignalHandlers(lifecycle: Lifecycle, log: Logger, source: SignalSource): void {
  for (const signal of ['SIGINT', 'SIGTERM']) {
    source.on(signal, () => {
      if (lifecycle.stopping.aborted) source.exit(1);
      else void lifecycle.stop(signal).then((allWell) => source.exit(allWell ? 0 : 1));
    });
  }
  for (const event of ['uncaughtException', 'unhandledRejection']) {
    source.on(event, (error) => {
      log.fatal({ err: error }, event);
      source.exit(1);
    });
  }
}
