const SEED = 0x9747b28c;
const MULTIPLIER = 0x5bd1e995;
const UTF8_BYTES_PER_UNIT_MAX = 3;
/** Keys are hashed one at a time, so they share the memory for their bytes. */
const SCRATCH = Buffer.alloc(1_024);

/**
 * The partition of a key: MurmurHash2 (32 bit, the seed of Kafka's Java client) of its UTF-8 bytes, sign bit cleared,
 * modulo the count. Both adapters and every Kafka client with the default partitioner agree on it.
 */
export function partitionOfKey(key: string, partitions: number): number {
  const isShort = key.length * UTF8_BYTES_PER_UNIT_MAX <= SCRATCH.length;
  const hash = isShort
    ? murmur2(SCRATCH, SCRATCH.write(key))
    : murmur2(Buffer.from(key), Buffer.byteLength(key));
  return (hash & 0x7fffffff) % partitions;
}

function murmur2(bytes: Buffer, length: number): number {
  const wholeWords = length & ~3;
  let hash = SEED ^ length;
  for (let at = 0; at < wholeWords; at += 4) {
    let word = Math.imul(bytes.readInt32LE(at), MULTIPLIER);
    word = Math.imul(word ^ (word >>> 24), MULTIPLIER);
    hash = Math.imul(hash, MULTIPLIER) ^ word;
  }
  if (length > wholeWords) {
    hash = Math.imul(hash ^ bytes.readUIntLE(wholeWords, length - wholeWords), MULTIPLIER);
  }
  hash = Math.imul(hash ^ (hash >>> 13), MULTIPLIER);
  return hash ^ (hash >>> 15);
}
