/**
 * `tm_<public id>_<secret>_<checksum>`: the public id is looked up and may be shown, the secret (160 random bits) is kept only as
 * its SHA-256, the checksum (CRC-32 of all before it) lets garbage be refused without a look-up and scanners find leaked keys.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';

const PREFIX = 'tm';
const SECRET_BYTES = 20;
const PUBLIC_ID_BYTES = 10;
/** Crockford's base 32: no letters that look like digits, nothing that needs escaping. */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const API_KEY = /^tm_([0-9a-hjkmnp-tv-z]{16})_([0-9a-hjkmnp-tv-z]{32})_([0-9a-f]{8})$/;

export interface MintedApiKey {
  /** Shown once, never stored. */
  readonly key: string;
  readonly publicId: string;
  /** SHA-256 of the secret, hex. */
  readonly secretHash: string;
}

/** @param randomBytes cryptographic randomness (`node:crypto`) */
export function mintApiKey(randomBytes: (size: number) => Uint8Array): MintedApiKey {
  const publicId = toBase32(randomBytes(PUBLIC_ID_BYTES));
  const secret = toBase32(randomBytes(SECRET_BYTES));
  const body = `${PREFIX}_${publicId}_${secret}`;
  return { key: `${body}_${checksum(body)}`, publicId, secretHash: hashSecret(secret) };
}

export interface PresentedApiKey {
  readonly publicId: string;
  readonly secret: string;
}

/** Null when the text is not a key or its checksum is wrong. */
export function parseApiKey(text: string): PresentedApiKey | null {
  const [, publicId, secret, sum] = API_KEY.exec(text) ?? [];
  if (publicId === undefined || secret === undefined) return null;
  return checksum(`${PREFIX}_${publicId}_${secret}`) === sum ? { publicId, secret } : null;
}

export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

/** In a time that does not tell how much of the secret was right. */
export function isSecretOf(secret: string, secretHash: string): boolean {
  const expected = Buffer.from(secretHash, 'hex');
  const found = createHash('sha256').update(secret).digest();
  return expected.length === found.length && timingSafeEqual(expected, found);
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, '0');
}

/** Five bits a character; a multiple of five bytes leaves no rest. */
function toBase32(bytes: Uint8Array): string {
  let text = '';
  let bits = 0;
  let width = 0;
  for (const byte of bytes) {
    bits = (bits << 8) | byte;
    width += 8;
    while (width >= 5) {
      width -= 5;
      text += ALPHABET.charAt((bits >>> width) & 31);
    }
    bits &= (1 << width) - 1;
  }
  return text;
}
