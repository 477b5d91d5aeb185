import { DAY_MS, MINUTE_MS, SECOND_MS } from './clock.ts';

/**
 * A stored granularity. Buckets are UTC and half-open; 15 minutes is the widest that days of every zone in use today can be
 * made of (+5:30, +5:45, +12:45).
 */
export const TIERS = ['1m', '15m', '1d'] as const;
export type Tier = (typeof TIERS)[number];

export const TIER_WIDTH_MS: Readonly<Record<Tier, number>> = {
  '1m': MINUTE_MS,
  '15m': 15 * MINUTE_MS,
  '1d': DAY_MS,
};

/**
 * How long a fresh mark waits before its bucket is recomputed, so that a stream of late events costs a wide bucket one
 * recomputation and not one each. Until then the planner reads a finer tier.
 */
export const TIER_SETTLE_MS: Readonly<Record<Tier, number>> = {
  '1m': 0,
  '15m': 10 * SECOND_MS,
  '1d': 60 * SECOND_MS,
};

/** Start of the tier's bucket that contains the instant (also before 1970). */
export function tierBucketStartMs(tier: Tier, instantMs: number): number {
  const width = TIER_WIDTH_MS[tier];
  return Math.floor(instantMs / width) * width;
}
