/** A piece of work that is done, and everything begun before it. */
export interface BatchLane<T> {
  /** Starts the work as soon as there is room; resolves when it has started. @throws what any earlier work threw */
  submit(work: () => Promise<T>): Promise<void>;
  /** Waits for all that was started. @throws what any of it threw */
  drain(): Promise<void>;
  /** Waits for all that was started, whatever became of it. */
  settle(): Promise<void>;
}

/**
 * Runs up to `width` pieces of work at once and reports their results in the order of submission: `onSettled` is called for a
 * result only when all before it are there.
 */
export function createBatchLane<T>(width: number, onSettled: (result: T) => void): BatchLane<T> {
  const running = new Set<Promise<void>>();
  const results = new Map<number, T>();
  let submitted = 0;
  let settled = 0;
  let failure: { readonly error: unknown } | null = null;

  const run = async (sequence: number, work: () => Promise<T>): Promise<void> => {
    try {
      results.set(sequence, await work());
      for (let result = results.get(settled); result !== undefined; result = results.get(settled)) {
        results.delete(settled);
        settled += 1;
        onSettled(result);
      }
    } catch (error) {
      failure ??= { error };
    }
  };
  const throwFailure = (): void => {
    if (failure !== null) throw failure.error;
  };

  return {
    submit: async (work) => {
      while (running.size >= width) await Promise.race(running);
      throwFailure();
      const task: Promise<void> = run(submitted, work).finally(() => running.delete(task));
      submitted += 1;
      running.add(task);
    },
    drain: async () => {
      await Promise.all(running);
      throwFailure();
    },
    settle: async () => {
      await Promise.all(running);
    },
  };
}
