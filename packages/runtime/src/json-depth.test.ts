import { describe, expect, it } from '@jest/globals';
import { isDeeperThan } from './json-depth.ts';

describe('the depth of JSON', () => {
  it.each([
    ['1', 0, false],
    ['{}', 0, true],
    ['{}', 1, false],
    ['[[],[]]', 2, false],
    ['[{"a":[1]}]', 2, true],
    ['["[[[["]', 1, false],
    ['["\\"[[[["]', 1, false],
    ['["\\\\",[]]', 1, true],
    ['{"[":{"}":1}}', 2, false],
    ['['.repeat(100_000), 99_999, true],
  ])('of %.20s is more than %i: %s', (text, levelsMax, isDeeper) =>
    expect(isDeeperThan(text, levelsMax)).toBe(isDeeper),
  );
});
