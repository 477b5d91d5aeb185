import { MINUTE_MS, SECOND_MS } from './clock.ts';

/**
 * How long after its end a bucket stays open for events that arrived in time but were stored or published a little later: longer
 * than ingest may take to make an event durable.
 */
export const DEFAULT_ALLOWED_LATENESS_MS = 6 * SECOND_MS;

/**
 * The watermark, `completeThrough`: everything that had arrived by this instant plus the allowed lateness is stored on every
 * partition. A multiple of a minute; buckets that end at or before it are closed.
 *
 * @param arrivedThroughMs of each partition of the events topic
 * @returns ms since the epoch; null while a partition (or every one) has not reported
 */
export function completeThroughMs(
  arrivedThroughMs: readonly number[],
  allowedLatenessMs: number,
): number | null {
  if (arrivedThroughMs.length === 0) return null;
  const instant = Math.min(...arrivedThroughMs) - allowedLatenessMs;
  return instant <= 0 ? null : Math.floor(instant / MINUTE_MS) * MINUTE_MS;
}
