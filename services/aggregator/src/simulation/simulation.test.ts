/** The driver of partitions and the worker of rollups in a simulated world; ten thousand seeds more are in the e2e test. */
import { describe, expect, it } from '@jest/globals';
import { OWNERS, simulateLostRows, simulateNewLog, simulateTornInsert } from './impossible.ts';
import type { ImpossibleResult } from './impossible.ts';
import { PLANTED } from './planted.ts';
import { simulate } from './simulate.ts';

const SEEDS = 150;
/** The rarest of the planted mistakes is found by one seed in a dozen. */
const PLANTED_SEEDS_MAX = 120;
const IMPOSSIBLE_SEEDS = 12;
const TIMEOUT_MS = 120_000;

/** Every owner stopped, for the same reason, and nothing was stored after the first had. */
function expectStopped({ breach, halts, rowCounts }: ImpossibleResult, reason: RegExp): void {
  expect(breach).toBeNull();
  for (const [partition, ofPartition] of halts) {
    expect(ofPartition.length).toBeGreaterThanOrEqual(OWNERS);
    for (const halt of ofPartition) {
      expect(halt.reason).toMatch(reason);
      expect(halt.rowCount).toBe(rowCounts[partition]);
    }
  }
}

describe('a simulated pipeline', () => {
  it(
    'keeps every promise over faults of all kinds, and comes to its end when they stop',
    async () => {
      for (let seed = 1; seed <= SEEDS; seed += 1) {
        const { breach } = await simulate({ seed });
        expect({ seed, breach }).toEqual({ seed, breach: null });
      }
    },
    TIMEOUT_MS,
  );

  it('is the same for the same seed, and another for another', async () => {
    const hashes: number[] = [];
    for (const seed of [1, 2, 3, 1, 2, 3]) hashes.push((await simulate({ seed })).traceHash);
    expect(hashes.slice(3)).toEqual(hashes.slice(0, 3));
    expect(new Set(hashes).size).toBe(3);
  });

  it.each(Object.keys(PLANTED))(
    'finds %s',
    async (mistake) => {
      let seed = 0;
      let breach: string | null = null;
      while (breach === null && seed < PLANTED_SEEDS_MAX) {
        seed += 1;
        ({ breach } = await simulate({ seed, ...PLANTED[mistake] }));
      }
      expect(breach).not.toBeNull();
    },
    TIMEOUT_MS,
  );
});

describe('what cannot happen', () => {
  it(
    'is mended, when raw has lost its newest rows',
    async () => {
      for (let seed = 1; seed <= IMPOSSIBLE_SEEDS; seed += 1) {
        const breach = await simulateLostRows(seed);
        expect({ seed, breach }).toEqual({ seed, breach: null });
      }
    },
    TIMEOUT_MS,
  );

  it(
    'stops every owner, when an insert was torn apart',
    async () => {
      let stopped = 0;
      for (let seed = 1; seed <= IMPOSSIBLE_SEEDS; seed += 1) {
        const result = await simulateTornInsert(seed);
        expectStopped(result, /an insert was half-written$/);
        stopped += result.halts.size;
      }
      expect(stopped).toBeGreaterThan(0);
    },
    TIMEOUT_MS,
  );

  it(
    'stops every owner, when the log was made anew',
    async () => {
      for (let seed = 1; seed <= IMPOSSIBLE_SEEDS; seed += 1) {
        const result = await simulateNewLog(seed);
        expectStopped(result, /the topic was made anew/);
        expect(result.halts.size).toBeGreaterThan(0);
      }
    },
    TIMEOUT_MS,
  );
});
