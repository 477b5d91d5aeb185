const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * What must be undone at the end, in reverse order. While there is something to undo, SIGINT, SIGTERM and SIGHUP undo
 * it before they end this process.
 */
export interface Shutdown {
  /** Call it before the thing is started. @throws Error once the shutdown has begun. */
  add(undo: () => Promise<void>): void;
  /**
   * Idempotent; every step is tried even when another fails.
   *
   * @throws AggregateError of the steps that failed.
   */
  run(): Promise<void>;
}

export function createShutdown(): Shutdown {
  const steps: (() => Promise<void>)[] = [];
  let ending: Promise<void> | undefined;

  function onSignal(signal: NodeJS.Signals): void {
    // Whether or not every step succeeded, the process then ends by the signal it was sent.
    void run()
      .catch((error: unknown) => process.stderr.write(`${String(error)}\n`))
      .finally(() => process.kill(process.pid, signal));
  }

  async function undoAll(): Promise<void> {
    const faults: unknown[] = [];
    for (let undo = steps.pop(); undo !== undefined; undo = steps.pop()) {
      await undo().catch((error: unknown) => faults.push(error));
    }
    for (const signal of SIGNALS) process.off(signal, onSignal);
    if (faults.length > 0) throw new AggregateError(faults, `${faults.length} steps of the shutdown failed`);
  }

  function run(): Promise<void> {
    ending ??= undoAll();
    return ending;
  }

  return {
    add(undo) {
      if (ending !== undefined) throw new Error('the cluster is being stopped: nothing more is started');
      if (steps.length === 0) for (const signal of SIGNALS) process.on(signal, onSignal);
      steps.push(undo);
    },
    run,
  };
}
