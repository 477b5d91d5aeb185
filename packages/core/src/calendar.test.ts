import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { bucketBoundaries, bucketStartMs, BUCKETS_MAX, parseTimeZone } from './calendar.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from './clock.ts';
import { isAppError } from './errors.ts';
import { GRANULARITIES, WEEKDAYS, type Granularity, type Weekday } from './query.ts';

const at = (text: string) => Date.parse(text);

function edges(
  from: string,
  to: string,
  granularity: Granularity,
  timeZone: string,
  weekStart: Weekday = 'monday',
): string[] {
  const buckets = bucketBoundaries({ fromMs: at(from), toMs: at(to), granularity, timeZone, weekStart });
  return buckets.edgesMs.map((edge) => new Date(edge).toISOString().replace(':00.000Z', 'Z'));
}

/**
 * The oracle knows nothing of Temporal: it asks Intl what the wall clock shows and looks for the instants at which the label of
 * the period changes (or, for clock units, the wall clock jumps back).
 */
const formatters = new Map<string, Intl.DateTimeFormat>();

/** What the clock of the zone shows, as if it were UTC. */
function wallMs(instantMs: number, timeZone: string): number {
  let formatter = formatters.get(timeZone);
  if (formatter === undefined) {
    formatter = new Intl.DateTimeFormat('en-US', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    formatters.set(timeZone, formatter);
  }
  const found = formatter.format(instantMs).match(/\d+/g) ?? [];
  const [month = 0, day = 0, year = 0, hour = 0, minute = 0, second = 0] = found.map(Number);
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

interface Calendar {
  readonly granularity: Granularity;
  readonly timeZone: string;
  readonly weekStart: Weekday;
  readonly fiscalYearStart: number;
}

/** A number that is the same within a period and greater in later ones. */
function label(wall: number, { granularity, weekStart, fiscalYearStart }: Calendar): number {
  const dayNumber = Math.floor(wall / DAY_MS);
  const shown = new Date(wall);
  const months = shown.getUTCFullYear() * 12 + shown.getUTCMonth() + 1 - fiscalYearStart;
  switch (granularity) {
    case 'minute':
      return Math.floor(wall / MINUTE_MS);
    case 'hour':
      return Math.floor(wall / HOUR_MS);
    case 'day':
      return dayNumber;
    case 'week':
      // 1970-01-01 was a Thursday, 3 days after a Monday.
      return Math.floor((dayNumber + 3 - WEEKDAYS.indexOf(weekStart)) / 7);
    case 'month':
      return months;
    case 'quarter':
      return Math.floor(months / 3);
    case 'year':
      return Math.floor(months / 12);
  }
}

function expectedEdges(fromMs: number, toMs: number, calendar: Calendar): number[] {
  const { granularity, timeZone } = calendar;
  const wallAt = (ms: number) => wallMs(ms, timeZone);
  const found = [fromMs];
  // Liberia was 44 minutes and 30 seconds behind until 1972.
  const clockStep = timeZone === 'Africa/Monrovia' ? MINUTE_MS / 2 : MINUTE_MS;
  if (granularity === 'minute' || granularity === 'hour') {
    const first = Math.ceil((fromMs + 1) / clockStep) * clockStep;
    let before = wallAt(first - clockStep);
    for (let ms = first; ms < toMs; ms += clockStep) {
      const wall = wallAt(ms);
      if (wall < before || label(wall, calendar) !== label(before, calendar)) found.push(ms);
      before = wall;
    }
    return [...found, toMs];
  }
  // A period begins once: where the clock goes back over midnight, what is shown twice belongs to the later one.
  let latest = label(wallAt(fromMs), calendar);
  let wallLow = wallAt(fromMs);
  for (let low = fromMs; low < toMs; ) {
    const high = Math.min(low + DAY_MS, toMs);
    const wallHigh = wallAt(high);
    if (wallHigh - wallLow !== high - low) {
      for (let ms = Math.ceil((low + 1) / clockStep) * clockStep; ms <= high && ms < toMs; ms += clockStep) {
        if (label(wallAt(ms), calendar) <= latest) continue;
        latest = label(wallAt(ms), calendar);
        found.push(ms);
      }
    } else if (label(wallHigh, calendar) > latest) {
      // One offset: the clock advances with time, so midnight of the label's first day is known.
      latest = label(wallHigh, calendar);
      const midnight = Math.floor(wallHigh / DAY_MS) * DAY_MS;
      const edge = high - (wallHigh - midnight);
      if (edge < toMs) found.push(edge);
    }
    low = high;
    wallLow = wallHigh;
  }
  return [...found, toMs];
}

const ZONES = Intl.supportedValuesOf('timeZone');
const LAST_MS = at('2037-12-31T00:00:00Z');

const SPAN_DAYS: Readonly<Record<Granularity, number>> = {
  minute: 0.2,
  hour: 1.5,
  day: 12,
  week: 40,
  month: 100,
  quarter: 300,
  year: 900,
};

describe('bucketBoundaries', () => {
  it('agrees with an oracle made of Intl alone, in every zone, from 1970 to 2037, at random instants and at changes of the clock', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...ZONES),
        fc.record({
          granularity: fc.constantFrom(...GRANULARITIES),
          weekStart: fc.constantFrom(...WEEKDAYS),
          fiscalYearStart: fc.integer({ min: 1, max: 12 }),
        }),
        fc.boolean(),
        fc.nat(),
        fc.integer({ min: 0, max: LAST_MS / MINUTE_MS }),
        fc.double({ min: 0.05, max: 1, noNaN: true }),
        (timeZone, how, nearChange, pick, minutes, share) => {
          const { granularity, weekStart, fiscalYearStart } = how;
          const span = Math.ceil((SPAN_DAYS[granularity] * share * DAY_MS) / MINUTE_MS) * MINUTE_MS;
          const changes = nearChange ? clockChanges(timeZone) : [];
          const change = changes[pick % Math.max(1, changes.length)];
          const wanted =
            change === undefined
              ? minutes * MINUTE_MS
              : change - Math.floor(((pick % 97) / 97) * (span / MINUTE_MS)) * MINUTE_MS;
          const fromMs = Math.max(0, Math.min(wanted, LAST_MS - span));
          const toMs = fromMs + span;
          const { edgesMs } = bucketBoundaries({ fromMs, toMs, timeZone, ...how });
          expect(edgesMs).toEqual(expectedEdges(fromMs, toMs, { timeZone, ...how }));
          const inside = edgesMs[1] ?? toMs;
          if (inside < toMs) {
            const startOf = (ms: number) =>
              bucketStartMs(ms, granularity, timeZone, weekStart, fiscalYearStart);
            expect(startOf(inside)).toBe(inside);
            expect(startOf(inside - 1)).toBeLessThan(inside);
          }
        },
      ),
      { numRuns: 500 },
    );
  }, 60_000);

  it('gives days of 23 and 25 hours', () => {
    expect(edges('2024-03-30T23:00:00Z', '2024-04-01T22:00:00Z', 'day', 'Europe/Berlin')).toEqual([
      '2024-03-30T23:00Z',
      '2024-03-31T22:00Z',
      '2024-04-01T22:00Z',
    ]);
    expect(edges('2024-11-03T04:00:00Z', '2024-11-05T05:00:00Z', 'day', 'America/New_York')).toEqual([
      '2024-11-03T04:00Z',
      '2024-11-04T05:00Z',
      '2024-11-05T05:00Z',
    ]);
  });

  it('begins a day without a midnight at its first instant', () => {
    expect(edges('2018-11-03T03:00:00Z', '2018-11-05T02:00:00Z', 'day', 'America/Sao_Paulo')).toEqual([
      '2018-11-03T03:00Z',
      '2018-11-04T03:00Z',
      '2018-11-05T02:00Z',
    ]);
    expect(edges('2024-03-30T22:00:00Z', '2024-03-31T21:00:00Z', 'day', 'Asia/Beirut')).toHaveLength(2);
  });

  it('has no bucket for a date that a zone skipped', () => {
    expect(edges('2011-12-29T10:00:00Z', '2012-01-01T10:00:00Z', 'day', 'Pacific/Apia')).toEqual([
      '2011-12-29T10:00Z',
      '2011-12-30T10:00Z',
      '2011-12-31T10:00Z',
      '2012-01-01T10:00Z',
    ]);
  });

  it('makes two buckets of a repeated hour, and one of half an hour where the clock shifts by half', () => {
    expect(edges('2024-10-27T00:00:00Z', '2024-10-27T03:00:00Z', 'hour', 'Europe/Berlin')).toHaveLength(4);
    expect(edges('2024-04-06T14:00:00Z', '2024-04-06T16:30:00Z', 'hour', 'Australia/Lord_Howe')).toEqual([
      '2024-04-06T14:00Z',
      '2024-04-06T15:00Z',
      '2024-04-06T15:30Z',
      '2024-04-06T16:30Z',
    ]);
  });

  it('begins quarters and years in the month in which the fiscal year does', () => {
    const from = at('2024-01-01T00:00:00Z');
    const of = (granularity: Granularity, fiscalYearStart: number) =>
      bucketBoundaries({
        fromMs: from,
        toMs: at('2025-01-01T00:00:00Z'),
        granularity,
        timeZone: 'UTC',
        weekStart: 'monday',
        fiscalYearStart,
      }).edgesMs.map((edge) => new Date(edge).toISOString().slice(0, 7));
    expect(of('year', 4)).toEqual(['2024-01', '2024-04', '2025-01']);
    expect(of('quarter', 2)).toEqual(['2024-01', '2024-02', '2024-05', '2024-08', '2024-11', '2025-01']);
    expect(of('month', 4)).toEqual(of('month', 1));
    expect(bucketStartMs(from, 'year', 'UTC', 'monday', 12)).toBe(at('2023-12-01T00:00:00Z'));
    expect(bucketStartMs(from, 'quarter', 'UTC', 'monday', 12)).toBe(at('2023-12-01T00:00:00Z'));
  });

  it('says which end is clipped', () => {
    const whole = { granularity: 'day', timeZone: 'Asia/Kathmandu', weekStart: 'monday' } as const;
    const start = at('2024-02-28T18:15:00Z');
    const buckets = bucketBoundaries({ ...whole, fromMs: start, toMs: start + 2 * DAY_MS });
    expect(buckets).toEqual({
      edgesMs: [start, start + DAY_MS, start + 2 * DAY_MS],
      firstClipped: false,
      lastClipped: false,
    });
    const inside = bucketBoundaries({ ...whole, fromMs: start + 1, toMs: start + 2 });
    expect(inside).toEqual({ edgesMs: [start + 1, start + 2], firstClipped: true, lastClipped: true });
  });

  it('refuses more than its limit of buckets, with a hint', () => {
    const ask = (buckets: number) =>
      bucketBoundaries({
        fromMs: 0,
        toMs: buckets * MINUTE_MS,
        granularity: 'minute',
        timeZone: 'UTC',
        weekStart: 'monday',
      });
    expect(ask(BUCKETS_MAX).edgesMs).toHaveLength(BUCKETS_MAX + 1);
    let caught: unknown;
    try {
      ask(BUCKETS_MAX + 1);
    } catch (error) {
      caught = error;
    }
    expect(isAppError(caught, 'query-too-expensive')).toBe(true);
    expect(String(caught)).toContain('coarser granularity');
  });
});

