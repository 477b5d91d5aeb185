/** Values that have broken other programs. None of them holds a text the judge takes for a leak. */
import type { Random } from '../random.ts';

const LONG = 70_000;
const NESTED_DEEP = 100_000;
const FILTERS_DEEP = 1_000;

export const HOSTILE_TEXTS: readonly string[] = [
  '',
  ' ',
  '\0',
  'a\0b',
  '\u0001\u001b[31m',
  '\ud800',
  'x\udfff\ud800',
  '\u202e\u200b\ufeff',
  '𝕏'.repeat(40),
  'e\u0301'.repeat(60),
  "'; DROP TABLE nothing; --",
  "' OR '1'='1",
  "\\' OR 1=1 --",
  '`1`); --',
  '{p0:String}',
  '{organization:String}',
  "') UNION ALL SELECT version() --",
  "file('/etc/passwd')",
  "url('http://127.0.0.1:1/x', CSV)",
  'sleepEachRow(3)',
  '%00',
  '%2e%2e%2f%2e%2e%2fetc%2fpasswd',
  '../../../../etc/passwd',
  '..\\..\\windows\\win.ini',
  '/dev/zero',
  '{{7*7}}',
  '${7*7}',
  '#{7*7}',
  '<script>alert(1)</script>',
  '__proto__',
  'constructor',
  'constructor.prototype.x',
  'toString',
  'hasOwnProperty',
  'a\r\nSet-Cookie: x=1',
  'a\r\n\r\nHTTP/1.1 200 OK',
  '*',
  '%',
  '_',
  '\\',
  '"',
  '=cmd|calc',
  '(a+)+$',
  '[',
  '(?<x',
  '.*'.repeat(500),
  'NaN',
  'Infinity',
  '-Infinity',
  '1e999',
  '-1e999',
  '-0',
  '0x10',
  '1_000',
  '٣',
  '9007199254740993',
  '18446744073709551616',
  '99999999999999999999999999999999999999999999999999',
  '0.0000000000000000000000000000000000000001',
  'null',
  'undefined',
  'true',
  '[]',
  '{}',
  '0000-00-00T00:00:00Z',
  '-271821-04-20T00:00:00Z',
  '+275760-09-13T00:00:00.001Z',
  '1969-12-31T23:59:59.999Z',
  '2262-04-12T00:00:00Z',
  '2299-12-31T23:59:59Z',
  '2106-02-07T06:28:16Z',
  '2026-02-30T00:00:00Z',
  '2026-01-01T24:00:00Z',
  '2026-01-01T00:00:60Z',
  '2026-01-01T00:00:00+99:99',
  '2026-01-01T00:00:00.1234567890123456789Z',
  'now',
  'now-99999999999y',
  'now+1s/s/s/s',
  'now-1M/M-1M/M',
  'now--1d',
  'Etc/GMT+99',
  'Europe/../UTC',
  '+25:00',
  'Antarctica/Troll',
  'Asia/Kathmandu',
  'utc',
  'x'.repeat(513),
  'x'.repeat(4_000),
];

const HOSTILE_NUMBERS: readonly number[] = [
  0,
  -0,
  -1,
  1,
  0.1,
  1e-300,
  1e300,
  -1e300,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  2 ** 53 + 2,
  -(2 ** 63),
  2 ** 64,
  8.64e15 + 1,
];

/** JSON that `JSON.stringify` never writes: put where a value belongs. */
const HOSTILE_JSON: readonly string[] = [
  '1e999',
  '-1e999',
  '1E400',
  '-0',
  '1'.repeat(400),
  '0.'.concat('1'.repeat(400)),
  '"\\ud800"',
  '"\\u0000"',
  '{"__proto__":{"polluted":true}}',
  '{"constructor":{"prototype":{"polluted":true}}}',
  '{"a":1,"a":2}',
  '{"toJSON":1,"then":1,"length":-1}',
  'null',
  'true',
  '[]',
  '{}',
  '[[[[]]]]',
  '{"":""}',
  '[null,1,"a",{},[]]',
];

/** The text of a JSON value, in place of any other. */
export function hostileJson(random: Random): string {
  const draw = random.next();
  if (draw < 0.4) return JSON.stringify(random.pick(HOSTILE_TEXTS));
  if (draw < 0.6) return JSON.stringify(random.pick(HOSTILE_NUMBERS));
  if (draw < 0.9) return random.pick(HOSTILE_JSON);
  return random.pick([longText, longArray, manyKeys, nested])();
}

const longText = (): string => `"${'x'.repeat(LONG)}"`;
const longArray = (): string => `[${'0,'.repeat(LONG)}0]`;
const manyKeys = (): string =>
  `{${Array.from({ length: 5_000 }, (_, index) => `"k${index}":${index}`).join(',')}}`;
const nested = (): string => `${'['.repeat(2_000)}${']'.repeat(2_000)}`;

/** A whole body that nests a hundred thousand deep. */
export function deepBody(random: Random): string {
  const isArray = random.chance(0.5);
  const depth = random.pick([200, 5_000, NESTED_DEEP]);
  return isArray
    ? `${'['.repeat(depth)}${']'.repeat(depth)}`
    : `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
}

/** A filter of `and`, `or` and `not`, to a thousand levels, or as wide. */
export function bombFilter(random: Random): string {
  const leaf = '{"dimension":"service","op":"eq","value":"x"}';
  const depth = random.pick([7, 8, 9, 64, FILTERS_DEEP]);
  switch (random.integer(0, 3)) {
    case 0:
      return `${'{"not":'.repeat(depth)}${leaf}${'}'.repeat(depth)}`;
    case 1:
      return `${'{"and":['.repeat(depth)}${leaf}${']}'.repeat(depth)}`;
    case 2:
      return `{"or":[${Array.from({ length: depth }, () => leaf).join(',')}]}`;
    default:
      return `${'{"or":[{"and":['.repeat(depth)}${leaf}${']}]}'.repeat(depth)}`;
  }
}

/** An expression of metrics that is long, deep or wrong, within the length that is taken or beyond. */
export function bombExpression(random: Random): string {
  const metric = random.pick(['http.requests', 'llm.requests', 'seconds', 'nothing.such']);
  return random.pick([
    `${'('.repeat(499)}1${')'.repeat(499)}`,
    `${'-'.repeat(990)}1`,
    `${'1/'.repeat(490)}0`,
    '9'.repeat(999),
    `${metric}${`*${metric}`.repeat(60)}`,
    `${metric}/(${metric}-${metric})`,
    `1e308*1e308*${metric}`,
    `(${metric}`,
    `${metric};${metric}`,
    '('.repeat(60_000),
  ]);
}
