/**
 * A 64-bit name for (organization, source, id). Two events with the same name are only *perhaps* the same: equality of the three
 * texts decides. It exists so that a look-up reads 8 bytes a row.
 */
export interface Identity {
  readonly high: number;
  readonly low: number;
}

const SEED_HIGH = 0x9747b28c;
const SEED_LOW = 0x1b873593;
const MULTIPLIER_1 = 0xcc9e2d51;
const MULTIPLIER_2 = 0x1b873593;

/**
 * Pure and stable for ever: it is stored in raw. Two 32-bit murmur3-style hashes over UTF-16 code units with each text's length
 * mixed in, so (`a`, `bc`) and (`ab`, `c`) differ.
 */
export function identityOf(organization: string, source: string, id: string): Identity {
  return {
    high: hash32(hash32(hash32(SEED_HIGH, organization), source), id),
    low: hash32(hash32(hash32(SEED_LOW, id), source), organization),
  };
}

/** Unsigned decimal text, as UInt64 columns take it. */
export function identityText({ high, low }: Identity): string {
  return ((BigInt(high) << 32n) | BigInt(low)).toString();
}

export function parseIdentity(text: string): Identity {
  const value = BigInt(text);
  return { high: Number(value >> 32n), low: Number(value & 0xffffffffn) };
}

/** Distinguishes the three texts exactly, for maps and sets. */
export function identityKey(organization: string, source: string, id: string): string {
  return JSON.stringify([organization, source, id]);
}

/** Murmur3-style over UTF-16 code units, the length mixed in; unsigned. Chained by giving the last hash as the seed. */
export function hash32(seed: number, text: string): number {
  let hash = seed;
  for (let index = 0; index < text.length; index += 1) {
    let unit = Math.imul(text.charCodeAt(index), MULTIPLIER_1);
    unit = (unit << 15) | (unit >>> 17);
    hash ^= Math.imul(unit, MULTIPLIER_2);
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
  }
  hash ^= text.length;
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  hash ^= hash >>> 16;
  return hash >>> 0;
}
