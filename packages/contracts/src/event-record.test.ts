import { parseOrganizationId, type OrganizationId } from '@tidemark/core';
import fc from 'fast-check';
import { describe, expect, it } from '@jest/globals';
import { DEAD_LETTERS_RETENTION_MS, DEAD_LETTERS_TOPIC, declareTopics } from './topics.ts';
import {
  deadLetterId,
  encodeDeadLetter,
  parseDeadLetter,
  rejectedLetterId,
  type DeadLetter,
} from './dead-letter.ts';
import { eventKey } from './event-key.ts';
import { decodeEventRecord, encodeEventRecord, toDecodedEvent, type DecodedEvent } from './event-record.ts';
import { encodeFlush, parseFlush } from './flush.ts';

const ACME = parseOrganizationId('acme') as OrganizationId;

const events: fc.Arbitrary<DecodedEvent> = fc.record({
  organization: fc.constant(ACME),
  id: fc.string({ minLength: 1, unit: 'grapheme' }),
  source: fc.string({ minLength: 1 }),
  type: fc.string({ minLength: 1 }),
  subject: fc.option(fc.string({ minLength: 1, unit: 'grapheme' })),
  timeMs: fc.constant(1_000),
  timeText: fc.constant('1970-01-01T00:00:01Z'),
  extensions: fc.dictionary(
    fc.stringMatching(/^[a-z0-9]{1,20}$/).filter((name) => !RESERVED.has(name)),
    fc.string({ unit: 'grapheme' }),
    { noNullPrototype: true },
  ),
  dataText: fc
    .dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue())
    .map((data) => JSON.stringify(data)),
});
const RESERVED = new Set(['specversion', 'id', 'source', 'type', 'subject', 'time']);

describe('the record of an event', () => {
  it('decodes to what was encoded', () => {
    fc.assert(
      fc.property(events, fc.nat(), (event, arrivedAtMs) => {
        const record = encodeEventRecord(event, arrivedAtMs);
        expect(record.timestampMs).toBe(arrivedAtMs);
        expect(decodeEventRecord(record)).toEqual({ ok: true, event });
      }),
    );
  });

  it('follows the CloudEvents Kafka binding', () => {
    const event = toDecodedEvent({
      organization: ACME,
      id: '1',
      source: '/s',
      type: 't',
      subject: null,
      timeMs: 0,
      timeText: '1970-01-01T00:00:00Z',
      extensions: { sampledrate: 3, flag: true },
      data: { a: 1 },
    });
    const { headers, value } = encodeEventRecord(event, 0);
    expect(headers).toEqual({
      ce_specversion: '1.0',
      ce_id: '1',
      ce_source: '/s',
      ce_type: 't',
      ce_time: '1970-01-01T00:00:00Z',
      ce_sampledrate: '3',
      ce_flag: 'true',
      'content-type': 'application/json',
      'tidemark-organization': 'acme',
    });
    expect(value.toString()).toBe('{"a":1}');
  });

  it('never throws on any bytes and headers', () => {
    const names = fc.constantFrom(
      'ce_id',
      'ce_source',
      'ce_type',
      'ce_time',
      'ce_specversion',
      'tidemark-organization',
    );
    const headers = fc.dictionary(fc.oneof(names, fc.string()), fc.string());
    fc.assert(
      fc.property(headers, fc.uint8Array(), (made, value) => {
        const decoded = decodeEventRecord({ headers: made, value: Buffer.from(value) });
        expect(typeof decoded.ok).toBe('boolean');
      }),
    );
  });

  const good = encodeEventRecord(
    {
      organization: ACME,
      id: '1',
      source: '/s',
      type: 't',
      subject: 'u',
      timeMs: 0,
      timeText: '1970-01-01T00:00:00Z',
      extensions: {},
      dataText: '{}',
    },
    0,
  );
  it.each([
    ['no organization', { ...good, headers: { ...good.headers, 'tidemark-organization': 'ACME!' } }],
    ['another version', { ...good, headers: { ...good.headers, ce_specversion: '0.3' } }],
    ['no id', { ...good, headers: { ...good.headers, ce_id: '' } }],
    ['no time', { ...good, headers: { ...good.headers, ce_time: 'yesterday' } }],
    ['a time after 2099', { ...good, headers: { ...good.headers, ce_time: '2100-01-01T00:00:00Z' } }],
    ['data that is no JSON', { ...good, value: Buffer.from('{"a":') }],
    ['data that is no object', { ...good, value: Buffer.from('[1]') }],
    ['data that is not UTF-8', { ...good, value: Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]) }],
  ])('refuses %s and says why', (_what, record) => {
    expect(decodeEventRecord(record)).toMatchObject({ ok: false, code: 'record-unreadable' });
  });
});

