/** Bodies: as the schema has them, or broken on the way. */
import { deflateSync, gzipSync } from 'node:zlib';
import type { Random } from '../random.ts';
import { bombExpression, bombFilter, deepBody, hostileJson } from './hostile-values.ts';
import type { Operation } from './operations.ts';
import { type JsonSource, jsonOf } from './schema-values.ts';

const NDJSON = 'application/x-ndjson';
const MIB = 1024 * 1024;
const BOMB_BYTES = 64 * MIB;
const LARGE_BYTES = 2 * MIB;

export interface BodyAttack {
  readonly name: string;
  readonly bytes: Buffer;
  readonly headers: readonly (readonly [string, string])[];
}

/** Null when the operation takes none and none is wanted. */
export function bodyFor(operation: Operation, isHostile: boolean, source: JsonSource): BodyAttack | null {
  const { random } = source;
  if (operation.bodies.length === 0) {
    if (!isHostile) return null;
    return {
      name: 'not asked for',
      bytes: Buffer.from(hostileJson(random)),
      headers: typed('application/json'),
    };
  }
  const [mediaType, schema] = random.pick(operation.bodies);
  const sent = mediaType === '*/*' ? 'text/plain' : mediaType;
  // Lines are told as text: each is what the first kind of body holds.
  const isLines = mediaType === NDJSON;
  const json = jsonOf(isLines ? (operation.bodies[0]?.[1] ?? schema) : schema, source);
  if (!isHostile) return { name: 'valid', bytes: Buffer.from(json), headers: typed(sent) };
  const name = random.pick(BODY_ATTACKS);
  const make = MAKERS[name];
  if (make === undefined) throw new Error(`no such body: ${name}`);
  return { name, headers: typed(sent), ...make(json, random) };
}

const typed = (mediaType: string): readonly (readonly [string, string])[] => [['Content-Type', mediaType]];
const encoded = (encoding: string): readonly (readonly [string, string])[] => [
  ['Content-Type', 'application/json'],
  ['Content-Encoding', encoding],
];

interface Made {
  readonly bytes: Buffer;
  readonly headers?: readonly (readonly [string, string])[];
}

/** Made once: it takes a while. */
let bomb: Buffer | null = null;
const gzipBomb = (): Buffer => (bomb ??= gzipSync(Buffer.alloc(BOMB_BYTES, 0x20)));

const MAKERS: Readonly<Record<string, (json: string, random: Random) => Made>> = {
  deep: (_json, random) => ({ bytes: Buffer.from(deepBody(random)) }),
  'deep filters': (json, random) => ({
    bytes: Buffer.from(withMember(json, 'filters', `[${bombFilter(random)}]`)),
  }),
  expression: (json, random) => ({
    bytes: Buffer.from(
      withMember(json, 'metrics', `[{"as":"x","expression":${JSON.stringify(bombExpression(random))}}]`),
    ),
  }),
  polluting: (json, random) => ({
    bytes: Buffer.from(
      withMember(json, random.pick(['__proto__', 'constructor']), '{"prototype":{"x":1},"x":1}'),
    ),
  }),
  truncated: (json, random) => ({ bytes: Buffer.from(json.slice(0, random.integer(0, json.length - 1))) }),
  empty: () => ({ bytes: Buffer.alloc(0) }),
  garbage: (_json, random) => ({
    bytes: Buffer.from(Array.from({ length: random.integer(1, 300) }, () => random.integer(0, 255))),
  }),
  'no UTF-8': (json) => ({ bytes: Buffer.from(json.replace(/[a-z]/, '\u00c0\u0080\u00ff'), 'latin1') }),
  'a byte order mark': (json) => ({ bytes: Buffer.from(`\ufeff${json}`) }),
  'UTF-16': (json) => ({
    bytes: Buffer.from(json, 'utf16le'),
    headers: typed('application/json; charset=utf-16le'),
  }),
  'a wrong charset': (json) => ({
    bytes: Buffer.from(json),
    headers: typed('application/json; charset="\u0001x'),
  }),
  'another type': (json, random) => ({
    bytes: Buffer.from(json),
    headers: typed(
      random.pick([
        'text/plain',
        'application/xml',
        'multipart/form-data',
        'x',
        '/',
        'application/json;;;=',
        '',
      ]),
    ),
  }),
  'large text': () => ({ bytes: Buffer.from(`{"from":"${'x'.repeat(LARGE_BYTES)}"}`) }),
  'large array': () => ({ bytes: Buffer.from(`[${'{},'.repeat(LARGE_BYTES / 8)}{}]`) }),
  'a bomb': () => ({ bytes: gzipBomb(), headers: encoded('gzip') }),
  'a deflated bomb': (json) => ({
    bytes: deflateSync(Buffer.from(json.repeat(10))),
    headers: encoded('deflate'),
  }),
  'garbage that is said to be packed': (_json, random) => ({
    bytes: Buffer.from([0x1f, 0x8b, 8, 0, 0, random.integer(0, 255), 1, 2, 3]),
    headers: encoded(random.pick(['gzip', 'br', 'deflate'])),
  }),
  'packed but cut off': (json) => ({ bytes: gzipSync(json).subarray(0, 15), headers: encoded('gzip') }),
  'packed again and again': (json) => ({
    bytes: gzipSync(gzipSync(json)),
    headers: encoded(`gzip${', gzip'.repeat(50)}`),
  }),
  'unknown packing': (json, random) => ({
    bytes: Buffer.from(json),
    headers: encoded(random.pick(['zstd', 'compress', 'gzip\u0001', '__proto__', 'constructor'])),
  }),
  'two values': (json) => ({ bytes: Buffer.from(`${json}${json}`) }),
  'many lines': (json, random) => ({
    bytes: Buffer.from(`${json}\n`.repeat(random.integer(2, 50))),
    headers: typed(NDJSON),
  }),
  replaced: (_json, random) => ({ bytes: Buffer.from(hostileJson(random)) }),
  'a member replaced': (json, random) => ({ bytes: Buffer.from(replaceMember(json, random)) }),
};

const BODY_ATTACKS = Object.keys(MAKERS);

/** Before its last brace; a body that is no object stays as it is. */
function withMember(json: string, name: string, value: string): string {
  if (!json.endsWith('}')) return json;
  return `${json.slice(0, -1)}${json === '{}' ? '' : ','}${JSON.stringify(name)}:${value}}`;
}

/** The value of one text or number somewhere becomes another. */
function replaceMember(json: string, random: Random): string {
  const places = [...json.matchAll(/:("[^"\\]*"|-?\d+)/g)];
  if (places.length === 0) return hostileJson(random);
  const place = random.pick(places);
  return `${json.slice(0, place.index + 1)}${hostileJson(random)}${json.slice(place.index + place[0].length)}`;
}
