import { isAppError, parseOrganizationId, type OrganizationId } from '@tidemark/core';
import fc from 'fast-check';
import { describe, expect, it } from '@jest/globals';
import { DEFAULT_EVENT_LIMITS } from '../limits.ts';
import { decodeHeaderValue } from './binary-event.ts';
import { checkData } from './event-data.ts';
import type { EventContext } from './event-outcome.ts';
import { parseEventRequest, selectEventMode } from './event-request.ts';
import { parseMediaType } from './media-type.ts';
import { parseStructuredEvent } from './parse-event.ts';
import { splitJsonArray } from './split-array.ts';

const CONTEXT: EventContext = {
  organization: parseOrganizationId('acme') as OrganizationId,
  receivedAtMs: Date.UTC(2026, 0, 1),
  limits: DEFAULT_EVENT_LIMITS,
};
const EVENT = { specversion: '1.0', id: '1', source: '/s', type: 't' };

function faultsOf(value: unknown, context = CONTEXT): readonly (readonly [string, string])[] {
  const outcome = parseStructuredEvent(value, 0, context);
  return outcome.ok ? [] : outcome.reject.faults.map(({ code, pointer }) => [code, pointer] as const);
}

function dataTextOf(value: object): string {
  const outcome = parseStructuredEvent({ ...EVENT, ...value }, 0, CONTEXT);
  if (!outcome.ok) throw new Error(outcome.reject.detail);
  return outcome.event.dataText;
}

