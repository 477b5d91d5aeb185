/** Paths and parameters as they stand in the first line of a request. */
import type { Random } from '../random.ts';

const CONTROL_CODE_MAX = 0x20;
const DELETE_CODE = 0x7f;

/** Percent-encoded; a lone surrogate, which has no UTF-8, becomes U+FFFD. */
export function encodeText(text: string): string {
  return encodeURIComponent(Buffer.from(text, 'utf8').toString('utf8'));
}

/** Percent-encoded, doubly, not at all (where a first line can hold it), or as bytes that are no UTF-8. */
export function encodeHostile(text: string, random: Random): string {
  const once = encodeText(text);
  const draw = random.next();
  if (draw < 0.6) return once;
  if (draw < 0.75) return encodeURIComponent(once);
  if (draw < 0.9)
    return `${once}${random.pick(['%00', '%ff%fe', '%c0%ae%c0%ae', '%ed%a0%80', '%', '%zz', '%u0041'])}`;
  return toBytes(text);
}

/** UTF-8 as one character a byte, without what would end the line. */
function toBytes(text: string): string {
  const visible = Buffer.from(text, 'utf8').filter((byte) => byte > CONTROL_CODE_MAX && byte !== DELETE_CODE);
  return Buffer.from(visible).toString('latin1');
}

/** A path that means the same, or tries to mean another. */
export function targetTricks(target: string, random: Random): string {
  return random.pick([
    () => target.replaceAll('/', '//'),
    () => target.replace('/api/', '/api/../api/'),
    () => target.replace('/api/', '/API/'),
    () => target.replace('/v1/', '/v1/%2e%2e/v1/'),
    () => target.replace('/v1/', '/v1%2f'),
    () => `${target}/`,
    () => `${target};a=b`,
    () => `${target}%20`,
    () => `${target}#fragment`,
    () => `http://169.254.169.254${target}`,
    () => `/docs/static/..%2f..%2f..%2f..%2fetc%2fpasswd`,
    () => `/docs/../../../../etc/passwd`,
    () => `*`,
    () => target.slice(1),
    () => `${target}?${'a=1&'.repeat(2_500)}`,
    () => `${target}${'/x'.repeat(3_000)}`,
    () => `/${'é'.repeat(2_000)}`,
    () => `${target}\r\nX-Injected: 1`,
    () => `${target} HTTP/1.1\r\nHost: other.example\r\n\r\nGET /metrics`,
    () => `${target}\0`,
  ])();
}
