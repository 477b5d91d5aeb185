/** The test of the test: whatever is wrong with the books must be reported, and nothing else. */
import { beforeEach, describe, expect, it } from '@jest/globals';
import { Findings } from './findings.ts';
import { checkBooks } from './ledger.ts';
import { Receipts } from './receipts.ts';
import { listFound } from './test-fixture.ts';

let findings: Findings;
beforeEach(() => {
  findings = new Findings(() => 0);
});

describe('the check of the ledger', () => {
  const log = { rows: 5, copies: 2, conflicts: 1, dead: 1 };
  const expected = { log, least: { acknowledged: 6, rejected: 2 }, rejectsSent: 3 };
  const total = {
    ...{ received: 11, acknowledged: 7, stored: 5, duplicate: 2, conflict: 1 },
    ...{ rejected: 3, dead: 1, inFlight: 0, residue: 0 },
  };

  it('agrees with right books', () => {
    checkBooks({ lag: 0, total }, expected, 0, findings);
    expect(listFound(findings)).toEqual([]);
  });

  const WRONG: [string, Partial<typeof total>][] = [
    ['a row too few', { stored: 4, received: 10 }],
    ['a copy too many', { duplicate: 3, received: 12 }],
    ['a conflict that was none', { conflict: 2 }],
    ['a dead letter nobody wrote', { dead: 2, received: 12 }],
    ['something under way', { inFlight: 1, received: 12 }],
    ['something lost', { residue: 1, received: 12 }],
    ['fewer acknowledged than answers have promised', { acknowledged: 5 }],
    ['more acknowledged than the log has', { acknowledged: 9 }],
    ['fewer rejected than answers have named', { rejected: 1, received: 9 }],
    ['more rejected than were sent', { rejected: 4, received: 12 }],
    ['figures that do not add up', { received: 12 }],
  ];
  it.each(WRONG)('reports %s', (_what, change) => {
    checkBooks({ lag: 0, total: { ...total, ...change } }, expected, 0, findings);
    expect(listFound(findings)).toEqual([['I3', 'the ledger does not agree with the log']]);
  });

  it('asks for every answer but those that a kill may have made ingest forget', () => {
    const receipts = new Receipts();
    const promised = { acknowledged: 10, rejected: 1 };
    for (const atMs of [50_000, 99_000, 200_000]) receipts.note(0, { atMs, ...promised });
    const calm = { wasDisturbed: () => false };
    const least = (killedAtMs: readonly number[], catalog = calm) =>
      receipts.least(0, { killedAtMs, ...calm }, catalog).acknowledged;
    expect(least([])).toBe(30);
    expect(least([100_000])).toBe(20);
    expect(least([100_000], { wasDisturbed: () => true })).toBe(10);
  });
});
