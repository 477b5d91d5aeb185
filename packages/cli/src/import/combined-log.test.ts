import { describe, expect, it } from '@jest/globals';
import { COMBINED_LOG_COLUMNS, parseCombinedLog } from './combined-log.ts';

function parse(line: string): Record<string, unknown> | string {
  const cells = parseCombinedLog(line);
  if (typeof cells === 'string') return cells;
  return Object.fromEntries(COMBINED_LOG_COLUMNS.map((column, index) => [column, cells[index]]));
}

const TIME = '17/May/2015:10:05:03 +0000';

describe('parseCombinedLog', () => {
  it('reads a line of the combined format', () => {
    expect(
      parse(`192.0.2.216 - ada [${TIME}] "GET /a/b.png?x=1 HTTP/1.1" 200 203023 "http://e.com/" "Moz (X11)"`),
    ).toEqual({
      client: '192.0.2.216',
      ident: '-',
      user: 'ada',
      time: TIME,
      method: 'GET',
      path: '/a/b.png?x=1',
      protocol: 'HTTP/1.1',
      status: '200',
      bytes: '203023',
      referrer: 'http://e.com/',
      agent: 'Moz (X11)',
    });
  });

  it('reads a line of the common format, without referrer and agent', () => {
    expect(parse(`::1 - - [${TIME}] "HEAD / HTTP/1.0" 304 -`)).toMatchObject({
      client: '::1',
      status: '304',
      bytes: '-',
      referrer: undefined,
      agent: undefined,
    });
  });

  it('undoes escapes inside quotes', () => {
    const line = `h - - [${TIME}] "GET /say\\"hi\\" HTTP/1.1" 200 1 "a\\\\x41b" "\\xc3\\xa9 \\xe4\\xe5 \\t"`;
    expect(parse(line)).toMatchObject({
      path: '/say"hi"',
      // An escaped backslash before x41 is no escaped byte.
      referrer: 'a\\x41b',
      // Bytes that are UTF-8 become a letter, others stay as written.
      agent: 'é \\xe4\\xe5 \t',
    });
  });

  it('takes a last field that was cut off', () => {
    expect(parse(`h - - [${TIME}] "GET / HTTP/1.1" 200 235 "-" "Googlebot/2.1; +http://g`)).toMatchObject({
      agent: 'Googlebot/2.1; +http://g',
    });
  });

  it.each([
    ['GET /a b c HTTP/1.1', 'GET', '/a b c', 'HTTP/1.1'],
    ['GET /old', 'GET', '/old', undefined],
    ['\\x16\\x03\\x01', undefined, '\x16\x03\x01', undefined],
    ['-', undefined, '-', undefined],
  ])('takes the request line %j apart', (request, method, path, protocol) => {
    expect(parse(`h - - [${TIME}] "${request}" 400 0 "-" "-"`)).toMatchObject({ method, path, protocol });
  });

  it('takes a user name with spaces', () => {
    expect(parse(`h - Ada L. [${TIME}] "GET / HTTP/1.1" 200 1 "-" "-"`)).toMatchObject({ user: 'Ada L.' });
  });

  it.each([
    ['nonsense', /expected: client/],
    [`h - - [${TIME}] "GET / HTTP/1.1`, /no end/],
    [`h - - [${TIME}] "GET / HTTP/1.1" abc 1`, /status bytes/],
  ])('says what is wrong with %j', (line, expected) => {
    expect(parse(line)).toMatch(expected);
  });
});
