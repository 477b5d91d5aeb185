const BACKOFF_FIRST_MS = 250;
const BACKOFF_MAX_MS = 10_000;
/** A server may ask for more; then the total bound of the caller decides. */
const RETRY_AFTER_MAX_MS = 60_000;

/** Answers after which the same request may succeed. 500 is not one: it says nothing about the next try. */
const RETRYABLE_STATUSES: ReadonlySet<number> = new Set([408, 429, 502, 503, 504]);

export function isRetryableStatus(status: number): boolean {
  return RETRYABLE_STATUSES.has(status);
}

/**
 * How long to wait before the next try, in ms. The server's wish comes first and is never undercut; a quarter on top, at random,
 * keeps many clients from returning at once. Without a wish: full jitter below a doubling bound.
 *
 * @param attempt the tries so far, from 1
 * @param random in [0, 1)
 */
export function retryDelayMs(attempt: number, retryAfterMs: number | null, random: number): number {
  if (retryAfterMs !== null) {
    const wanted = Math.min(retryAfterMs, RETRY_AFTER_MAX_MS);
    return wanted + random * wanted * 0.25;
  }
  const bound = Math.min(BACKOFF_FIRST_MS * 2 ** (attempt - 1), BACKOFF_MAX_MS);
  return bound / 2 + (random * bound) / 2;
}

/** `Retry-After` in ms: seconds, or an HTTP date. Null when absent or neither. */
export function parseRetryAfterMs(header: string | null, nowMs: number): number | null {
  if (header === null) return null;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header) * 1_000;
  const atMs = Date.parse(header);
  return Number.isNaN(atMs) ? null : Math.max(0, atMs - nowMs);
}
