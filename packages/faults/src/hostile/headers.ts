/** What headers can be wrong. */
import type { Random } from '../random.ts';

const HUGE = 10_000;
const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url');
const UNSIGNED_TOKEN = `${encode({ alg: 'none', typ: 'JWT' })}.${encode({ iss: 'x', sub: 'x', org: 'default', role: 'admin', exp: 4e9 })}.`;
const KEY_OUTSIDE = `${encode({ alg: 'RS256', jku: 'http://127.0.0.1:1/jwks', kid: '../../../../dev/null' })}.${encode({ iss: 'x' })}.AAAA`;

/** By name: each makes a list of headers. One character is one byte. */
const MAKERS = {
  'no token that is signed': () => [['Authorization', `Bearer ${UNSIGNED_TOKEN}`]],
  'a token with keys elsewhere': () => [['Authorization', `Bearer ${KEY_OUTSIDE}`]],
  'a huge credential': () => [['Authorization', `Bearer ${'a'.repeat(HUGE)}`]],
  'a credential of bytes': () => [['X-API-Key', '\u00ff\u00fe\u0080']],
  'two credentials': () => [
    ['Authorization', 'Basic Og=='],
    ['X-API-Key', 'tm_x'],
  ],
  'wrong basic': () => [['Authorization', 'Basic ====']],
  'another method': () => [
    ['X-HTTP-Method-Override', 'DELETE'],
    ['X-Method-Override', 'DELETE'],
    ['_method', 'DELETE'],
  ],
  'another host': () => [
    ['Host', 'evil.example:1"><script>'],
    ['X-Forwarded-Host', 'evil.example'],
    ['Forwarded', 'for=127.0.0.1;host=evil.example'],
  ],
  'two hosts': () => [
    ['Host', 'a'],
    ['Host', 'b'],
  ],
  'an origin': () => [
    ['Origin', 'null'],
    ['Access-Control-Request-Method', 'DELETE'],
  ],
  'another organization': () => [
    ['X-Organization', 'default'],
    ['X-Tenant-Id', 'default'],
    ['X-Forwarded-For', '127.0.0.1, ::1, unknown'],
  ],
  conditions: () => [
    ['If-None-Match', `"${'x'.repeat(2_000)}", *, W/"`],
    ['If-Match', '*'],
    ['If-Modified-Since', 'yesterday'],
  ],
  ranges: () => [['Range', `bytes=${'0-1,'.repeat(500)}-9999999999999999999`]],
  accepts: () => [
    ['Accept', `${'*/*;q=NaN,'.repeat(500)}x`],
    ['Accept-Language', '*'.repeat(500)],
    ['Accept-Encoding', 'zstd;q=-1, \u0001'],
  ],
  'a request id': () => [['X-Request-Id', '"><script>\u00ff']],
  trace: () => [
    ['traceparent', '00-ffffffffffffffffffffffffffffffff-ffffffffffffffff-ff-ff'],
    ['tracestate', `a=${'b'.repeat(3_000)}`],
  ],
  'many headers': () => Array.from({ length: 500 }, (_, index) => [`x-${index}`, 'y']),
  'headers too large': () => [['X-Large', 'z'.repeat(20_000)]],
  'two lengths': () => [
    ['Content-Length', '3'],
    ['Content-Length', '4'],
  ],
  'a wrong length': (random) => [
    ['Content-Length', random.pick(['-1', '1e3', '99999999999999999999', ' ', '0x1'])],
  ],
  'length and chunks': () => [
    ['Content-Length', '5'],
    ['Transfer-Encoding', 'chunked'],
  ],
  'other transfer': () => [['Transfer-Encoding', 'gzip, identity']],
  'expects more': (random) => [['Expect', random.pick(['100-continue', '200-ok'])]],
  upgrade: (random) => [
    ['Connection', 'Upgrade'],
    ['Upgrade', random.pick(['websocket', 'h2c', 'x'])],
    ['Sec-WebSocket-Version', random.pick(['13', '99'])],
    ['Sec-WebSocket-Key', random.pick(['AAAAAAAAAAAAAAAAAAAAAA==', 'x'])],
  ],
  'a broken line': () => [['X-Broken', 'a\r\n folded\r\nNoColonHere']],
  'names of objects': () => [
    ['__proto__', 'x'],
    ['constructor', 'x'],
  ],
  'events in headers': (random) => [
    ['ce-specversion', random.pick(['1.0', '0.3', ''])],
    ['ce-id', '%00%ff%'],
    ['ce-source', 'x'.repeat(2_000)],
    ['ce-type', '__proto__'],
    ['ce-time', 'never'],
    ['ce-__proto__', 'x'],
  ],
  cookies: () => [['Cookie', `a=${'b'.repeat(3_000)}; __proto__=x`]],
} satisfies Record<string, (random: Random) => readonly (readonly string[])[]>;

export type HeaderAttack = keyof typeof MAKERS;
export const HEADER_ATTACKS = Object.keys(MAKERS) as readonly HeaderAttack[];

export function headersFor(attack: HeaderAttack, random: Random): readonly (readonly [string, string])[] {
  const make: (random: Random) => readonly (readonly string[])[] = MAKERS[attack];
  return make(random).map(([name = '', value = '']) => [name, value] as const);
}
