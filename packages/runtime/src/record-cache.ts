/**
 * What the catalog says of an id, for a few seconds. Used where every request asks: API keys, memberships.
 */
import { isAppError, type Clock } from '@tidemark/core';

/** A key that was revoked, a member who was removed, get in no longer than this. */
export const RECORD_CACHE_MS = 5_000;
/**
 * While the catalog does not answer, what it said before is taken for so long: an outage of the catalog (in which nobody can
 * revoke anything either) must not stop events that the bus could take.
 */
export const RECORD_STALE_MS = 60_000;
/** Of ids that exist, and as many again of ids that do not. */
const RECORD_CACHE_ENTRIES_MAX = 10_000;

export interface RecordCacheOptions<T> {
  /** Null when there is none. @throws catalog-unavailable */
  readonly find: (id: string) => Promise<T | null>;
  readonly clock: Clock;
  /** Called when an earlier word of the catalog is taken. */
  readonly onStale: () => void;
}

interface CachedRecord<T> {
  readonly record: T | null;
  readonly expiresAtMs: number;
  /** When the catalog last said so. */
  readonly confirmedAtMs: number;
}

/** @throws catalog-unavailable when nothing is known of the id */
export type RecordCache<T> = (id: string) => Promise<T | null> | T | null;

/**
 * Known and unknown ids are kept apart, so that a flood of invented ids cannot push real ones out. Simultaneous questions for one id
 * share one look-up.
 */
export function createRecordCache<T>({ find, clock, onStale }: RecordCacheOptions<T>): RecordCache<T> {
  const known = new Map<string, CachedRecord<T>>();
  const unknown = new Map<string, CachedRecord<T>>();
  const pending = new Map<string, Promise<T | null>>();

  async function lookUp(id: string): Promise<T | null> {
    // The time of asking counts: an answer may be old by the time it comes.
    const askedAtMs = clock.nowMs();
    const expiresAtMs = askedAtMs + RECORD_CACHE_MS;
    try {
      const record = await find(id);
      // A record that has vanished must not come back from the other map.
      known.delete(id);
      remember(record === null ? unknown : known, id, { record, expiresAtMs, confirmedAtMs: askedAtMs });
      return record;
    } catch (error) {
      const stale = known.get(id);
      if (!isAppError(error, 'catalog-unavailable') || stale === undefined) throw error;
      if (askedAtMs - stale.confirmedAtMs > RECORD_STALE_MS) throw error;
      onStale();
      remember(known, id, { ...stale, expiresAtMs });
      return stale.record;
    }
  }

  return (id) => {
    const cached = known.get(id) ?? unknown.get(id);
    if (cached !== undefined && clock.nowMs() < cached.expiresAtMs) return cached.record;
    unknown.delete(id);
    const running = pending.get(id);
    if (running !== undefined) return running;
    const started = lookUp(id).finally(() => pending.delete(id));
    pending.set(id, started);
    return started;
  };
}

/** The oldest entry makes room: entries live five seconds, so order of insertion is as good as order of use. */
function remember<T>(cache: Map<string, CachedRecord<T>>, id: string, entry: CachedRecord<T>): void {
  cache.delete(id);
  if (cache.size >= RECORD_CACHE_ENTRIES_MAX) {
    for (const oldest of cache.keys()) {
      cache.delete(oldest);
      break;
    }
  }
  cache.set(id, entry);
}
