import type { Clock } from '@tidemark/core';
import type { QueryPipeline } from '../pipeline.ts';

/** How old the progress may be that a question is answered with. */
const RECENT_MS = 500;

/**
 * The pipeline, with progress read at most every half second and by one question for all. Older progress is right too: fewer buckets
 * count as closed, and more is read from raw (see pipeline.ts).
 */
export function withRecentProgress(pipeline: QueryPipeline, clock: Pick<Clock, 'nowMs'>): QueryPipeline {
  const recent = new Map<
    string,
    { readonly readAtMs: number; readonly read: ReturnType<typeof pipeline.progress> }
  >();
  return {
    dirtyBuckets: (...range) => pipeline.dirtyBuckets(...range),
    unknownMeasures: (fingerprints, organization) => pipeline.unknownMeasures(fingerprints, organization),
    progress(topic) {
      const nowMs = clock.nowMs();
      const known = recent.get(topic);
      if (known !== undefined && Math.abs(nowMs - known.readAtMs) < RECENT_MS) return known.read;
      const entry = { readAtMs: nowMs, read: pipeline.progress(topic) };
      recent.set(topic, entry);
      entry.read.catch(() => {
        if (recent.get(topic) === entry) recent.delete(topic);
      });
      return entry.read;
    },
  };
}
