import type { Clock } from '@tidemark/core';
import type { PartitionProgress, PipelineState } from '@tidemark/catalog';
import type { Logger } from '@tidemark/runtime';

/** How stale the recorded progress may be; `completeThrough` lags by as much. */
const PROGRESS_INTERVAL_MS = 250;

export interface ProgressRecorder {
  /** Remembers the newest progress of a partition; written within `PROGRESS_INTERVAL_MS`. Losing it costs freshness only. */
  record(progress: PartitionProgress): void;
  /** Writes what is pending and stops. Idempotent. */
  close(): Promise<void>;
}

/** One write for all partitions of this process, instead of one for each batch. */
export function createProgressRecorder(dependencies: {
  readonly pipeline: Pick<PipelineState, 'recordProgress'>;
  readonly clock: Clock;
  readonly log: Logger;
}): ProgressRecorder {
  const { pipeline, clock, log } = dependencies;
  const pending = new Map<string, PartitionProgress>();
  const stopping = new AbortController();

  async function write(): Promise<void> {
    const batch = [...pending];
    if (batch.length === 0) return;
    try {
      await pipeline.recordProgress(batch.map(([, progress]) => progress));
      for (const [key, progress] of batch) if (pending.get(key) === progress) pending.delete(key);
    } catch (error) {
      log.warn({ err: error, partitions: batch.length }, 'progress not recorded; it stays pending');
    }
  }

  const running = (async () => {
    while (!stopping.signal.aborted) {
      await clock.sleep(PROGRESS_INTERVAL_MS, stopping.signal);
      await write();
    }
  })();

  return {
    record(progress) {
      pending.set(JSON.stringify([progress.topic, progress.partition]), progress);
    },
    async close() {
      stopping.abort();
      await running;
      await write();
    },
  };
}
