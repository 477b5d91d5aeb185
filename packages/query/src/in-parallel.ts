/**
 * Runs the body over the items, at most `atOnceMax` at a time, begun in order; resolves when all have ended. The first failure stops
 * the others through their signal, and is thrown.
 */
export async function inParallel<T>(
  items: readonly T[],
  { atOnceMax, signal }: { readonly atOnceMax: number; readonly signal: AbortSignal | undefined },
  body: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const failed = new AbortController();
  const either = signal === undefined ? failed.signal : AbortSignal.any([signal, failed.signal]);
  const queue = items.values();
  const worker = async () => {
    for (const item of queue) {
      if (failed.signal.aborted) return;
      await body(item, either);
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(atOnceMax, items.length) }, worker));
  } catch (error) {
    failed.abort(error);
    throw error;
  }
}
