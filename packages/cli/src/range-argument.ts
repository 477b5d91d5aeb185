import { DAY_MS, HOUR_MS, parseInstant } from '@tidemark/core';
import type { CliContext } from './context.ts';
import { usageFault } from './fault.ts';

/** [fromMs, toMs). */
export interface Range {
  readonly fromMs: number;
  readonly toMs: number;
}

/** @throws CliFault when an end cannot be read, the range is empty, or longer than `daysMax` */
export function parseRange(
  context: CliContext,
  { from, to }: { readonly from: string; readonly to: string },
  daysMax: number,
): Range {
  const [fromMs, toMs] = [readInstant(context, '--from', from), readInstant(context, '--to', to)];
  if (toMs <= fromMs) throw usageFault(`--to ${to} is not after --from ${from}`);
  if (toMs - fromMs > daysMax * DAY_MS) throw usageFault(`the range is longer than ${daysMax} days`);
  return { fromMs, toMs };
}

/** @throws CliFault saying in words what is expected */
export function readInstant(context: CliContext, name: string, text: string): number {
  const parsed = parseInstant(text, { nowMs: context.clock.nowMs(), timeZone: 'UTC', weekStart: 'monday' });
  if (!parsed.ok) throw usageFault(`${name}: ${parsed.detail}`);
  return parsed.instantMs;
}

/** The range in parts of at most so many UTC days, cut at midnight. */
export function splitRange(range: Range, days: number): Range[] {
  return cutRange(range, DAY_MS, days);
}

/** The range in parts of one UTC hour. */
export function splitHours(range: Range): Range[] {
  return cutRange(range, HOUR_MS, 1);
}

function cutRange({ fromMs, toMs }: Range, unitMs: number, units: number): Range[] {
  const parts: Range[] = [];
  let startMs = fromMs;
  while (startMs < toMs) {
    const unitStartMs = Math.floor(startMs / unitMs) * unitMs;
    const endMs = Math.min(toMs, unitStartMs + units * unitMs);
    parts.push({ fromMs: startMs, toMs: endMs });
    startMs = endMs;
  }
  return parts;
}

export function toInstants({ fromMs, toMs }: Range): { readonly from: string; readonly to: string } {
  return { from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString() };
}
