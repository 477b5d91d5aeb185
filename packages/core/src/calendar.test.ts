import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { bucketBoundaries, bucketStartMs, BUCKETS_MAX, parseTimeZone } from './calendar.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from './clock.ts';
import { isAppError } from './errors.ts';
import { WEEKDAYS, type Granularity, type Weekday } from './query.ts';

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
function wallClock(instantMs: number, timeZone: string): number[] {
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
  return [year, month, day, hour, minute, second];
}

function label(instantMs: number, granularity: Granularity, timeZone: string, weekStart: Weekday): number {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0] = wallClock(instantMs, timeZone);
  const dayNumber = Date.UTC(year, month - 1, day) / DAY_MS;
  switch (granularity) {
    case 'minute':
      return (dayNumber * 24 + hour) * 60 + minute;
    case 'hour':
      return dayNumber * 24 + hour;
    case 'day':
      return dayNumber;
    case 'week':
      // 1970-01-01 was a Thursday, 3 days after a Monday.
      return Math.floor((dayNumber + 3 - WEEKDAYS.indexOf(weekStart)) / 7);
    case 'month':
      return year * 12 + month - 1;
    case 'quarter':
      return year * 4 + Math.floor((month - 1) / 3);
    case 'year':
      return year;
  }
}

function wallMs(instantMs: number, timeZone: string): number {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = wallClock(instantMs, timeZone);
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

function expectedEdges(
  fromMs: number,
  toMs: number,
  granularity: Granularity,
  timeZone: string,
  weekStart: Weekday,
): number[] {
  const isClock = granularity === 'minute' || granularity === 'hour';
  const labelAt = (ms: number) => label(ms, granularity, timeZone, weekStart);
  const found = [fromMs];
  if (isClock) {
    for (let ms = Math.ceil((fromMs + 1) / MINUTE_MS) * MINUTE_MS; ms < toMs; ms += MINUTE_MS) {
      const wentBack = wallMs(ms, timeZone) < wallMs(ms - MINUTE_MS, timeZone);
      if (wentBack || labelAt(ms) !== labelAt(ms - 1)) found.push(ms);
    }
    return [...found, toMs];
  }
  const step = 6 * HOUR_MS;
  for (let low = fromMs; low < toMs - 1; low = Math.min(low + step, toMs - 1)) {
    const high = Math.min(low + step, toMs - 1);
    if (labelAt(low) === labelAt(high)) continue;
    let before = low;
    let after = high;
    while (after - before > 1) {
      const middle = Math.floor((before + after) / 2);
      if (labelAt(middle) === labelAt(low)) before = middle;
      else after = middle;
    }
    found.push(after);
  }
  return [...found, toMs];
}

const ZONES = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'Asia/Kolkata',
  'Asia/Kathmandu',
  'Pacific/Chatham',
  'Australia/Lord_Howe',
  'America/Sao_Paulo',
  'Asia/Beirut',
  'America/Havana',
  'Africa/Casablanca',
  'America/St_Johns',
  'Asia/Tehran',
  'Pacific/Apia',
  'Asia/Gaza',
  'Antarctica/Troll',
];

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
  it('agrees with an oracle made of Intl alone, in many zones, at random instants and at changes of the clock', () => {
    const changesOf = new Map(ZONES.map((zone) => [zone, clockChanges(zone)]));
    fc.assert(
      fc.property(
        fc.constantFrom(...ZONES),
        fc.constantFrom<Granularity>(
          'minute',
          'hour',
          'hour',
          'day',
          'day',
          'week',
          'month',
          'quarter',
          'year',
        ),
        fc.constantFrom(...WEEKDAYS),
        fc.boolean(),
        fc.nat(),
        fc.integer({
          min: at('1990-01-01T00:00:00Z') / MINUTE_MS,
          max: at('2030-01-01T00:00:00Z') / MINUTE_MS,
        }),
        fc.double({ min: 0.05, max: 1, noNaN: true }),
        (timeZone, granularity, weekStart, nearChange, pick, minutes, share) => {
          const span = Math.ceil((SPAN_DAYS[granularity] * share * DAY_MS) / MINUTE_MS) * MINUTE_MS;
          const changes = changesOf.get(timeZone) ?? [];
          const change = changes[pick % Math.max(1, changes.length)];
          const fromMs =
            nearChange && change !== undefined
              ? change - Math.floor(((pick % 97) / 97) * (span / MINUTE_MS)) * MINUTE_MS
              : minutes * MINUTE_MS;
          const toMs = fromMs + span;
          const { edgesMs } = bucketBoundaries({ fromMs, toMs, granularity, timeZone, weekStart });
          expect(edgesMs).toEqual(expectedEdges(fromMs, toMs, granularity, timeZone, weekStart));
          const inside = edgesMs[1] ?? toMs;
          if (inside < toMs) {
            expect(bucketStartMs(inside, granularity, timeZone, weekStart)).toBe(inside);
            expect(bucketStartMs(inside - 1, granularity, timeZone, weekStart)).toBeLessThan(inside);
          }
        },
      ),
      { numRuns: 400, seed: 7 },
    );
  });

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

/** Instants (whole minutes) at which the zone's offset changed, 1990-2030. */
function clockChanges(timeZone: string): number[] {
  const offset = (ms: number) => wallMs(ms, timeZone) - ms;
  const found: number[] = [];
  const end = at('2030-01-01T00:00:00Z');
  for (let ms = at('1990-01-01T00:00:00Z'); ms < end; ms += 20 * DAY_MS) {
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
  return found;
}
