/** Instants and ranges as people write them, and the ranges they compare with. */
import { Temporal } from 'temporal-polyfill';
import { bucketStartMs, CALENDAR_MAX_MS, CALENDAR_MIN_MS, startOfDateMs, toZoned } from './calendar.ts';
import { DAY_MS } from './clock.ts';
import type { Granularity, Weekday } from './query.ts';

const RFC_3339 = /^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)$/;
const CALENDAR_DATE = /^\d{4}-\d\d-\d\d$/;
const RELATIVE = /^now((?:[+-]\d{1,5}[smhdwMQy]){0,8})(?:\/([mhdwMQy]))?$/;
const OFFSET = /([+-])(\d+)([smhdwMQy])/g;

const TRUNCATION: Readonly<Record<string, Granularity>> = {
  m: 'minute',
  h: 'hour',
  d: 'day',
  w: 'week',
  M: 'month',
  Q: 'quarter',
  y: 'year',
};

export interface InstantContext {
  readonly nowMs: number;
  readonly timeZone: string;
  readonly weekStart: Weekday;
  /** The month (1 to 12) in which years, and so quarters, begin; 1 when absent. */
  readonly fiscalYearStart?: number;
}

export type ParsedInstant =
  | { readonly ok: true; readonly instantMs: number }
  | { readonly ok: false; readonly detail: string };

/**
 * RFC 3339 with an offset (seconds may be left out); a calendar date (its first instant in the zone); `now`, followed by any
 * offsets and a truncation: `now-7d`, `now-1M/M`. Units `s m h` are exact time, `d w M Q y` calendar time in the zone.
 */
export function parseInstant(text: string, context: InstantContext): ParsedInstant {
  const instantMs = instantOf(text, context);
  if (typeof instantMs === 'string') return { ok: false, detail: instantMs };
  if (instantMs < CALENDAR_MIN_MS || instantMs > CALENDAR_MAX_MS) {
    return { ok: false, detail: `${quote(text)} lies outside 1970-01-01 to 2106-01-01` };
  }
  return { ok: true, instantMs };
}

function instantOf(text: string, context: InstantContext): number | string {
  try {
    if (CALENDAR_DATE.test(text)) return startOfDateMs(Temporal.PlainDate.from(text), context.timeZone);
    const absolute = RFC_3339.exec(text);
    if (absolute !== null) {
      if (/[1-9]/.test((absolute[3] ?? '').slice(3))) return `${quote(text)} is finer than a millisecond`;
      return Temporal.Instant.from(text).epochMilliseconds;
    }
    const relative = RELATIVE.exec(text);
    if (relative !== null) return relativeInstantMs(relative[1] ?? '', relative[2], context);
  } catch (error) {
    if (error instanceof RangeError) return `${quote(text)} is not a date and time that exists`;
    throw error;
  }
  return `${quote(text)} is neither RFC 3339 with an offset, nor a date (2026-01-31), nor relative (now-7d, now-1M/M)`;
}

function relativeInstantMs(offsets: string, truncation: string | undefined, context: InstantContext): number {
  let zoned = toZoned(context.nowMs, context.timeZone);
  for (const [, sign, digits, unit] of offsets.matchAll(OFFSET)) {
    const amount = Number(digits) * (sign === '-' ? -1 : 1);
    zoned = zoned.add(durationOf(amount, unit ?? ''));
  }
  const granularity = truncation === undefined ? undefined : TRUNCATION[truncation];
  if (granularity === undefined) return zoned.epochMilliseconds;
  const { timeZone, weekStart, fiscalYearStart } = context;
  return bucketStartMs(zoned.epochMilliseconds, granularity, timeZone, weekStart, fiscalYearStart);
}

function durationOf(amount: number, unit: string): Temporal.DurationLike {
  switch (unit) {
    case 's':
      return { seconds: amount };
    case 'm':
      return { minutes: amount };
    case 'h':
      return { hours: amount };
    case 'd':
      return { days: amount };
    case 'w':
      return { weeks: amount };
    case 'M':
      return { months: amount };
    case 'Q':
      return { months: amount * 3 };
    default:
      return { years: amount };
  }
}

/** How far back a comparison looks: calendar units in the zone, or exact milliseconds. */
export type ComparisonShift =
  | { readonly months: number }
  | { readonly days: number }
  | { readonly ms: number };

/**
 * `previous_year`: the same local dates and clock a year earlier (29 February becomes the 28th). `previous_period`: as many
 * whole months if the range is made of whole months, as many calendar days if both ends show the same clock, else the same
 * length in milliseconds. A fiscal year or quarter is whole months, so the one before it is compared, in whatever month it begins.
 */
export function comparisonShift(
  compare: 'previous_period' | 'previous_year',
  range: { readonly fromMs: number; readonly toMs: number },
  timeZone: string,
): ComparisonShift {
  if (compare === 'previous_year') return { months: 12 };
  const from = toZoned(range.fromMs, timeZone);
  const to = toZoned(range.toMs, timeZone);
  if (isMonthStart(from, timeZone) && isMonthStart(to, timeZone)) {
    return { months: (to.year - from.year) * 12 + to.month - from.month };
  }
  const sameClock = from.toPlainTime().equals(to.toPlainTime());
  const bothStartDays = isDayStart(from, timeZone) && isDayStart(to, timeZone);
  if ((sameClock || bothStartDays) && range.toMs - range.fromMs >= DAY_MS / 2) {
    return { days: from.toPlainDate().until(to.toPlainDate(), { largestUnit: 'day' }).days };
  }
  return { ms: range.toMs - range.fromMs };
}

/** The instant that corresponds to this one in the compared range. A start of a day goes to the start of a day. */
export function shiftBack(instantMs: number, shift: ComparisonShift, timeZone: string): number {
  if ('ms' in shift) return instantMs - shift.ms;
  const zoned = toZoned(instantMs, timeZone);
  if (isDayStart(zoned, timeZone)) return startOfDateMs(zoned.toPlainDate().subtract(shift), timeZone);
  return zoned.subtract(shift).epochMilliseconds;
}

function isDayStart(zoned: Temporal.ZonedDateTime, timeZone: string): boolean {
  return startOfDateMs(zoned.toPlainDate(), timeZone) === zoned.epochMilliseconds;
}

function isMonthStart(zoned: Temporal.ZonedDateTime, timeZone: string): boolean {
  return zoned.day === 1 && isDayStart(zoned, timeZone);
}

function quote(text: string): string {
  return JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}…` : text);
}
