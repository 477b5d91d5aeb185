import { describe, expect, it } from '@jest/globals';
import { bucketBoundaries, DAY_MS, GRANULARITIES, HOUR_MS, MINUTE_MS, WEEKDAYS } from '@tidemark/core';
import fc from 'fast-check';
import { bucketAxis } from './bucket-axis.ts';

const at = (text: string) => Date.parse(text);

describe('bucketAxis', () => {
  it('puts every instant into the bucket it lies in, in any zone', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('UTC', 'Europe/Berlin', 'Asia/Kathmandu', 'Australia/Lord_Howe', 'America/Sao_Paulo'),
        fc.constantFrom(...GRANULARITIES.slice(1)),
        fc.integer({ min: at('2000-01-01T00:00:00Z'), max: at('2025-01-01T00:00:00Z') }),
        fc.integer({ min: 1, max: 100 * DAY_MS }),
        fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { minLength: 5, maxLength: 5 }),
        (timeZone, granularity, fromMs, lengthMs, shares) => {
          const range = { fromMs, toMs: fromMs + lengthMs, granularity, timeZone, weekStart: WEEKDAYS[0] };
          const { edgesMs } = bucketBoundaries(range);
          const { baseMs, unitMs, starts } = bucketAxis(edgesMs.slice(0, -1));
          expect(starts.every(Number.isInteger)).toBe(true);
          const probes = [
            ...edgesMs.slice(0, -1),
            ...shares.map((share) => fromMs + Math.floor(share * lengthMs)),
          ];
          const found = probes.map((probeMs) => {
            const units = Math.trunc((probeMs - baseMs) / unitMs);
            return starts.findLastIndex((start) => start <= units);
          });
          expect(found).toEqual(
            probes.map((probeMs) => edgesMs.slice(0, -1).findLastIndex((edge) => edge <= probeMs)),
          );
        },
      ),
      { numRuns: 200, seed: 5 },
    );
  });

  it('needs few digits', () => {
    const minutes = Array.from(
      { length: 11_000 },
      (_, index) => at('2024-03-01T00:00:00Z') + index * MINUTE_MS,
    );
    minutes[0] = (minutes[0] ?? 0) + 1;
    expect(bucketAxis(minutes)).toMatchObject({ unitMs: MINUTE_MS, starts: { length: 11_000 } });
    expect(bucketAxis([0, 3 * HOUR_MS])).toEqual({ baseMs: 0, unitMs: 3 * HOUR_MS, starts: [0, 1] });
    expect(bucketAxis([7])).toEqual({ baseMs: 7, unitMs: 1, starts: [0] });
  });
});
