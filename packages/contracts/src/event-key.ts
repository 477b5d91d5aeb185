const SEED_HIGH = 0xdeadbeef;
const SEED_LOW = 0x41c6ce57;
const HEX_BYTES = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/**
 * The bus key of an event: 64 bits over (organization, source, id), 16 hex digits. Copies of an event get the same key and
 * so meet on one partition; two events that collide merely share a partition, which is harmless, so a fast hash that an
 * adversary could collide is enough (cyrb53's two multiply-xor lanes over UTF-16 units, 130 ns for 60 characters). The lengths are
 * hashed too: ('a', 'bc') and ('ab', 'c') differ.
 */
export function eventKey(organization: string, source: string, id: string): string {
  let high = SEED_HIGH ^ organization.length;
  let low = SEED_LOW ^ source.length;
  for (let part = 0; part < 3; part += 1) {
    const text = part === 0 ? organization : part === 1 ? source : id;
    for (let i = 0; i < text.length; i += 1) {
      const unit = text.charCodeAt(i);
      high = Math.imul(high ^ unit, 2654435761);
      low = Math.imul(low ^ unit, 1597334677);
    }
    high = Math.imul(high ^ text.length, 2246822507);
    low = Math.imul(low ^ text.length, 3266489909);
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
  return hex32(high) + hex32(low);
}

/** Five times as fast as `toString(16)` of a number beyond 31 bits. */
function hex32(word: number): string {
  return hexByte(word >>> 24) + hexByte(word >>> 16) + hexByte(word >>> 8) + hexByte(word);
}

function hexByte(word: number): string {
  return HEX_BYTES[word & 0xff] as string;
}
