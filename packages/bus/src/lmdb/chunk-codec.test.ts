import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { OutgoingRecord } from '../port.ts';
import { decodeChunk, encodeChunk } from './chunk-codec.ts';

/** Well-formed text: a lone surrogate has no UTF-8 form in any bus. */
const text = fc.string({ unit: 'binary', maxLength: 40 });
/** Not `__proto__`, which an object literal cannot hold as a header name. */
const headerName = fc.string({ unit: 'binary', maxLength: 12 }).filter((name) => name !== '__proto__');

const record: fc.Arbitrary<OutgoingRecord> = fc.record({
  key: text,
  value: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  headers: fc.dictionary(headerName, text, { maxKeys: 5, noNullPrototype: true }),
  timestampMs: fc.integer({ min: -1_000, max: 4_000_000_000_000 }),
});

describe('chunk codec', () => {
  it('gives back any records, from any offset on', () => {
    const chunks = fc.array(record, { minLength: 1, maxLength: 50 });
    const bases = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER - 100 });
    fc.assert(
      fc.property(chunks, bases, fc.nat(60), (records, base, from) => {
        const expected = records.map((entry, index) => ({ ...entry, offset: base + index })).slice(from);
        expect(decodeChunk(encodeChunk(base, records), base + from)).toEqual(expected);
      }),
    );
  });

  it('refuses a chunk of another version', () => {
    const chunk = encodeChunk(0, [{ key: 'k', value: Buffer.from('v'), headers: {}, timestampMs: 1 }]);
    chunk[0] = 2;
    expect(() => decodeChunk(chunk, 0)).toThrow('chunk of version 2');
  });
});
