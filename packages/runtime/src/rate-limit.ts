/**
 * Counters per key and window in the cache, shared by all instances. When the cache does not answer, requests pass uncounted (it
 * fails open): the limit guards against one caller's excess, the overload gate of each process guards the process.
 */
import { AppError, isAppError, SECOND_MS, type Clock } from '@tidemark/core';
import type { Logger } from './logger.ts';
import type { Telemetry } from './telemetry.ts';

/** Structurally the part of the cache's port that is used here. */
export interface CounterStore {
  increment(key: string, by: number, ttlMs: number): Promise<number>;
}

export interface RateLimitPolicy {
  /** Of `a-z` and `-`; stands in headers and keys. */
  readonly name: string;
  /** What may be taken in one window. */
  readonly quota: number;
  readonly windowSeconds: number;
}

/** What is left of a policy after a take. */
export interface RateLimitState {
  readonly policy: RateLimitPolicy;
  readonly allowed: boolean;
  readonly remaining: number;
  /** Until the window ends, at least 1. */
  readonly resetSeconds: number;
}

export interface RateLimiter {
  /**
   * Takes `amount` from the caller's quota of the current window (windows are aligned to the epoch). A refused take counts as well, so
   * hammering does not pay.
   */
  take(caller: string, policy: RateLimitPolicy, amount: number): Promise<RateLimitState>;
}

/** How often an outage of the cache is logged, at most. */
const OUTAGE_LOG_INTERVAL_MS = 10 * SECOND_MS;

export interface RateLimiterOptions {
  readonly counters: CounterStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly telemetry: Telemetry;
}

export function createRateLimiter(options: RateLimiterOptions): RateLimiter {
  const { counters, clock, log, telemetry } = options;
  let outageLoggedAtMs = Number.NEGATIVE_INFINITY;

  async function count(key: string, amount: number, ttlMs: number): Promise<number> {
    try {
      return await counters.increment(key, amount, ttlMs);
    } catch (error) {
      if (!isAppError(error)) throw error;
      telemetry.increment('tidemark_rate_limit_unavailable_total');
      if (clock.nowMs() - outageLoggedAtMs >= OUTAGE_LOG_INTERVAL_MS) {
        outageLoggedAtMs = clock.nowMs();
        log.warn({ err: error }, 'rate limits are not enforced: the cache does not answer');
      }
      return 0;
    }
  }

  return {
    take: async (caller, policy, amount) => {
      const windowMs = policy.windowSeconds * SECOND_MS;
      const nowMs = clock.nowMs();
      const window = Math.floor(nowMs / windowMs);
      const total = await count(JSON.stringify(['rate', policy.name, caller, window]), amount, windowMs);
      const allowed = total <= policy.quota;
      if (!allowed) telemetry.increment('tidemark_rate_limited_requests_total', 1, { policy: policy.name });
      return {
        policy,
        allowed,
        remaining: Math.max(0, policy.quota - total),
        resetSeconds: Math.max(1, Math.ceil(((window + 1) * windowMs - nowMs) / SECOND_MS)),
      };
    },
  };
}

/** draft-ietf-httpapi-ratelimit-headers-10. */
export function rateLimitHeaders(states: readonly RateLimitState[]): Readonly<Record<string, string>> {
  return {
    'ratelimit-policy': states
      .map(({ policy }) => `"${policy.name}";q=${policy.quota};w=${policy.windowSeconds}`)
      .join(', '),
    ratelimit: states
      .map(({ policy, remaining, resetSeconds }) => `"${policy.name}";r=${remaining};t=${resetSeconds}`)
      .join(', '),
  };
}

/** @throws rate-limited with the time to wait */
export function assertWithinLimit(state: RateLimitState): void {
  if (state.allowed) return;
  const { policy, resetSeconds } = state;
  throw new AppError(
    'rate-limited',
    `more than ${policy.quota} ${policy.name} in ${policy.windowSeconds} s`,
    {
      retryAfterSeconds: resetSeconds,
    },
  );
}
