/**
 * The cache: short-lived shared state that may be lost at any moment without harm to any number: rate-limit counters,
 * cached answers, notices between instances, leases. Adapters: memory (one process) and Redis.
 */
export interface Cache {
  /** @throws cache-unavailable */
  get(key: string): Promise<string | null>;
  /** Kept for at most `ttlMs` (memory: least recently used goes first when full). @throws cache-unavailable */
  set(key: string, value: string, ttlMs: number): Promise<void>;
  /** @throws cache-unavailable */
  delete(key: string): Promise<void>;
  /**
   * Deletes every key that begins with the prefix, or of those the ones that are wanted; returns how many. Not for hot paths.
   * @throws cache-unavailable
   */
  deleteByPrefix(prefix: string, isWanted?: (key: string) => boolean): Promise<number>;
  /**
   * Adds to a counter that vanishes `ttlMs` after its first addition, atomically; returns the new total.
   * @throws cache-unavailable
   */
  increment(key: string, by: number, ttlMs: number): Promise<number>;
  /**
   * Takes the lease when it is free or already held by `owner` (then it is prolonged); false when another holds it.
   * Advisory: a holder that stalls past `ttlMs` may overlap with the next one.
   * @throws cache-unavailable
   */
  acquireLease(name: string, owner: string, ttlMs: number): Promise<boolean>;
  /** Frees the lease if `owner` holds it. @throws cache-unavailable */
  releaseLease(name: string, owner: string): Promise<void>;
  /** To every live subscriber, at most once each; nobody hears what was said before subscribing. @throws cache-unavailable */
  publish(channel: string, message: string): Promise<void>;
  /** Returns the way to unsubscribe. Re-subscribes by itself after a broken connection. @throws cache-unavailable */
  subscribe(channel: string, listener: (message: string) => void): Promise<() => Promise<void>>;
  /** @throws cache-unavailable */
  ping(): Promise<void>;
  close(): Promise<void>;
}
