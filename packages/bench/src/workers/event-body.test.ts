import { describe, expect, it } from '@jest/globals';
import { DAY_MS } from '@tidemark/core';
import { createEventBody } from './event-body.ts';

interface SentEvent {
  readonly id: string;
  readonly source: string;
  readonly time: string;
  readonly data: object;
}

const NOW_MS = Date.UTC(2026, 0, 2, 3, 4, 5, 6);

function parse(body: Buffer): SentEvent[] {
  const parsed = JSON.parse(body.toString()) as SentEvent | SentEvent[];
  return Array.isArray(parsed) ? parsed : [parsed];
}

describe('createEventBody', () => {
  it('numbers the events anew at each stamp and leaves the rest', () => {
    const body = createEventBody({
      eventsPerRequest: 3,
      source: '/bench/"quoted"',
      seed: 1,
      times: { kind: 'now' },
    });
    const first = parse(body.stamp(7, NOW_MS));
    const second = parse(body.stamp(123_456_789, NOW_MS + 1));
    expect(first.map(({ id }) => id)).toEqual(['000000000007', '000000000008', '000000000009']);
    expect(second[0]).toMatchObject({
      id: '000123456789',
      source: '/bench/"quoted"',
      time: '2026-01-02T03:04:05.007Z',
      data: first[0]?.data,
    });
  });

  it('sends one event without an array', () => {
    const options = { eventsPerRequest: 1, source: '/one', seed: 1, times: { kind: 'now' } } as const;
    expect(createEventBody(options).stamp(0, NOW_MS).toString()).toMatch(/^\{.*\}$/);
  });

  it('gives the same data for the same seed, other data for another', () => {
    const options = { eventsPerRequest: 5, source: '/s', times: { kind: 'now' } } as const;
    const textOf = (seed: number): string =>
      createEventBody({ ...options, seed })
        .stamp(0, NOW_MS)
        .toString();
    expect(textOf(1)).toBe(textOf(1));
    expect(textOf(1)).not.toBe(textOf(2));
  });

  it('spreads past events over the year before the end, most of them over its last day', () => {
    const times = { kind: 'past-year', endMs: NOW_MS } as const;
    const body = createEventBody({ eventsPerRequest: 10_000, source: '/s', seed: 1, times });
    const agesMs = parse(body.stamp(0, NOW_MS)).map(({ time }) => NOW_MS - Date.parse(time));
    expect(Math.min(...agesMs)).toBeGreaterThan(0);
    expect(Math.max(...agesMs)).toBeLessThan(366 * DAY_MS);
    expect(agesMs.filter((age) => age <= DAY_MS)).toHaveLength(9_000);
  });
});
