import { describe, expect, it } from '@jest/globals';
import { comparisonShift, parseInstant, shiftBack } from './calendar-range.ts';

const at = (text: string) => Date.parse(text);
const NOW = at('2024-03-31T12:34:56.789Z');

function parsed(text: string, timeZone = 'Europe/Berlin'): string {
  const found = parseInstant(text, { nowMs: NOW, timeZone, weekStart: 'monday' });
  return found.ok ? new Date(found.instantMs).toISOString() : found.detail;
}

describe('a fiscal year', () => {
  const fiscal = (text: string, fiscalYearStart: number) => {
    const found = parseInstant(text, { nowMs: NOW, timeZone: 'UTC', weekStart: 'monday', fiscalYearStart });
    return found.ok ? found.instantMs : found.detail;
  };

  it.each([
    ['now/y', 4, '2023-04-01'],
    ['now/y', 3, '2024-03-01'],
    ['now-1y/y', 3, '2023-03-01'],
    ['now/Q', 2, '2024-02-01'],
    ['now-1Q/Q', 3, '2023-12-01'],
    ['now/M', 7, '2024-03-01'],
  ])('%s, begun in month %i, is %s', (text, month, date) => {
    expect(fiscal(text, month)).toBe(at(`${date}T00:00:00Z`));
  });

  it('is compared with the one before it', () => {
    const range = { fromMs: at('2023-04-01T00:00:00Z'), toMs: at('2024-04-01T00:00:00Z') };
    const shift = comparisonShift('previous_period', range, 'UTC');
    expect(shiftBack(range.fromMs, shift, 'UTC')).toBe(at('2022-04-01T00:00:00Z'));
    const quarter = { fromMs: at('2024-02-01T00:00:00Z'), toMs: at('2024-05-01T00:00:00Z') };
    const back = comparisonShift('previous_period', quarter, 'UTC');
    expect(shiftBack(quarter.fromMs, back, 'UTC')).toBe(at('2023-11-01T00:00:00Z'));
  });
});

describe('parseInstant', () => {
  it.each([
    ['2023-11-16T00:00:00Z', '2023-11-16T00:00:00.000Z'],
    ['2023-11-16T05:30:00.25+05:30', '2023-11-16T00:00:00.250Z'],
    ['2023-11-16T00:00Z', '2023-11-16T00:00:00.000Z'],
    ['2024-03-31', '2024-03-30T23:00:00.000Z'],
    ['2024-04-01', '2024-03-31T22:00:00.000Z'],
    ['now', '2024-03-31T12:34:56.789Z'],
    ['now-90m', '2024-03-31T11:04:56.789Z'],
    // The clock went forward that night: a calendar day is 23 hours, 24 hours are 24.
    ['now-1d', '2024-03-30T13:34:56.789Z'],
    ['now-24h', '2024-03-30T12:34:56.789Z'],
    ['now/d', '2024-03-30T23:00:00.000Z'],
    ['now-1M/M', '2024-01-31T23:00:00.000Z'],
    ['now-1M', '2024-02-29T13:34:56.789Z'],
    ['now/w', '2024-03-24T23:00:00.000Z'],
    ['now/Q', '2023-12-31T23:00:00.000Z'],
    ['now-1y/y+0d', 'is neither'],
    ['now/h', '2024-03-31T12:00:00.000Z'],
    ['now-1d+2h', '2024-03-30T15:34:56.789Z'],
  ])('%s', (text, expected) => {
    expect(parsed(text)).toContain(expected);
  });

  it('takes the first instant of a day without a midnight', () => {
    expect(parsed('2018-11-04', 'America/Sao_Paulo')).toBe('2018-11-04T03:00:00.000Z');
  });

  it.each([
    ['2023-02-30', 'not a date and time that exists'],
    ['2023-11-16T25:00:00Z', 'not a date and time that exists'],
    ['2023-11-16T00:00:00', 'is neither'],
    ['2023-11-16T00:00:00.1234Z', 'finer than a millisecond'],
    ['1969-12-31', 'outside'],
    ['9999-01-01', 'outside'],
    ['now-99999y', 'outside'],
    ['yesterday', 'is neither'],
    ['', 'is neither'],
    ['now-', 'is neither'],
  ])('refuses %j', (text, detail) => {
    expect(parsed(text, 'UTC')).toContain(detail);
  });
});

describe('the compared range', () => {
  function compared(
    kind: 'previous_period' | 'previous_year',
    from: string,
    to: string,
    timeZone = 'Europe/Berlin',
  ) {
    const range = { fromMs: at(from), toMs: at(to) };
    const shift = comparisonShift(kind, range, timeZone);
    return [range.fromMs, range.toMs].map((ms) => new Date(shiftBack(ms, shift, timeZone)).toISOString());
  }

  it.each([
    // A week of local days, one of which has 23 hours.
    [
      '2024-03-27T23:00:00Z',
      '2024-04-03T22:00:00Z',
      ['2024-03-20T23:00:00.000Z', '2024-03-27T23:00:00.000Z'],
    ],
    // A whole month goes to the whole month before.
    [
      '2024-02-29T23:00:00Z',
      '2024-03-31T22:00:00Z',
      ['2024-01-31T23:00:00.000Z', '2024-02-29T23:00:00.000Z'],
    ],
    // The last 24 local hours: the same clock a day earlier.
    [
      '2024-04-01T10:00:00Z',
      '2024-04-02T10:00:00Z',
      ['2024-03-31T10:00:00.000Z', '2024-04-01T10:00:00.000Z'],
    ],
    // Ninety minutes: the ninety minutes before.
    [
      '2024-04-01T10:00:00Z',
      '2024-04-01T11:30:00Z',
      ['2024-04-01T08:30:00.000Z', '2024-04-01T10:00:00.000Z'],
    ],
  ])('previous period of %s to %s', (from, to, expected) => {
    expect(compared('previous_period', from, to)).toEqual(expected);
  });

  it('previous year keeps local dates, and 29 February becomes the 28th', () => {
    expect(compared('previous_year', '2024-02-28T23:00:00Z', '2024-02-29T23:00:00Z')).toEqual([
      '2023-02-27T23:00:00.000Z',
      '2023-02-28T23:00:00.000Z',
    ]);
  });
});
