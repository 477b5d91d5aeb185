/** How coarse `now` is, so that equal dashboards ask the same question for a while. */
import { DAY_MS, HOUR_MS, MINUTE_MS, parseInstant, type Query, SECOND_MS } from '@tidemark/core';

/** The first that is at least as long as the range counts. */
const TICKS = [
  { rangeMsMax: 10 * MINUTE_MS, tickMs: SECOND_MS },
  { rangeMsMax: 6 * HOUR_MS, tickMs: 5 * SECOND_MS },
  { rangeMsMax: 2 * DAY_MS, tickMs: 30 * SECOND_MS },
  { rangeMsMax: Number.POSITIVE_INFINITY, tickMs: MINUTE_MS },
] as const;

interface Range {
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * The range as it is at the next tick: rounded UP, so that the newest events lie in it. `now/d` and its like keep the exact
 * instant: they are coarse already, and rounded up over midnight today would be tomorrow.
 * @param exact the same range, at the exact instant; what stays when rounding leaves nothing of it
 */
export function rangeAtTick(
  query: Pick<Query, 'from' | 'to'>,
  context: Parameters<typeof parseInstant>[1],
  exact: Range,
): Range & { readonly nowMs: number } {
  const nowMs = ceilToTick(context.nowMs, exact.toMs - exact.fromMs);
  const at = (text: string, exactMs: number) => {
    if (!text.startsWith('now') || text.includes('/')) return exactMs;
    const parsed = parseInstant(text, { ...context, nowMs });
    return parsed.ok ? parsed.instantMs : exactMs;
  };
  const fromMs = at(query.from, exact.fromMs);
  const toMs = at(query.to, exact.toMs);
  return fromMs < toMs ? { fromMs, toMs, nowMs } : { ...exact, nowMs };
}

function ceilToTick(nowMs: number, rangeMs: number): number {
  const tickMs = TICKS.find(({ rangeMsMax }) => rangeMs <= rangeMsMax)?.tickMs ?? MINUTE_MS;
  return Math.ceil(nowMs / tickMs) * tickMs;
}
