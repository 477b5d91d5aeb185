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
  const at = (text: string) => parseInstant(text, text.includes('/') ? context : { ...context, nowMs });
  const from = at(query.from);
  const to = at(query.to);
  const isThere = from.ok && to.ok && from.instantMs < to.instantMs;
  return isThere ? { fromMs: from.instantMs, toMs: to.instantMs, nowMs } : { ...exact, nowMs };
}

function ceilToTick(nowMs: number, rangeMs: number): number {
  const tickMs = TICKS.find(({ rangeMsMax }) => rangeMs <= rangeMsMax)?.tickMs ?? MINUTE_MS;
  return Math.ceil(nowMs / tickMs) * tickMs;
}