describe('parseTimeZone', () => {
  it.each([
    ['europe/berlin', 'Europe/Berlin'],
    ['UTC', 'UTC'],
    ['Asia/Calcutta', 'Asia/Calcutta'],
    ['Etc/GMT+5', 'Etc/GMT+5'],
    ['+05:30', null],
    ['Mars/Olympus', null],
    ['', null],
    ['Europe/Berlin; DROP', null],
  ])('%s -> %s', (text, zone) => {
    expect(parseTimeZone(text)).toBe(zone);
  });
});

const changesOf = new Map<string, readonly number[]>();

/** Instants (whole minutes) at which the zone's offset changed, 1970-2037. */
function clockChanges(timeZone: string): readonly number[] {
  const known = changesOf.get(timeZone);
  if (known !== undefined) return known;
  const offset = (ms: number) => wallMs(ms, timeZone) - ms;
  const found: number[] = [];
  for (let ms = 0; ms < LAST_MS; ms += 20 * DAY_MS) {
    if (offset(ms) === offset(ms + 20 * DAY_MS)) continue;
    let before = ms;
    let after = ms + 20 * DAY_MS;
    while (after - before > MINUTE_MS) {
      const middle = Math.floor((before + after) / 2 / MINUTE_MS) * MINUTE_MS;
      if (offset(middle) === offset(before)) before = middle;
      else after = middle;
    }
    found.push(after);
  }
  changesOf.set(timeZone, found);
  return found;
}
