import { describe, expect, it } from '@jest/globals';
import { DAY_MS, HOUR_MS, MINUTE_MS, type OrganizationId, parseOrganizationId } from '@tidemark/core';
import fc from 'fast-check';
import { FlushIndex } from './flush-index.ts';

const ROOMY = { entriesMax: 100_000 };

function organization(name: string): OrganizationId {
  const id = parseOrganizationId(name);
  if (id === null) throw new Error(`${name} is an organization id`);
  return id;
}

const ACME = organization('acme');
const OTHER = organization('other');

describe('the index of flushes', () => {
  it('begins where it is told', () => {
    const index = new FlushIndex(7, ROOMY);
    expect(index.markOf(ACME, 0, DAY_MS)).toBe(7);
  });

  it('changes the marks of what a flush touched, and of nothing else', () => {
    const index = new FlushIndex(0, ROOMY);
    index.take(ACME, 10, [HOUR_MS]);
    expect(index.markOf(ACME, 0, DAY_MS)).toBe(11);
    expect(index.markOf(ACME, HOUR_MS, HOUR_MS + 1)).toBe(11);
    expect(index.markOf(ACME, HOUR_MS + MINUTE_MS - 1, DAY_MS)).toBe(11);
    expect(index.markOf(ACME, 0, HOUR_MS)).toBe(0);
    expect(index.markOf(ACME, HOUR_MS + MINUTE_MS, 9 * DAY_MS)).toBe(0);
    expect(index.markOf(OTHER, 0, DAY_MS)).toBe(0);
  });

  it('raises all marks when a flush could not be read', () => {
    const index = new FlushIndex(0, ROOMY);
    index.take(ACME, 10, [HOUR_MS]);
    index.takeUnknown(12);
    expect([index.markOf(ACME, 0, DAY_MS), index.markOf(OTHER, 5, 6)]).toEqual([13, 13]);
  });

  it('holds no more than it may, whatever comes', () => {
    const index = new FlushIndex(0, { entriesMax: 100, organizationEntriesMax: 40 });
    for (let offset = 0; offset < 500; offset += 1) {
      const minutes = Array.from({ length: 60 }, (_, at) => offset * HOUR_MS + at * MINUTE_MS);
      index.take(organization(`org-${offset % 7}`), offset, minutes);
      expect(index.entries).toBeLessThanOrEqual(100);
    }
    expect(index.entries).toBeGreaterThan(40);
  });

  /** For every two instants: equal marks only if no flush in between touched the range. */
  it('never gives a range the mark it had before a flush that touched it', () => {
    const flush = fc.record({
      organization: fc.constantFrom(ACME, OTHER, organization('third')),
      minutes: fc.array(fc.integer({ min: 0, max: 5 * 1_440 }), { minLength: 1, maxLength: 4 }),
    });
    const range = fc.record({
      from: fc.integer({ min: 0, max: 5 * 1_440 }),
      length: fc.integer({ min: 1, max: 3 * 1_440 }),
    });
    fc.assert(
      fc.property(
        fc.array(flush, { maxLength: 60 }),
        range,
        fc.integer({ min: 4, max: 60 }),
        (flushes, { from, length }, entriesMax) => {
          const small = new FlushIndex(0, { entriesMax });
          const exact = new FlushIndex(0, ROOMY);
          const [fromMs, toMs] = [from * MINUTE_MS, (from + length) * MINUTE_MS];
          flushes.forEach((one, offset) => {
            const minutesMs = one.minutes.map((minute) => minute * MINUTE_MS);
            for (const index of [small, exact]) index.take(one.organization, offset, minutesMs);
            const touched = flushes
              .slice(0, offset + 1)
              .findLastIndex(
                ({ organization: whose, minutes }) =>
                  whose === ACME && minutes.some((minute) => minute >= from && minute < from + length),
              );
            expect(exact.markOf(ACME, fromMs, toMs)).toBe(touched + 1);
            const mark = small.markOf(ACME, fromMs, toMs);
            expect(mark).toBeGreaterThanOrEqual(touched + 1);
            expect(mark).toBeLessThanOrEqual(offset + 1);
          });
        },
      ),
    );
  });
});
