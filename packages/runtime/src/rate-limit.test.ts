import { AppError } from '@tidemark/core';
import { describe, expect, it } from '@jest/globals';
import { assertWithinLimit, createRateLimiter, rateLimitHeaders } from './rate-limit.ts';
import { createTelemetry } from './telemetry.ts';
import { createManualClock, createTestLog } from './testing.ts';

const POLICY = { name: 'requests', quota: 2, windowSeconds: 10 };

function setUp(isCacheAway = false) {
  const clock = createManualClock(3_000);
  const totals = new Map<string, number>();
  const counters = {
    increment: async (key: string, by: number) => {
      if (isCacheAway) throw new AppError('cache-unavailable', 'down');
      totals.set(key, (totals.get(key) ?? 0) + by);
      return totals.get(key) ?? 0;
    },
  };
  const { log, text } = createTestLog();
  const telemetry = createTelemetry({ withProcessFigures: false });
  return { limiter: createRateLimiter({ counters, clock, log, telemetry }), clock, text, telemetry };
}

describe('createRateLimiter', () => {
  it('allows the quota in a window, refuses more, and starts afresh with the next window', async () => {
    const { limiter, clock } = setUp();
    expect(await limiter.take('k', POLICY, 2)).toMatchObject({
      allowed: true,
      remaining: 0,
      resetSeconds: 7,
    });
    const refused = await limiter.take('k', POLICY, 1);
    expect(() => assertWithinLimit(refused)).toThrow(
      expect.objectContaining({ code: 'rate-limited', retryAfterSeconds: 7 }),
    );
    expect((await limiter.take('other', POLICY, 1)).allowed).toBe(true);
    clock.advance(7_000);
    expect(await limiter.take('k', POLICY, 1)).toMatchObject({
      allowed: true,
      remaining: 1,
      resetSeconds: 10,
    });
  });

  it('lets everything through while the cache is away, counts that, and says so once', async () => {
    const { limiter, text, telemetry } = setUp(true);
    await limiter.take('k', POLICY, 5);
    expect((await limiter.take('k', POLICY, 5)).allowed).toBe(true);
    expect(text().match(/rate limits are not enforced/g)).toHaveLength(1);
    expect(await telemetry.text()).toContain('tidemark_rate_limit_unavailable_total 2');
  });

  it('writes the headers of draft-ietf-httpapi-ratelimit-headers-10', async () => {
    const { limiter } = setUp();
    expect(rateLimitHeaders([await limiter.take('k', POLICY, 1)])).toEqual({
      'ratelimit-policy': '"requests";q=2;w=10',
      ratelimit: '"requests";r=1;t=7',
    });
  });
});
