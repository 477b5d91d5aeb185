import fc from 'fast-check';
import { describe, expect, it } from '@jest/globals';
import { hashSecret, isSecretOf, mintApiKey, parseApiKey } from './api-key.ts';

const zeros = (size: number) => new Uint8Array(size);

describe('an API key', () => {
  it('is what its parts say, and only its secret fits its hash', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 30, maxLength: 30 }), (bytes) => {
        const minted = mintApiKey((size) => (size === 10 ? bytes.subarray(0, 10) : bytes.subarray(10)));
        const presented = parseApiKey(minted.key);
        expect(presented?.publicId).toBe(minted.publicId);
        expect(isSecretOf(presented?.secret ?? '', minted.secretHash)).toBe(true);
        expect(isSecretOf(`${presented?.secret}x`, minted.secretHash)).toBe(false);
      }),
    );
  });

  it('keeps its form', () => {
    expect(mintApiKey(zeros).key).toBe(`tm_${'0'.repeat(16)}_${'0'.repeat(32)}_349c7683`);
    expect(hashSecret('')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  });

  it('is refused when any character of it is another', () => {
    const { key } = mintApiKey(zeros);
    for (let at = 0; at < key.length; at += 1) {
      expect(parseApiKey(`${key.slice(0, at)}1${key.slice(at + 1)}`)).toBeNull();
    }
    expect(parseApiKey(`${key}0`)).toBeNull();
  });

  it('does not fit a hash that is none', () => {
    expect(isSecretOf('x', '')).toBe(false);
  });
});