describe('eventKey', () => {
  it('is the same for copies and differs where a boundary moves', () => {
    expect(eventKey('a', 'bc', 'd')).toBe(eventKey('a', 'bc', 'd'));
    const keys = [
      eventKey('a', 'bc', 'd'),
      eventKey('ab', 'c', 'd'),
      eventKey('a', 'b', 'cd'),
      eventKey('', 'abc', 'd'),
    ];
    expect(new Set(keys).size).toBe(4);
  });

  it('spreads 100,000 ids evenly and without a collision', () => {
    const keys = Array.from({ length: 100_000 }, (_none, index) => eventKey('acme', '/svc', `id-${index}`));
    expect(new Set(keys).size).toBe(keys.length);
    const counts = new Map<string, number>();
    for (const key of keys) counts.set(key.slice(-1), (counts.get(key.slice(-1)) ?? 0) + 1);
    expect(Math.max(...counts.values()) / Math.min(...counts.values())).toBeLessThan(1.15);
  });
});

describe('flushes and dead letters', () => {
  const flush = {
    organization: ACME,
    buckets: [0, 60_000],
    partition: 3,
    nextOffset: 17,
    arrivedThroughMs: 99,
  };
  const letter: DeadLetter = {
    id: 'tidemark.events:2:5',
    organization: null,
    stage: 'aggregator',
    code: 'record-unreadable',
    detail: 'the value is not JSON',
    attempt: 1,
    arrivedAtMs: 7,
    eventType: 't',
    eventSource: '/s',
    eventId: '1',
    headers: { ce_id: '1' },
    value: Buffer.from([0, 255, 128]),
  };

  it('come back as they were', () => {
    expect(parseFlush(encodeFlush(flush))).toEqual(flush);
    expect(parseDeadLetter(encodeDeadLetter(letter))).toEqual(letter);
  });

  it('are named by where they stand, or by whose they are, why and what they hold', () => {
    expect(deadLetterId({ topic: 'tidemark.events', partition: 2, offset: 5 })).toBe('tidemark.events:2:5');
    const globex = parseOrganizationId('globex') as OrganizationId;
    const ids = [
      rejectedLetterId({ organization: ACME, code: 'invalid-event', arrivedAtMs: 1 }, Buffer.from('"x"')),
      rejectedLetterId({ organization: ACME, code: 'invalid-event', arrivedAtMs: 1 }, Buffer.from('"y"')),
      rejectedLetterId({ organization: ACME, code: 'event-too-large', arrivedAtMs: 1 }, Buffer.from('"x"')),
      rejectedLetterId({ organization: ACME, code: 'invalid-event', arrivedAtMs: 2 }, Buffer.from('"x"')),
      rejectedLetterId({ organization: globex, code: 'invalid-event', arrivedAtMs: 1 }, Buffer.from('"x"')),
    ];
    expect(new Set(ids).size).toBe(5);
    expect(
      rejectedLetterId({ organization: ACME, code: 'invalid-event', arrivedAtMs: 1 }, Buffer.from('"x"')),
    ).toBe(ids[0]);
    expect(ids[0]).toMatch(/^ingest:[0-9a-f]{32}$/);
  });

  it('are null when they are something else, whatever it is', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.json().map((text) => new TextEncoder().encode(text)),
        ),
        (bytes) => {
          expect([parseFlush(Buffer.from(bytes)), parseDeadLetter(Buffer.from(bytes))]).toEqual([null, null]);
        },
      ),
    );
    for (const key of Object.keys(flush)) {
      expect(parseFlush(Buffer.from(JSON.stringify({ ...flush, [key]: {} })))).toBeNull();
    }
    const encoded = JSON.parse(encodeDeadLetter(letter).toString()) as object;
    for (const key of Object.keys(letter)) {
      expect(parseDeadLetter(Buffer.from(JSON.stringify({ ...encoded, [key]: 1.5 })))).toBeNull();
    }
  });

  it('have topics with as many partitions as asked for', () => {
    expect(declareTopics(6)).toContainEqual({
      name: DEAD_LETTERS_TOPIC,
      partitions: 6,
      retentionMs: DEAD_LETTERS_RETENTION_MS,
    });
  });
});
