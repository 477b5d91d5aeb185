import { describe, expect, it } from '@jest/globals';
import { DAY_MS, HOUR_MS, MINUTE_MS, parseInstant } from '@tidemark/core';
import { rangeAtTick } from './tick.ts';

function resolve(from: string, to: string, now: string, timeZone = 'UTC') {
  const context = { nowMs: Date.parse(now), timeZone, weekStart: 'monday' as const };
  const ends = [from, to].map((text) => {
    const parsed = parseInstant(text, context);
    if (!parsed.ok) throw new Error(parsed.detail);
    return parsed.instantMs;
  });
  const exact = { fromMs: ends[0] as number, toMs: ends[1] as number };
  const { fromMs, toMs, nowMs } = rangeAtTick({ from, to }, context, exact);
  return [fromMs, toMs, nowMs].map((ms) => new Date(ms).toISOString());
}

describe('the tick of a range', () => {
  it.each([
    ['now-10m', 'now', '2026-01-15T11:50:02.000Z', '2026-01-15T12:00:02.000Z'],
    ['now-6h', 'now', '2026-01-15T06:00:05.000Z', '2026-01-15T12:00:05.000Z'],
    ['now-2d', 'now', '2026-01-13T12:00:30.000Z', '2026-01-15T12:00:30.000Z'],
    ['now-30d', 'now', '2025-12-16T12:01:00.000Z', '2026-01-15T12:01:00.000Z'],
  ])('of %s to %s grows with it', (from, to, fromIso, toIso) => {
    expect(resolve(from, to, '2026-01-15T12:00:01.234Z')).toEqual([fromIso, toIso, toIso]);
    expect(resolve(from, to, '2026-01-15T12:00:01.900Z')).toEqual([fromIso, toIso, toIso]);
  });

  it('leaves an instant on the tick where it is', () => {
    expect(resolve('now-1h', 'now', '2026-01-15T12:00:05.000Z')[1]).toBe('2026-01-15T12:00:05.000Z');
  });

  it('does not move what is absolute, or truncated', () => {
    expect(resolve('2026-01-01', 'now/h', '2026-01-15T12:59:59.999Z').slice(0, 2)).toEqual([
      '2026-01-01T00:00:00.000Z',
      '2026-01-15T12:00:00.000Z',
    ]);
  });

  it('keeps today today in the last seconds before midnight', () => {
    expect(resolve('now/d', 'now', '2026-01-15T23:59:45.000Z')).toEqual([
      '2026-01-15T00:00:00.000Z',
      '2026-01-16T00:00:00.000Z',
      '2026-01-16T00:00:00.000Z',
    ]);
  });

  it('never empties a range that holds something', () => {
    const [from = '', to = ''] = resolve('now', '2026-01-15T12:00:01.500Z', '2026-01-15T12:00:01.234Z');
    expect(Date.parse(from)).toBeLessThan(Date.parse(to));
  });

  it('lets a range lose at most a tick at its start', () => {
    const nowMs = Date.parse('2026-01-15T12:00:01.234Z');
    for (const [text, lengthMs] of [
      ['now-1h', HOUR_MS],
      ['now-1d', DAY_MS],
    ] as const) {
      const [from = ''] = resolve(text, 'now', new Date(nowMs).toISOString());
      expect(Date.parse(from) - (nowMs - lengthMs)).toBeLessThan(MINUTE_MS);
    }
  });
});
