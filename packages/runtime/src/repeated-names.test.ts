import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { hasRepeatedNames } from './repeated-names.ts';

describe('hasRepeatedNames', () => {
  it.each([
    ['{"a":1,"a":1}'],
    ['{"a":1, "\\u0061":2}'],
    ['{"x":[{"y":{"b":1,"c":"}","b":2}}]}'],
    ['{"":1,"":2}'],
    ['{"__proto__":1,"__proto__":2}'],
    ['{"a":{"b":1},"a":[]}'],
  ])('finds one in %s', (text) => {
    expect(hasRepeatedNames(text)).toBe(true);
  });

  it.each([
    ['{"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]}'],
    ['{"a":"a\\":1,\\"a","b":"{\\"a\\":1"}'],
    ['["a","a"]'],
    ['"a"'],
  ])('finds none in %s', (text) => {
    expect(hasRepeatedNames(text)).toBe(false);
  });

  it('finds none in what JSON.stringify makes, and one when the first member is said again', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 }), (value) => {
        const text = JSON.stringify(value);
        expect(hasRepeatedNames(text)).toBe(false);
        const [name] = Object.keys(value);
        expect(hasRepeatedNames(`${text.slice(0, -1)},${JSON.stringify(name)}:0}`)).toBe(true);
      }),
    );
  });
});
