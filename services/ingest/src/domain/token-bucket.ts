/** An allowance that refills with time. */
export interface TokenBucket {
  /** Below zero after a take that was larger than what was there. */
  readonly tokens: number;
  readonly atMs: number;
}

export interface RefillRate {
  readonly perSecond: number;
  /** What a bucket holds at most. */
  readonly burst: number;
}

export function refill(bucket: TokenBucket, rate: RefillRate, nowMs: number): TokenBucket {
  // A clock that was set back brings nothing, and takes nothing away.
  const elapsedSeconds = Math.max(0, nowMs - bucket.atMs) / 1_000;
  return { tokens: Math.min(rate.burst, bucket.tokens + elapsedSeconds * rate.perSecond), atMs: nowMs };
}

/** Whole seconds until the bucket holds something again, at least 1. */
export function secondsUntilRefilled(bucket: TokenBucket, rate: RefillRate): number {
  return Math.max(1, Math.ceil((1 - bucket.tokens) / rate.perSecond));
}