describe('parseStructuredEvent', () => {
  it('keeps attributes, extensions in their text form, and sub-second time', () => {
    const outcome = parseStructuredEvent(
      {
        ...EVENT,
        subject: 'u',
        time: '2026-01-01T01:00:00.123456+01:00',
        seq: 7,
        flag: false,
        trace: 'x',
        none: null,
      },
      0,
      CONTEXT,
    );
    expect(outcome).toEqual({
      ok: true,
      event: {
        organization: 'acme',
        id: '1',
        source: '/s',
        type: 't',
        subject: 'u',
        timeMs: CONTEXT.receivedAtMs + 123,
        timeText: '2026-01-01T00:00:00.123456Z',
        extensions: { seq: '7', flag: 'false', trace: 'x' },
        dataText: '{}',
      },
    });
  });

  it.each([
    ['an object stays', { data: { a: 1 } }, '{"a":1}'],
    ['nothing', {}, '{}'],
    ['null', { data: null }, '{}'],
    ['a number', { data: 5 }, '{"value":5}'],
    ['an array', { data: [1, { b: 2 }] }, '{"value":[1,{"b":2}]}'],
    ['a text', { data: '<a/>', datacontenttype: 'text/xml' }, '{"value":"<a/>"}'],
    ['base64', { data_base64: 'AP8=' }, '{"value":"AP8="}'],
    ['base64 of JSON', { data_base64: 'eyJhIjoxfQ==', datacontenttype: 'application/json' }, '{"a":1}'],
    ['a backslash before u', { data: { path: '\\u0000' } }, String.raw`{"path":"\\u0000"}`],
    ['control characters that are text', { data: { text: 'a\tb\u0001' } }, String.raw`{"text":"a\tb\u0001"}`],
    ['dots that do not collide', { data: { 'a.b': 1, a: { c: 2 } } }, '{"a.b":1,"a":{"c":2}}'],
    ['a harmless constructor', { data: { constructor: 'Ford' } }, '{"constructor":"Ford"}'],
  ])('keeps data: %s', (_what, value, dataText) => {
    expect(dataTextOf(value)).toBe(dataText);
  });

  it.each([
    ['another version', { ...EVENT, specversion: '0.3' }, 'invalid-event', '/specversion'],
    ['a source that is no URI reference', { ...EVENT, source: 'a b' }, 'invalid-event', '/source'],
    ['a long id', { ...EVENT, id: 'x'.repeat(257) }, 'invalid-event', '/id'],
    ['a line break in the type', { ...EVENT, type: 'a\nb' }, 'event-text-invalid', '/type'],
    ['an empty subject', { ...EVENT, subject: '' }, 'invalid-event', '/subject'],
    ['a number as time', { ...EVENT, time: 0 }, 'invalid-event', '/time'],
    ['a time before 1970', { ...EVENT, time: '1969-12-31T23:59:59Z' }, 'event-time-out-of-range', '/time'],
    ['a time 25 h ahead', { ...EVENT, time: '2026-01-02T01:00:00Z' }, 'event-time-out-of-range', '/time'],
    ['an extension in capitals', { ...EVENT, traceId: 'x' }, 'invalid-event', '/traceId'],
    ['an object as extension', { ...EVENT, ext: {} }, 'invalid-event', '/ext'],
    ['a fraction as extension', { ...EVENT, ext: 1.5 }, 'invalid-event', '/ext'],
    ['both kinds of data', { ...EVENT, data: {}, data_base64: 'AP8=' }, 'invalid-event', '/data_base64'],
    ['base64 that is none', { ...EVENT, data_base64: '%%%' }, 'invalid-event', '/data_base64'],
    ['NUL in data', { ...EVENT, data: { a: ['\0'] } }, 'event-text-invalid', '/data/a/0'],
    ['a lone surrogate in data that is text', { ...EVENT, data: '\ud800' }, 'event-text-invalid', '/data'],
    ['a lone surrogate in a key', { ...EVENT, data: { '\ud800': 1 } }, 'event-text-invalid', '/data/\ufffd'],
    ['infinity', { ...EVENT, data: { 'a/b': Infinity } }, 'invalid-event', '/data/a~1b'],
    [
      'constructor.prototype',
      { ...EVENT, data: { constructor: { prototype: 1 } } },
      'invalid-event',
      '/data/constructor',
    ],
    [
      'paths that collide in an array',
      { ...EVENT, data: [{ 'x.y': 1, x: { y: 2 } }] },
      'invalid-event',
      '/data/0/x/y',
    ],
  ])('rejects %s', (_what, value, code, pointer) => {
    expect(faultsOf(value)).toEqual([[code, pointer]]);
  });

  it('reports all faults at once, a bounded number of them', () => {
    const many = Object.fromEntries(Array.from({ length: 100 }, (_none, index) => [`k${index}`, '\0']));
    expect(faultsOf({ id: 1, time: 'x', data: many })).toHaveLength(20);
    expect(
      faultsOf({ ...EVENT, id: '', subject: 3, data: { a: '\0', b: 1e300 } }).map(([, pointer]) => pointer),
    ).toEqual(['/id', '/subject', '/data/a', '/data/b']);
  });

  it('accepts exactly what the limits say', () => {
    const keys = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_none, index) => [`k${index}`, 1]));
    const deep = (levels: number): unknown => (levels === 0 ? 1 : [deep(levels - 1)]);
    expect(faultsOf({ ...EVENT, data: keys(512) })).toEqual([]);
    expect(faultsOf({ ...EVENT, data: keys(513) })).toEqual([['event-too-many-keys', '/data']]);
    expect(faultsOf({ ...EVENT, data: { a: deep(31) } })).toEqual([]);
    expect(faultsOf({ ...EVENT, data: { a: deep(32) } })).toEqual([
      ['event-too-deep', `/data/a${'/0'.repeat(31)}`],
    ]);
    const limits = { ...DEFAULT_EVENT_LIMITS, eventBytesMax: 60 };
    const text = (length: number) => ({
      ...EVENT,
      time: '2026-01-01T00:00:00Z',
      data: { a: 'é'.repeat(length) },
    });
    // 4 + 20 characters of attributes, 8 of JSON around the text, two bytes for each é.
    expect(faultsOf(text(14), { ...CONTEXT, limits })).toEqual([]);
    expect(faultsOf(text(15), { ...CONTEXT, limits })).toEqual([['event-too-large', '']]);
  });
});

