/** Model calls made from a seed: the same seed gives the same data, so that every run and every ceiling carries the same. */
import { DAY_MS, HOUR_MS, MINUTE_MS } from '@tidemark/core';

export const EVENT_TYPE = 'llm.request';

const SERVICES = ['search', 'checkout', 'support', 'editor'] as const;
const MODELS = [
  { provider: 'north', model: 'north-small' },
  { provider: 'north', model: 'north-large' },
  { provider: 'south', model: 'south-fast' },
  { provider: 'south', model: 'south-deep' },
  { provider: 'west', model: 'west-1' },
] as const;
const OPERATIONS = ['chat', 'embed', 'rerank'] as const;

/** Uniform numbers in [0, 1): mulberry32. */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** The data of one call. About 190 bytes of JSON. */
export function sampleData(random: () => number): Readonly<Record<string, string | number | boolean>> {
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
  const { provider, model } = pick(MODELS);
  return {
    service: pick(SERVICES),
    provider,
    model,
    operation: pick(OPERATIONS),
    user: `user-${Math.floor(random() * 5_000)}`,
    prompt_tokens: Math.floor(random() * 4_000) + 1,
    completion_tokens: Math.floor(random() * 800) + 1,
    latency_ms: Math.round(Math.exp(5 + random() * 3) * 10) / 10,
    success: random() > 0.02,
  };
}

/** When the events of a load happened. */
export type EventTimes =
  /** As they are sent: what live producers do. */
  | { readonly kind: 'now' }
  /** Nine of ten within the day before `endMs`, the others in one hour of every tenth day of the year before. */
  | { readonly kind: 'past-year'; readonly endMs: number }
  /** Evenly over the `events` of the day that ends at `endMs`. */
  | { readonly kind: 'past-day'; readonly endMs: number; readonly events: number };

const PAST_DAYS = 365;
const PAST_DAYS_STEP = 10;

/** @param n the number of the event within its load */
export function eventTimeMs(times: EventTimes, n: number, nowMs: number): number {
  switch (times.kind) {
    case 'now':
      return nowMs;
    case 'past-year':
      return pastYearTimeMs(n, times.endMs);
    case 'past-day':
      return times.endMs - DAY_MS + Math.floor((n * DAY_MS) / times.events);
  }
}

/** @param n the number of the event within its load: neighbours lie in neighbouring minutes, as in a file that is imported */
function pastYearTimeMs(n: number, endMs: number): number {
  const dayMinutes = DAY_MS / MINUTE_MS;
  if (n % 10 !== 9) {
    // 420 neighbours share a minute: some 600,000 events go round the day once.
    const minute = Math.floor(n / 420) % dayMinutes;
    return endMs - DAY_MS + minute * MINUTE_MS + ((n * 97) % MINUTE_MS);
  }
  const daysAgo = (Math.floor(n / 4_000) % (PAST_DAYS / PAST_DAYS_STEP)) * PAST_DAYS_STEP + 2;
  return endMs - daysAgo * DAY_MS + ((n * 137) % HOUR_MS);
}
