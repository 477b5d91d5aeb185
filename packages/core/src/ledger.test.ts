import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { balanceOf } from './ledger.ts';

const FIGURES = { acknowledged: 100, rejected: 7, stored: 80, duplicate: 15, dead: 5 };

describe('the balance of the ledger', () => {
  it.each([
    ['agrees when everything is settled', {}, false, { received: 107, inFlight: 0, residue: 0 }],
    [
      'calls what the log still holds in flight',
      { stored: 60 },
      true,
      { received: 107, inFlight: 20, residue: 0 },
    ],
    [
      'calls it missing when the log holds nothing more',
      { stored: 60 },
      false,
      { received: 107, inFlight: 0, residue: 20 },
    ],
    [
      'counts what the log held as received when ingest lost count of it',
      { acknowledged: 90 },
      false,
      { received: 107, inFlight: 0, residue: 0 },
    ],
    [
      'knows nothing in flight that nobody acknowledged',
      { acknowledged: 90 },
      true,
      { received: 107, inFlight: 0, residue: 0 },
    ],
  ])('%s', (_name, change, hasLag, expected) => {
    expect(balanceOf({ ...FIGURES, ...change }, { hasLag })).toEqual(expected);
  });

  it('gives every received event one place', () => {
    const count = fc.nat({ max: 1_000_000 });
    const figures = fc.record({
      acknowledged: count,
      rejected: count,
      stored: count,
      duplicate: count,
      dead: count,
    });
    fc.assert(
      fc.property(figures, fc.boolean(), (some, hasLag) => {
        const { received, inFlight, residue } = balanceOf(some, { hasLag });
        expect(some.stored + some.duplicate + some.dead + some.rejected + inFlight + residue).toBe(received);
        expect(Math.min(inFlight, residue)).toBe(0);
      }),
    );
  });
});
