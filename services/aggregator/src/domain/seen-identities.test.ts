import { describe, expect, it } from '@jest/globals';
import { identityOf } from './identity.ts';
import { SeenIdentities } from './seen-identities.ts';

const HOUR_MS = 3_600_000;
const CAPACITY = 20_000;
const nth = (index: number) => identityOf('acme', 'tests', `id-${index}`);

describe('SeenIdentities', () => {
  it('never says no to what it was told, and rarely perhaps to a stranger', () => {
    const seen = new SeenIdentities({ windowMs: 24 * HOUR_MS, blocksMax: 4, blockCapacity: CAPACITY });
    const count = CAPACITY + 1_000;
    for (let index = 0; index < count; index += 1) seen.add(nth(index), 0);
    for (let index = 0; index < count; index += 7) expect(seen.mayHave(nth(index), 1)).toBe(true);
    let perhaps = 0;
    for (let index = count; index < count + 50_000; index += 1) if (seen.mayHave(nth(index), 1)) perhaps += 1;
    expect(perhaps / 50_000).toBeLessThan(0.006);
  });

  it('says perhaps to everything whose window reaches beyond what it was given', () => {
    const seen = new SeenIdentities({ windowMs: 24 * HOUR_MS, blocksMax: 4, blockCapacity: CAPACITY });
    seen.assumeCompleteSince(10 * HOUR_MS);
    expect(seen.mayHave(nth(-1), 34 * HOUR_MS - 1)).toBe(true);
    expect(seen.mayHave(nth(-1), 34 * HOUR_MS)).toBe(false);
  });

  it('looks up what arrives a little before an event for which a block was dropped as expired', () => {
    const seen = new SeenIdentities({ windowMs: HOUR_MS, blocksMax: 4, blockCapacity: 1 });
    seen.add(nth(0), 0);
    seen.add(nth(1), HOUR_MS + 1);
    expect(seen.mayHave(nth(0), HOUR_MS)).toBe(true);
  });

  it('says perhaps to everything while it has dropped part of the window', () => {
    const seen = new SeenIdentities({ windowMs: 24 * HOUR_MS, blocksMax: 1, blockCapacity: CAPACITY });
    for (let index = 0; index <= CAPACITY; index += 1) seen.add(nth(index), HOUR_MS);
    expect(seen.mayHave(nth(-1), 2 * HOUR_MS)).toBe(true);
    expect(seen.mayHave(nth(-1), 26 * HOUR_MS)).toBe(false);
  });
});
