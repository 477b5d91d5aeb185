import { DAY_MS, HOUR_MS } from '@tidemark/core';

const BUSIEST_HOUR = 14;
const HOURS = 24;
/** From Monday; the epoch was a Thursday. */
const WEEKDAY_LOAD = [1.04, 1.1, 1.12, 1.08, 1, 0.52, 0.46] as const;
const EPOCH_WEEKDAY = 3;
const TREND_PERIOD_MS = 56 * DAY_MS;
const TREND_AMPLITUDE = 0.18;

/**
 * How much goes on at an instant, against a long-run mean of about 1: quiet nights, a peak in the early afternoon, half as much
 * at weekends, and a slow rise and fall over eight weeks. All in UTC.
 */
export function loadAt(timeMs: number): number {
  const hour = (timeMs % DAY_MS) / HOUR_MS;
  const angle = (2 * Math.PI * (hour - BUSIEST_HOUR)) / HOURS;
  const daily = 1 + 0.6 * Math.cos(angle) + 0.12 * Math.cos(2 * angle);
  const weekday = (Math.floor(timeMs / DAY_MS) + EPOCH_WEEKDAY) % WEEKDAY_LOAD.length;
  const trend = 1 + TREND_AMPLITUDE * Math.sin((2 * Math.PI * timeMs) / TREND_PERIOD_MS);
  return (daily * (WEEKDAY_LOAD[weekday] ?? 1) * trend) / 0.9;
}
