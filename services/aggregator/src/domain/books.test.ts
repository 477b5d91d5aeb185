import { describe, expect, it } from '@jest/globals';
import type { AccountedDay, AccountedPartition, LedgerDay } from '@tidemark/catalog';
import {
  differencesWithRaw,
  hasReached,
  missingLettersOf,
  offsetsBeyond,
  rawResidueOf,
  residuesOf,
} from './books.ts';
import type { RawDay, ReceiptSample } from './books.ts';
import type { BuriedDay } from '@tidemark/warehouse';
import { organization } from './testing.ts';

const acme = organization('acme');
const bolt = organization('bolt');

function accounted(partition: number, dayMs: number, stored: number, change: Partial<AccountedDay> = {}) {
  return { partition, dayMs, organization: acme, stored, duplicate: 3, conflict: 1, dead: 2, ...change };
}

function inRaw(partition: number, dayMs: number, rows: number, change: Partial<RawDay> = {}): RawDay {
  return { partition, dayMs, organization: acme, rows, ...change };
}

describe('the books against raw', () => {
  it('agree when raw holds what was stored, whatever else became of records', () => {
    const days = [accounted(0, 0, 5), accounted(1, 0, 7), accounted(0, 1, 0, { organization: null })];
    expect(differencesWithRaw(days, [inRaw(1, 0, 7), inRaw(0, 0, 5)])).toEqual([]);
  });

  it.each([
    ['a row too many', [accounted(0, 0, 5)], [inRaw(0, 0, 6)], 5, 6],
    ['a row missing', [accounted(0, 0, 5)], [inRaw(0, 0, 4)], 5, 4],
    ['all rows missing', [accounted(0, 0, 5)], [], 5, 0],
    ['rows that the books do not know', [], [inRaw(0, 0, 4)], 0, 4],
  ])('tell of %s', (_name, days, raw, stored, rows) => {
    const differences = differencesWithRaw(days, raw);
    expect(differences).toEqual([{ partition: 0, dayMs: 0, organization: acme, stored, rows }]);
    expect(rawResidueOf(differences)).toBe(Math.abs(stored - rows));
  });

  it.each([
    ['partitions', inRaw(1, 0, 5)],
    ['days', inRaw(0, 1, 5)],
    ['organizations', inRaw(0, 0, 5, { organization: bolt })],
  ])('let rows of different %s not make up for each other', (_name, moved) => {
    const differences = differencesWithRaw([accounted(0, 0, 5)], [moved]);
    expect([differences.length, rawResidueOf(differences)]).toEqual([2, 10]);
  });
});

describe('letters of dead records', () => {
  const buriedOf = (partition: number, letters: number, change: Partial<BuriedDay> = {}): BuriedDay => ({
    ...{ partition, dayMs: 0, organization: acme, letters },
    ...change,
  });

  it('are all there, and may be there before their account', () => {
    const days = [
      accounted(0, 0, 5),
      accounted(1, 0, 5, { dead: 0 }),
      accounted(0, 0, 0, { organization: null }),
    ];
    const buried = [buriedOf(0, 2), buriedOf(0, 3, { organization: null }), buriedOf(2, 1)];
    expect(missingLettersOf(days, buried)).toEqual([]);
  });

  it.each([
    ['partitions', buriedOf(1, 9)],
    ['days', buriedOf(0, 9, { dayMs: 1 })],
    ['organizations', buriedOf(0, 9, { organization: null })],
  ])('are missing when the store lacks them, whatever it has of other %s', (_name, other) => {
    const missing = { partition: 0, organization: acme, dayMs: 0, dead: 2 };
    expect(missingLettersOf([accounted(0, 0, 5)], [other])).toEqual([{ ...missing, kept: 0 }]);
    expect(missingLettersOf([accounted(0, 0, 5)], [other, buriedOf(0, 1)])).toEqual([
      { ...missing, kept: 1 },
    ]);
  });
});

describe('what ingest has promised', () => {
  const bounds = [
    { partition: 0, startOffset: 0, endOffset: 10 },
    { partition: 1, startOffset: 4, endOffset: 4 },
  ];
  const day = (org: typeof acme, dayMs: number, change: Partial<LedgerDay>): LedgerDay => ({
    organization: org,
    dayMs,
    acknowledged: 0,
    rejected: 9,
    stored: 0,
    duplicate: 0,
    conflict: 0,
    dead: 0,
    ...change,
  });
  const sampleOf = (days: readonly LedgerDay[]): ReceiptSample => ({
    fromDayMs: 0,
    toDayMs: 2,
    days,
    bounds,
  });
  const at = (partition: number, through: number): AccountedPartition => ({
    partition,
    since: 0,
    through,
    skipped: 0,
  });

  it.each([
    ['before the books reach the end of the log', [at(0, 9)], false],
    ['before a partition with records is accounted for at all', [], false],
    ['at the end; an emptied partition need not be accounted for', [at(0, 10)], true],
    ['beyond it', [at(0, 12), at(1, 6)], true],
  ])('is settled or not %s', (_name, partitions, expected) => {
    expect(hasReached(sampleOf([]), partitions)).toBe(expected);
  });

  it('leaves no residue when it was stored, dropped as a copy or buried', () => {
    const sample = sampleOf([day(acme, 0, { acknowledged: 10 }), day(bolt, 0, { acknowledged: 1 })]);
    const settled = [
      accounted(0, 0, 1),
      accounted(1, 0, 0, { dead: 1, duplicate: 3 }),
      accounted(0, 0, 4, { organization: bolt }),
    ];
    expect(residuesOf(sample, settled, [])).toEqual([]);
  });

  it('leaves a residue of the organization and day whose events are nowhere, however much others have', () => {
    const sample = sampleOf([
      day(acme, 0, { acknowledged: 10, stored: 99 }),
      day(acme, 1, { acknowledged: 2 }),
      day(bolt, 0, { acknowledged: 2 }),
    ]);
    const settled = [
      accounted(0, 0, 3),
      accounted(0, 1, 50),
      accounted(0, 0, 50, { organization: bolt }),
      accounted(0, 0, 0, { organization: null, dead: 9 }),
    ];
    expect(residuesOf(sample, settled, [])).toEqual([
      { organization: acme, dayMs: 0, acknowledged: 10, settled: 8, residue: 2 },
    ]);
  });

  it('is not made up for by what was stored beyond the ends of the log that the sample saw', () => {
    const sample = sampleOf([day(acme, 0, { acknowledged: 10 })]);
    const settled = [accounted(0, 0, 100, { duplicate: 0, dead: 0 })];
    const beyond = [inRaw(0, 0, 60), inRaw(1, 0, 33), inRaw(0, 1, 9), inRaw(0, 0, 9, { organization: bolt })];
    expect(residuesOf(sample, settled, beyond)).toEqual([
      { organization: acme, dayMs: 0, acknowledged: 10, settled: 7, residue: 3 },
    ]);
    expect(residuesOf(sample, settled, beyond.slice(0, 1))).toEqual([]);
  });

  it('has offsets beyond it where the books go on, and where the log has begun since', () => {
    const sample = { ...sampleOf([]), bounds: [{ partition: 0, startOffset: 0, endOffset: 10 }] };
    const partitions = [at(0, 12), { ...at(1, 6), since: 2 }];
    expect(offsetsBeyond(sample, partitions)).toEqual([
      { partition: 0, from: 10, to: 12 },
      { partition: 1, from: 2, to: 6 },
    ]);
    expect(offsetsBeyond(sample, [at(0, 10)])).toEqual([]);
  });
});
