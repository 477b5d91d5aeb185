import { AppError, DAY_MS, parseInstant } from '@tidemark/core';
import type { Fault } from '@tidemark/core';

interface RangeText {
  readonly from: string;
  readonly to: string;
}

/** An instant in UTC. Adds what is wrong with it to `faults`; null then. */
export function readInstant(text: string, name: string, nowMs: number, faults: Fault[]): number | null {
  const parsed = parseInstant(text, { nowMs, timeZone: 'UTC', weekStart: 'monday' });
  if (parsed.ok) return parsed.instantMs;
  faults.push({ code: 'invalid-request', pointer: `/${name}`, detail: parsed.detail });
  return null;
}

/** @throws invalid-request naming every fault of the range [from, to) */
export function readRange(
  { from, to }: RangeText,
  { nowMs, daysMax }: { readonly nowMs: number; readonly daysMax: number },
): { readonly fromMs: number; readonly toMs: number } {
  const faults: Fault[] = [];
  const fromMs = readInstant(from, 'from', nowMs, faults);
  const toMs = readInstant(to, 'to', nowMs, faults);
  if (fromMs !== null && toMs !== null) {
    const days = (toMs - fromMs) / DAY_MS;
    const fault = (detail: string): void =>
      void faults.push({ code: 'invalid-request', pointer: '/to', detail });
    if (days <= 0) fault(`${toInstant(toMs)} is not after from, ${toInstant(fromMs)}`);
    else if (days > daysMax) fault(`at most ${daysMax} days from ${toInstant(fromMs)} on at a time`);
    else return { fromMs, toMs };
  }
  throw refusal(faults);
}

/** For faults that a schema cannot tell. */
export function refusal(faults: readonly Fault[]): AppError {
  const list = faults.map(({ pointer, detail }) => `${pointer}: ${detail}`).join('; ');
  return new AppError('invalid-request', list, { faults });
}

export function toInstant(ms: number): string {
  return new Date(ms).toISOString();
}
