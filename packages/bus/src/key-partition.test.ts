import { describe, expect, it } from '@jest/globals';
import { partitionOfKey } from './key-partition.ts';

const MANY = 2 ** 31;

describe('partitionOfKey', () => {
  // The vectors of Kafka's own tests (org.apache.kafka.common.utils.UtilsTest#testMurmur2).
  it.each([
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ])('hashes %s as Kafka does', (key, hash) => {
    expect(partitionOfKey(key, MANY)).toBe(hash & 0x7fffffff);
  });

  it('takes a key of any length', () => {
    for (const length of [0, 341, 342, 5_000]) {
      expect(partitionOfKey('ż'.repeat(length), 7)).toBeLessThan(7);
    }
  });
});
