import { describe, expect, it } from '@jest/globals';
import {
  DEFAULT_ORGANIZATION_SETTINGS,
  ORGANIZATION_LIMIT_BOUNDS,
  parseOrganizationSettings,
} from './organization.ts';

function pointersOf(value: unknown): readonly string[] {
  try {
    parseOrganizationSettings(value);
  } catch (error) {
    return (error as { faults: readonly { pointer: string }[] }).faults.map(({ pointer }) => pointer);
  }
  return [];
}

describe('the settings of an organization', () => {
  it('are the defaults where they say nothing', () => {
    expect(parseOrganizationSettings({})).toEqual(DEFAULT_ORGANIZATION_SETTINGS);
  });

  it('are kept in one spelling, and read back as they are', () => {
    const settings = parseOrganizationSettings({
      enabledPacks: ['llm', 'http', 'llm'],
      limits: { requestsPer10s: 5, timeoutMs: 1_000 },
      fiscalYearStart: 12,
      timeZone: 'europe/berlin',
      weekStart: 'sunday',
    });
    expect(settings).toEqual({
      enabledPacks: ['http', 'llm'],
      limits: { requestsPer10s: 5, timeoutMs: 1_000 },
      fiscalYearStart: 12,
      timeZone: 'Europe/Berlin',
      weekStart: 'sunday',
    });
    expect(parseOrganizationSettings(settings)).toEqual(settings);
  });

  it('are refused with every fault at once', () => {
    expect(
      pointersOf({
        enabledPacks: ['', 1],
        limits: { requestsPer10s: 0, timeoutMs: 1.5, rows: 1 },
        fiscalYearStart: 13,
        timeZone: '+05:30',
        weekStart: 'someday',
        role: 'admin',
      }),
    ).toEqual([
      '/role',
      '/enabledPacks',
      '/limits/rows',
      '/limits/requestsPer10s',
      '/limits/timeoutMs',
      '/fiscalYearStart',
      '/timeZone',
      '/weekStart',
    ]);
  });

  it.each([null, [], 'text', 1, undefined])('are an object, not %j', (value) => {
    expect(pointersOf(value)).toContain('');
  });

  it('hold limits within their bounds, both ends included', () => {
    for (const [name, { minimum, maximum }] of Object.entries(ORGANIZATION_LIMIT_BOUNDS)) {
      for (const value of [minimum, maximum]) expect(pointersOf({ limits: { [name]: value } })).toEqual([]);
      for (const value of [minimum - 1, maximum + 1]) {
        expect(pointersOf({ limits: { [name]: value } })).toEqual([`/limits/${name}`]);
      }
    }
  });
});
