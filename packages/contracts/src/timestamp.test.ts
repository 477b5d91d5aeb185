import fc from 'fast-check';
import { describe, expect, it } from '@jest/globals';
import { parseTimestamp } from './timestamp.ts';

describe('parseTimestamp', () => {
  it.each([
    ['2026-01-02T03:04:05Z', '2026-01-02T03:04:05Z'],
    ['2026-01-02t03:04:05z', '2026-01-02T03:04:05Z'],
    ['2026-01-02T03:04:05.123456789Z', '2026-01-02T03:04:05.123456789Z'],
    ['2026-01-02T03:04:05.10+05:45', '2026-01-01T21:19:05.10Z'],
    ['2025-12-31T23:59:59-00:30', '2026-01-01T00:29:59Z'],
    ['2024-02-29T00:00:00+00:00', '2024-02-29T00:00:00Z'],
    ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00Z'],
  ])('takes %s as %s', (text, normalised) => {
    const parsed = parseTimestamp(text);
    expect(parsed?.text).toBe(normalised);
    expect(parsed?.ms).toBe(Math.floor(Date.parse(normalised.replace(/(\.\d{3})\d+/, '$1'))));
  });

  it.each([
    ['no offset', '2026-01-02T03:04:05'],
    ['a date', '2026-01-02'],
    ['a space for T', '2026-01-02 03:04:05Z'],
    ['a leap second', '2016-12-31T23:59:60Z'],
    ['the 30th of February', '2024-02-30T00:00:00Z'],
    ['the 29th of February of 1900', '1900-02-29T00:00:00Z'],
    ['hour 24', '2026-01-02T24:00:00Z'],
    ['an empty fraction', '2026-01-02T03:04:05.Z'],
    ['ten decimals', '2026-01-02T03:04:05.1234567890Z'],
    ['an offset without colon', '2026-01-02T03:04:05+0100'],
    ['an offset of 24 hours', '2026-01-02T03:04:05+24:00'],
    ['something after the end', '2026-01-02T03:04:05Zx'],
    ['full-width digits', '２026-01-02T03:04:05Z'],
    ['nothing', ''],
  ])('refuses %s: %s', (_what, text) => {
    expect(parseTimestamp(text)).toBeNull();
  });

  it('agrees with Date on every instant and offset', () => {
    const offsets = fc.integer({ min: -14 * 60, max: 14 * 60 });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: Date.UTC(2100, 0, 1) }), offsets, (ms, offset) => {
        const wall = new Date(ms + offset * 60_000).toISOString().slice(0, -1);
        const [hours, minutes] = [Math.trunc(Math.abs(offset) / 60), Math.abs(offset) % 60];
        const sign = offset < 0 ? '-' : '+';
        const text = `${wall}${sign}${String(hours).padStart(2, '0')}:${String(minutes).padStart(2, '0')}`;
        expect(parseTimestamp(text)).toEqual({ ms, text: new Date(ms).toISOString() });
      }),
    );
  });
});
