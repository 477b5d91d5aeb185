/** What the aggregator tells after each stored batch: which buckets changed, and how far the partition has come. */
import { parseOrganizationId, type OrganizationId } from '@tidemark/core';

/** Keyed by organization. Losing one costs freshness, never a number: the catalog remembers the dirty buckets. */
export interface FlushMessage {
  readonly organization: OrganizationId;
  /** Starts of the minutes whose raw rows changed, ms since the epoch, ascending. */
  readonly buckets: readonly number[];
  readonly partition: number;
  /** The next offset to store on that partition. */
  readonly nextOffset: number;
  /** Everything that had arrived on that partition by this instant is stored. */
  readonly arrivedThroughMs: number;
}

export function encodeFlush(flush: FlushMessage): Buffer {
  const { organization, buckets, partition, nextOffset, arrivedThroughMs } = flush;
  return Buffer.from(
    JSON.stringify({ organization, buckets, partition, nextOffset, arrivedThroughMs }),
    'utf8',
  );
}

/** Null when the value is not a flush message. Never throws; unknown members are left out. */
export function parseFlush(value: Buffer): FlushMessage | null {
  const message = parseObject(value);
  if (message === null) return null;
  const { organization, buckets, partition, nextOffset, arrivedThroughMs } = message;
  const id = typeof organization === 'string' ? parseOrganizationId(organization) : null;
  if (id === null || !Array.isArray(buckets) || !buckets.every(Number.isSafeInteger)) return null;
  if (!isCount(partition) || !isCount(nextOffset) || !isCount(arrivedThroughMs)) return null;
  return { organization: id, buckets: buckets as number[], partition, nextOffset, arrivedThroughMs };
}

/** The JSON object in the bytes; null when there is none. */
export function parseObject(value: Buffer): Readonly<Record<string, unknown>> | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(value.toString('utf8'));
  } catch {
    return null;
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return null;
  return parsed as Readonly<Record<string, unknown>>;
}

export function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
