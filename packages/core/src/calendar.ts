/**
 * Calendar truth: where buckets begin and end in any IANA zone. Everything here speaks epoch milliseconds outward; Temporal
 * (the polyfill: Node 20 has none) is used inside only, so that nothing else depends on it. Its import takes 20 ms and a
 * zone's transitions are cached: 11,000 daily boundaries cost 60-120 ms.
 */
import { Temporal } from 'temporal-polyfill';
import { HOUR_MS, MINUTE_MS } from './clock.ts';
import { AppError } from './errors.ts';
import { WEEKDAYS, type Granularity, type Weekday } from './query.ts';

/** How many buckets one question may ask for: a week of minutes (10,080) and a margin. */
export const BUCKETS_MAX = 11_000;

/** Bounds of what may be asked: rollup buckets are 32-bit seconds. */
export const CALENDAR_MIN_MS = 0;
export const CALENDAR_MAX_MS = Date.UTC(2106, 0, 1);

/** The zone's name in its usual spelling (`europe/berlin` becomes `Europe/Berlin`); null when it is no IANA zone. */
export function parseTimeZone(text: string): string | null {
  // Temporal also takes offsets (`+05:30`) as zones; the contract says IANA names, whose days know daylight saving.
  if (!/^[A-Za-z][A-Za-z0-9_+\-/]{0,63}$/.test(text)) return null;
  try {
    return Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(text).timeZoneId;
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

export interface BucketRequest {
  readonly fromMs: number;
  readonly toMs: number;
  readonly granularity: Granularity;
  readonly timeZone: string;
  readonly weekStart: Weekday;
  /** The month (1 to 12) in which years, and so quarters, begin; 1 when absent. */
  readonly fiscalYearStart?: number;
}

/** Bucket i is [edgesMs[i], edgesMs[i + 1]). The first edge is `fromMs`, the last `toMs`, all ascending. */
export interface Buckets {
  readonly edgesMs: readonly number[];
  /** The range begins (ends) inside a calendar bucket, so that the first (last) one is only a part of it. */
  readonly firstClipped: boolean;
  readonly lastClipped: boolean;
}

/**
 * The calendar buckets that cover [fromMs, toMs), clipped to it. Days have 23, 24 or 25 hours (or 0: a skipped date has no
 * bucket); a day without a midnight begins at its first instant; a repeated hour is two buckets.
 *
 * @throws query-too-expensive when there would be more than BUCKETS_MAX
 */
export function bucketBoundaries(request: BucketRequest): Buckets {
  const { fromMs, toMs, granularity } = request;
  if (!(fromMs < toMs)) throw new Error(`Assertion failed: empty range [${fromMs}, ${toMs})`);
  const edgesMs = [fromMs];
  let firstClipped = true;
  let lastClipped = true;
  for (const edgeMs of calendarEdges(request)) {
    if (edgeMs <= fromMs) {
      firstClipped = edgeMs !== fromMs;
      continue;
    }
    if (edgeMs >= toMs) {
      lastClipped = edgeMs !== toMs;
      break;
    }
    if (edgeMs <= (edgesMs.at(-1) ?? fromMs)) continue;
    edgesMs.push(edgeMs);
    if (edgesMs.length > BUCKETS_MAX) throw tooManyBuckets(granularity);
  }
  edgesMs.push(toMs);
  return { edgesMs, firstClipped, lastClipped };
}

/** The first instant of the calendar bucket that contains the instant. */
export function bucketStartMs(
  instantMs: number,
  granularity: Granularity,
  timeZone: string,
  weekStart: Weekday,
  fiscalYearStart = 1,
): number {
  const zoned = toZoned(instantMs, timeZone);
  if (granularity !== 'minute' && granularity !== 'hour') {
    const start = periodStart(zoned.toPlainDate(), granularity, { weekStart, fiscalYearStart });
    return startOfDateMs(start, timeZone);
  }
  const widthMs = clockWidthMs(granularity);
  const aligned = alignedAtOrBefore(instantMs, offsetMs(zoned), widthMs);
  const spellStart = zoned.add({ nanoseconds: 1 }).getTimeZoneTransition('previous');
  if (spellStart === null || spellStart.epochMilliseconds <= aligned) return aligned;
  if (isClockEdgeAtTransition(spellStart, widthMs)) return spellStart.epochMilliseconds;
  return bucketStartMs(spellStart.epochMilliseconds - 1, granularity, timeZone, weekStart);
}

export function toZoned(instantMs: number, timeZone: string): Temporal.ZonedDateTime {
  return Temporal.Instant.fromEpochMilliseconds(instantMs).toZonedDateTimeISO(timeZone);
}

/** First instant of a calendar date; of the next one that exists when the zone skipped it. */
export function startOfDateMs(date: Temporal.PlainDate, timeZone: string): number {
  return date.toZonedDateTime(timeZone).epochMilliseconds;
}

/** Ascending (repeats possible where a zone skips a date), without end; begins at or before `fromMs` if it can. */
function calendarEdges(request: BucketRequest): Generator<number, void, undefined> {
  const { granularity } = request;
  return granularity === 'minute' || granularity === 'hour'
    ? clockEdges(request, clockWidthMs(granularity))
    : dateEdges(request, granularity);
}

type DateGranularity = Exclude<Granularity, 'minute' | 'hour'>;

const DATE_STEP: Readonly<Record<DateGranularity, { days: number } | { months: number }>> = {
  day: { days: 1 },
  week: { days: 7 },
  month: { months: 1 },
  quarter: { months: 3 },
  year: { months: 12 },
};

function* dateEdges(
  { fromMs, timeZone, weekStart, fiscalYearStart = 1 }: BucketRequest,
  granularity: DateGranularity,
): Generator<number, void, undefined> {
  const from = toZoned(fromMs, timeZone).toPlainDate();
  let date = periodStart(from, granularity, { weekStart, fiscalYearStart });
  for (;;) {
    yield startOfDateMs(date, timeZone);
    date = date.add(DATE_STEP[granularity]);
  }
}

/**
 * Minutes and hours are cut by the local clock: within a spell of one offset where the clock shows a whole minute or hour; at
 * a change of offset when the clock jumps to another hour, or back (the repeated time is a bucket of its own).
 */
function* clockEdges(
  { fromMs, timeZone }: BucketRequest,
  widthMs: number,
): Generator<number, void, undefined> {
  yield bucketStartMs(fromMs, widthMs === HOUR_MS ? 'hour' : 'minute', timeZone, 'monday');
  let spell: Temporal.ZonedDateTime | null = toZoned(fromMs, timeZone);
  let edgeMs = alignedAtOrBefore(fromMs, offsetMs(spell), widthMs) + widthMs;
  while (spell !== null) {
    const next: Temporal.ZonedDateTime | null = spell.getTimeZoneTransition('next');
    const endMs = next === null ? Number.POSITIVE_INFINITY : next.epochMilliseconds;
    for (; edgeMs < endMs; edgeMs += widthMs) yield edgeMs;
    if (next === null) return;
    if (isClockEdgeAtTransition(next, widthMs)) yield endMs;
    edgeMs = alignedAtOrBefore(endMs, offsetMs(next), widthMs) + widthMs;
    spell = next;
  }
}

/** @param transition the first instant of the new offset */
function isClockEdgeAtTransition(transition: Temporal.ZonedDateTime, widthMs: number): boolean {
  const atMs = transition.epochMilliseconds;
  const after = offsetMs(transition);
  const before = offsetMs(transition.subtract({ nanoseconds: 1 }));
  if (after < before) return true;
  return Math.floor((atMs + before - 1) / widthMs) !== Math.floor((atMs + after) / widthMs);
}

function alignedAtOrBefore(instantMs: number, offset: number, widthMs: number): number {
  return Math.floor((instantMs + offset) / widthMs) * widthMs - offset;
}

function offsetMs(zoned: Temporal.ZonedDateTime): number {
  return zoned.offsetNanoseconds / 1e6;
}

function clockWidthMs(granularity: 'minute' | 'hour'): number {
  return granularity === 'hour' ? HOUR_MS : MINUTE_MS;
}

function periodStart(
  date: Temporal.PlainDate,
  granularity: DateGranularity,
  { weekStart, fiscalYearStart }: { readonly weekStart: Weekday; readonly fiscalYearStart: number },
): Temporal.PlainDate {
  /** The first day of the period of so many months: periods are counted from the month in which the year begins. */
  const monthsStart = (months: number) =>
    date.with({ day: 1 }).subtract({ months: (date.month - fiscalYearStart + 12) % months });
  switch (granularity) {
    case 'day':
      return date;
    case 'week':
      return date.subtract({ days: (date.dayOfWeek - 1 - WEEKDAYS.indexOf(weekStart) + 7) % 7 });
    case 'month':
      return monthsStart(1);
    case 'quarter':
      return monthsStart(3);
    case 'year':
      return monthsStart(12);
  }
}

function tooManyBuckets(granularity: Granularity): AppError {
  return new AppError(
    'query-too-expensive',
    `The range holds more than ${BUCKETS_MAX} buckets of one ${granularity}: ask for a shorter range or a coarser granularity`,
  );
}