describe('checkData', () => {
  it('takes all sound JSON unchanged: the quick look and the close one agree', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 4 })), (made) => {
        const data = JSON.parse(JSON.stringify(made)) as object;
        const checked = checkData(data, '', DEFAULT_EVENT_LIMITS);
        if (checked.ok) expect(JSON.parse(checked.text)).toEqual(data);
        else expect(checked.faults.length).toBeGreaterThan(0);
      }),
    );
  });
});

describe('parseEventRequest', () => {
  const CONTENT_TYPES = [
    'application/json',
    'application/x-ndjson',
    'application/cloudevents+json',
    'application/cloudevents-batch+json',
    'text/plain',
  ];

  it('answers any bytes with outcomes or an AppError, and loses no event', () => {
    const headers = fc.record({
      'content-type': fc.oneof(fc.constantFrom(...CONTENT_TYPES), fc.string()),
      ...Object.fromEntries(
        ['ce-id', 'ce-source', 'ce-specversion'].map((name) => [
          name,
          fc.option(fc.string(), { nil: undefined }),
        ]),
      ),
    });
    const bodies = fc.oneof(
      fc.uint8Array().map((bytes) => Buffer.from(bytes)),
      fc.json().map((text) => Buffer.from(text)),
      fc
        .array(
          fc.record({ id: fc.string(), source: fc.webPath(), type: fc.string(), data: fc.jsonValue() }),
          { maxLength: 5 },
        )
        .map((items) => Buffer.from(JSON.stringify(items.map((item) => ({ specversion: '1.0', ...item }))))),
    );
    fc.assert(
      fc.property(headers, bodies, (sent, body) => {
        try {
          const parsed = parseEventRequest({ headers: sent, body }, CONTEXT);
          expect(parsed.events.length + parsed.rejected.length).toBe(parsed.received);
        } catch (error) {
          expect(isAppError(error)).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ['{"a":NaN}', 'unexpected character "N"'],
    ['{"a":1,}', 'unexpected character at position 7'],
    ['{"a":', 'it ends too early'],
  ])('says why %s is no JSON', (text, reason) => {
    const headers = { 'content-type': 'application/json' };
    expect(() => parseEventRequest({ headers, body: Buffer.from(text) }, CONTEXT)).toThrow(reason);
  });

  it('keeps the answer to a batch of nothing but faults small', () => {
    const { rejected } = parseJsonArray(
      Array.from({ length: 10_000 }, () => ({ data: { a: '\0', b: '\0' } })),
    );
    const rejects = rejected.map(({ reject }) => reject);
    expect(rejects).toHaveLength(10_000);
    expect(rejects[0]?.faults).toHaveLength(6);
    expect(rejects.at(-1)?.faults).toHaveLength(1);
    expect(JSON.stringify(rejects).length).toBeLessThan(5_000_000);
  });

  it.each([
    [
      'application/json',
      '[ {"id":1e999} ,\n{"specversion":"1.0","id":"1","source":"/s","type":"t"}, "x" ]',
      ['{"id":1e999}', '"x"'],
    ],
    ['application/json', '{"id": 1}', ['{"id": 1}']],
    ['application/x-ndjson', '\n{"id": 1} \r\n\n{"broken\n', ['{"id": 1}', '{"broken']],
  ])('gives back what was refused as it was sent: %s %j', (contentType, body, sent) => {
    const headers = { 'content-type': contentType };
    const { rejected } = parseEventRequest({ headers, body: Buffer.from(body) }, CONTEXT);
    expect(rejected.map((one) => one.sent.toString())).toEqual(sent);
  });

  it.each([
    ['text/plain', 'ä', { data: 'ä' }],
    ['application/json', '{"a":', { data_base64: 'eyJhIjo=' }],
    ['application/json', '', {}],
  ])('gives back a refused event of binary mode in the JSON format: %s %j', (contentType, body, data) => {
    const headers = {
      'ce-id': 'a%20b',
      'ce-type': '%C0%A0',
      'ce-__proto__': 'x',
      'content-type': contentType,
    };
    const { rejected } = parseEventRequest({ headers, body: Buffer.from(body) }, CONTEXT);
    const sent = JSON.parse(String(rejected[0]?.sent)) as object;
    expect({ ...sent }).toEqual({
      id: 'a b',
      type: '%C0%A0',
      ['__proto__']: 'x',
      datacontenttype: contentType,
      ...data,
    });
  });

  it('treats a large array like a small one', () => {
    const items = [EVENT, 'x', { ...EVENT, id: '2', data: { quote: '\\"],[{' } }, []];
    const padding = { ...EVENT, id: '3', data: { text: 'x'.repeat(200_000) } };
    const small = parseJsonArray(items);
    const large = parseJsonArray([...items, padding, padding, padding, padding, padding, padding]);
    expect(large.received).toBe(10);
    expect(large.events.slice(0, 2)).toEqual(small.events);
    expect(large.rejected).toEqual(small.rejected);
  });

  it('rejects one huge event of a large batch unparsed, and the batch only when it is no JSON', () => {
    const huge = `{"data":[${'{},'.repeat(400_000)}{}]}`;
    const parsed = parseJsonArray([EVENT], `,${huge}`);
    expect([parsed.events.length, parsed.rejected[0]?.reject.code]).toEqual([1, 'event-too-large']);
    const padding = Array.from({ length: 6 }, () => 'x'.repeat(200_000));
    expect(() => parseJsonArray(padding, ',x')).toThrow(/not JSON/);
    expect(() => parseJsonArray([EVENT], `,{"a":"${'x'.repeat(1_100_000)}`)).toThrow(/not a JSON array/);
  });

  function parseJsonArray(items: readonly unknown[], tail = '') {
    const body = Buffer.from(`[${items.map((item) => JSON.stringify(item)).join(',')}${tail}]`);
    return parseEventRequest({ headers: { 'content-type': 'application/json' }, body }, CONTEXT);
  }
});

describe('splitJsonArray', () => {
  it('finds the elements JSON.parse finds', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), fc.constantFrom('', ' ', '\n\t'), (items, space) => {
        const text = `${space}[${items.map((item) => space + JSON.stringify(item) + space).join(',')}${space}]${space}`;
        const body = Buffer.from(text);
        const slices = splitJsonArray(body, 1_000);
        const found = slices?.map(([start, end]) => JSON.parse(body.toString('utf8', start, end)) as unknown);
        expect(found).toEqual(JSON.parse(text));
      }),
    );
  });

  it.each(['', '{}', '[1', '[1]]', '[1] x', '["a]'])('is null for %s', (text) => {
    expect(splitJsonArray(Buffer.from(text), 10)).toBeNull();
  });

  it('stops soon after the limit', () => {
    expect(splitJsonArray(Buffer.from(`[${'1,'.repeat(100)}1]`), 10)).toHaveLength(11);
  });
});

describe('headers', () => {
  it.each([
    ['plain', 'plain'],
    ['Euro%20%E2%82%AC', 'Euro €'],
    ['%2525', '%25'],
    ['"quoted \\"text\\""', 'quoted "text"'],
    ['%C0%A0', null],
    ['100%', null],
    ['caf\u00e9', null],
  ])('decodes %s to %s', (sent, decoded) => {
    expect(decodeHeaderValue(sent)).toBe(decoded);
  });

  it('reads media types with parameters', () => {
    expect(parseMediaType('Application/JSON ; q=1; charset="UTF-8"')).toEqual({
      essence: 'application/json',
      charset: 'utf-8',
    });
    expect(parseMediaType('json')).toBeNull();
  });

  it('prefers the content type to ce- headers', () => {
    const binary = { 'ce-id': '1' };
    expect(selectEventMode({ ...binary, 'content-type': 'application/cloudevents+json' })).toBe('structured');
    expect(selectEventMode({ ...binary, 'content-type': 'application/json' })).toBe('binary');
    expect(selectEventMode(binary)).toBe('binary');
  });
});
