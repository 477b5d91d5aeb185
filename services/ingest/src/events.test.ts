import type { IngestOutcome, IngestProblem, Problem } from '@tidemark/contracts';
import { AppError } from '@tidemark/core';
import { afterEach, describe, expect, it } from '@jest/globals';
import { CloudEvent, HTTP } from 'cloudevents';
import type { InjectOptions, LightMyRequestResponse } from 'fastify';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { NOW_MS } from './testing-clock.ts';
import { createTestIngest, type TestIngest, type TestIngestOptions } from './testing.ts';

const opened: TestIngest[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map(({ app }) => app.close()));
});

async function open(options?: TestIngestOptions): Promise<TestIngest> {
  const ingest = await createTestIngest(options);
  opened.push(ingest);
  return ingest;
}

function event(overrides: object = {}): Record<string, unknown> {
  return {
    specversion: '1.0',
    id: 'e1',
    source: '/shop',
    type: 'order.placed',
    data: { total: 12.5 },
    ...overrides,
  };
}

/** Sent at once, whether or not the answer is awaited. */
async function post(
  ingest: TestIngest,
  payload: InjectOptions['payload'],
  headers: Record<string, string> = {},
): Promise<LightMyRequestResponse> {
  const body = typeof payload === 'object' && !Buffer.isBuffer(payload) ? JSON.stringify(payload) : payload;
  return ingest.app.inject({
    method: 'POST',
    url: '/api/v1/events',
    headers: {
      authorization: `Bearer ${ingest.keys.producer}`,
      'content-type': 'application/json',
      ...headers,
    },
    ...(body === undefined ? {} : { payload: body }),
  });
}

const BATCH = { 'content-type': 'application/cloudevents-batch+json' };

describe('POST /api/v1/events', () => {
  it.each([
    ['structured', event(), { 'content-type': 'Application/CloudEvents+JSON; charset=UTF-8' }],
    ['batch', [event()], { 'content-type': 'application/cloudevents-batch+json; charset=utf-8' }],
    ['plain JSON', event(), {}],
    ['an array of plain JSON', [event()], {}],
    ['NDJSON', Buffer.from(`${JSON.stringify(event())}\n\n`), { 'content-type': 'application/x-ndjson' }],
    [
      'binary',
      { total: 12.5 },
      { 'ce-specversion': '1.0', 'ce-id': 'e1', 'ce-source': '/shop', 'ce-type': 'order.placed' },
    ],
  ])('takes %s and answers 202 when the event is durable', async (_mode, payload, headers) => {
    const ingest = await open();
    const answer = await post(ingest, payload, headers);
    expect([answer.statusCode, answer.json<IngestOutcome>()]).toEqual([
      202,
      { received: 1, accepted: 1, rejected: [] },
    ]);
    expect(ingest.stored()).toMatchObject([
      {
        organization: 'acme',
        id: 'e1',
        source: '/shop',
        type: 'order.placed',
        timeMs: NOW_MS,
        dataText: '{"total":12.5}',
      },
    ]);
    expect(ingest.records[0]?.timestampMs).toBe(NOW_MS);
  });

  it.each(['structured', 'binary'] as const)(
    'takes what an unmodified CloudEvents client sends: %s',
    async (mode) => {
      const ingest = await open();
      const sent = new CloudEvent({
        id: 'sdk-1',
        source: '/sdk',
        type: 'demo.sent',
        subject: 'ünïcode?'.normalize('NFC').replaceAll(/[^ -~]/g, 'x'),
        time: '2026-06-01T11:00:00.123Z',
        data: { answer: 42 },
        traceid: 'abc',
      });
      const message = HTTP[mode](sent);
      const headers = Object.fromEntries(
        Object.entries(message.headers).map(([name, value]) => [name, String(value)]),
      );
      const answer = await post(ingest, message.body as string, headers);
      expect(answer.statusCode).toBe(202);
      expect(ingest.stored()).toMatchObject([
        {
          id: 'sdk-1',
          timeText: '2026-06-01T11:00:00.123Z',
          extensions: { traceid: 'abc' },
          dataText: '{"answer":42}',
        },
      ]);
    },
  );

  it('takes an empty batch', async () => {
    expect((await post(await open(), [], BATCH)).json()).toEqual({ received: 0, accepted: 0, rejected: [] });
  });

  it('publishes both copies of an id in one request: the aggregator tells them apart', async () => {
    const ingest = await open();
    await post(ingest, [event(), event()], BATCH);
    expect(ingest.records.map(({ key }) => key)).toEqual([ingest.records[0]?.key, ingest.records[0]?.key]);
  });

  it('stores the good events of a batch and names every fault of each bad one', async () => {
    const ingest = await open();
    const bad = [
      { id: 7, source: 'has space', type: '' },
      event({ data: JSON.parse('{"__proto__":{"isAdmin":true}}') as object }),
      event({ time: '9999-01-01T00:00:00Z' }),
      event({ data: { deep: JSON.parse('['.repeat(40) + ']'.repeat(40)) as unknown } }),
      event({ subject: '\ud800' }),
      event({ data: Object.fromEntries(Array.from({ length: 600 }, (_none, key) => [`k${key}`, key])) }),
      event({ data: { text: 'x'.repeat(300_000) } }),
      event({ data: { 'a.b': 1, a: { b: 2 } } }),
      event({ data: { n: 2 ** 60 } }),
      'not an object',
    ];
    const answer = await post(ingest, [event({ id: 'good-1' }), ...bad, event({ id: 'good-2' })], BATCH);
    expect(answer.statusCode).toBe(202);
    const outcome = answer.json<IngestOutcome>();
    expect([outcome.received, outcome.accepted]).toEqual([12, 2]);
    expect(outcome.rejected.map(({ index, code, pointer }) => [index, code, pointer])).toEqual([
      [1, 'invalid-event', '/specversion'],
      [2, 'invalid-event', '/data/__proto__'],
      [3, 'event-time-out-of-range', '/time'],
      [4, 'event-too-deep', `/data/deep${'/0'.repeat(31)}`],
      [5, 'event-text-invalid', '/subject'],
      [6, 'event-too-many-keys', '/data'],
      [7, 'event-too-large', ''],
      [8, 'invalid-event', '/data/a/b'],
      [9, 'invalid-event', '/data/n'],
      [10, 'invalid-event', ''],
    ]);
    expect(outcome.rejected[0]?.faults.map(({ pointer }) => pointer)).toEqual([
      '/specversion',
      '/id',
      '/source',
      '/type',
    ]);
    expect(ingest.stored().map(({ id }) => id)).toEqual(['good-1', 'good-2']);
    expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined();
  });

  it('answers a problem with the same members when no event was accepted', async () => {
    const answer = await post(await open(), event({ id: '', type: 5 }));
    expect(answer.statusCode).toBe(400);
    expect(answer.headers['content-type']).toContain('application/problem+json');
    const problem = answer.json<IngestProblem>();
    expect(problem).toMatchObject({ code: 'invalid-event', received: 1, accepted: 0 });
    expect(problem.errors?.map(({ pointer }) => pointer)).toEqual(['/id', '/type']);
    expect(problem.rejected).toHaveLength(1);
  });

  it.each([
    ['malformed JSON', '{"specversion":', {}, 400, 'malformed-body'],
    ['NaN', '[{"data":NaN}]', {}, 400, 'malformed-body'],
    [
      'a number beyond all doubles',
      JSON.stringify(event({ data: { n: 1 } })).replace('"n":1', '"n":1e999'),
      {},
      400,
      'invalid-event',
    ],
    ['10,000 nested arrays', '['.repeat(10_000) + ']'.repeat(10_000), {}, 400, 'invalid-event'],
    ['a text where events belong', '"events"', {}, 400, 'invalid-event'],
    ['no body', undefined, {}, 400, 'malformed-body'],
    ['invalid UTF-8', Buffer.from([0x7b, 0x22, 0xc0, 0xa0, 0x22, 0x7d]), {}, 400, 'malformed-body'],
    ['an object sent as a batch', event(), BATCH, 400, 'malformed-body'],
    ['10,001 events', Array.from({ length: 10_001 }, () => 0), BATCH, 413, 'batch-too-large'],
    ['one event of 2 MiB', event({ data: { text: 'x'.repeat(2_097_152) } }), {}, 413, 'event-too-large'],
    ['50 MB', Buffer.alloc(50_000_000, 0x20), {}, 413, 'body-too-large'],
    [
      'a gzip bomb',
      gzipSync(Buffer.alloc(200_000_000)),
      { 'content-encoding': 'gzip' },
      413,
      'body-too-large',
    ],
    ['gzip that is none', 'plain', { 'content-encoding': 'gzip' }, 400, 'malformed-body'],
    [
      'gzip cut short',
      gzipSync('[1,2,3]').subarray(0, 12),
      { 'content-encoding': 'gzip' },
      400,
      'malformed-body',
    ],
    ['an unknown encoding', 'x', { 'content-encoding': 'compress' }, 415, 'unsupported-encoding'],
    ['XML', '<event/>', { 'content-type': 'application/xml' }, 415, 'unsupported-media-type'],
    [
      'an Avro batch',
      'x',
      { 'content-type': 'application/cloudevents-batch+avro' },
      415,
      'unsupported-media-type',
    ],
    [
      'a latin-1 body',
      '{}',
      { 'content-type': 'application/json; charset=latin1' },
      415,
      'unsupported-media-type',
    ],
    [
      'a header that is not UTF-8',
      '{}',
      { 'ce-id': '%C0%A0', 'ce-source': '/s', 'ce-type': 't', 'ce-specversion': '1.0' },
      400,
      'event-text-invalid',
    ],
  ])('refuses %s', async (_what, payload, headers, status, code) => {
    const ingest = await open();
    const answer = await post(ingest, payload, headers);
    expect([answer.statusCode, answer.json<Problem>().code]).toEqual([status, code]);
    expect(ingest.records).toEqual([]);
  });

  it("makes a malformed line of NDJSON that line's reject", async () => {
    const lines = [
      JSON.stringify(event()),
      '{"broken',
      Buffer.from([0xff]),
      JSON.stringify(event({ id: 'e2' })),
    ];
    const body = Buffer.concat(lines.flatMap((line) => [Buffer.from(line), Buffer.from('\r\n')]));
    const outcome = (
      await post(await open(), body, { 'content-type': 'application/x-ndjson' })
    ).json<IngestOutcome>();
    expect(outcome.accepted).toBe(2);
    expect(outcome.rejected.map(({ index, code }) => [index, code])).toEqual([
      [1, 'invalid-event'],
      [2, 'event-text-invalid'],
    ]);
  });

  it.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
  ] as const)('inflates %s', async (encoding, compress) => {
    const ingest = await open();
    const answer = await post(ingest, compress(JSON.stringify(event())), { 'content-encoding': encoding });
    expect(answer.statusCode).toBe(202);
    expect(ingest.records).toHaveLength(1);
  });
});

describe('who may send', () => {
  it.each([
    ['no key', {}, 401],
    ['garbage', { authorization: 'Bearer tm_garbage' }, 401],
  ])('refuses %s', async (_what, headers, status) => {
    const { app } = await open();
    const answer = await app.inject({ method: 'POST', url: '/api/v1/events', headers, payload: '' });
    expect([answer.statusCode, answer.headers['www-authenticate']]).toEqual([
      status,
      'Bearer realm="tidemark"',
    ]);
  });

  it('takes events of producers and admins, not of viewers', async () => {
    const ingest = await open();
    const send = (key: string) => post(ingest, event(), { authorization: `Bearer ${key}` });
    expect((await send(ingest.keys.admin)).statusCode).toBe(202);
    expect((await send(ingest.keys.viewer)).json<Problem>().code).toBe('forbidden');
  });

  it('tells the limits and enforces them before the body is read, then by events', async () => {
    const rateLimits = {
      requests: { name: 'requests', quota: 2, windowSeconds: 10 },
      events: { name: 'events', quota: 3, windowSeconds: 10 },
    };
    const ingest = await open({ rateLimits });
    const first = await post(ingest, [event()], BATCH);
    expect(first.headers['ratelimit-policy']).toBe('"requests";q=2;w=10, "events";q=3;w=10');
    expect(first.headers['ratelimit']).toBe('"requests";r=1;t=10, "events";r=2;t=10');
    const second = await post(ingest, [event(), event(), event()], BATCH);
    expect([second.statusCode, second.headers['retry-after']]).toEqual([429, '10']);
    expect((await post(ingest, 'x')).json<Problem>().detail).toContain('more than 2 requests');
    expect(ingest.records).toHaveLength(1);
  });
});

describe('when the bus or this process cannot keep up', () => {
  it('answers 503 with a time to retry when the bus is away', async () => {
    const beforePublish = async () => {
      throw new AppError('bus-unavailable', 'broker kafka-7:9092 refused');
    };
    const ingest = await open({ beforePublish });
    const answer = await post(ingest, event());
    expect([answer.statusCode, answer.headers['retry-after']]).toEqual([503, '2']);
    expect(answer.json<Problem>()).toMatchObject({ code: 'bus-unavailable', retryable: true });
    expect(answer.body).not.toContain('kafka-7');
  });

  it('refuses what would not fit into its memory, and takes it again when there is room', async () => {
    const pending: (() => void)[] = [];
    const beforePublish = () => new Promise<void>((resolve) => pending.push(resolve));
    const overload = { inFlightBytesMax: 150, inFlightRequestsMax: 10 };
    const ingest = await open({ beforePublish, overload });
    const body = JSON.stringify(event());
    const first = post(ingest, body);
    while (pending.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const second = await post(ingest, body);
    expect([second.statusCode, second.json<Problem>().code, second.headers['retry-after']]).toEqual([
      503,
      'overloaded',
      '1',
    ]);
    pending.shift()?.();
    expect((await first).statusCode).toBe(202);
    const third = post(ingest, body);
    while (pending.length === 0) await new Promise((resolve) => setImmediate(resolve));
    pending.shift()?.();
    expect((await third).statusCode).toBe(202);
    expect(await ingest.telemetryText()).toContain('tidemark_ingest_in_flight_bytes 0');
  });

  it('logs no payload, whatever happens', async () => {
    const ingest = await open({
      beforePublish: async () => {
        throw new Error('a bug');
      },
    });
    await post(ingest, event({ data: { card: 'S3CRET' } }));
    await post(ingest, '{"card":"S3CRET"');
    await post(ingest, event({ id: 'S3CRET\u0000' }));
    expect(ingest.logged()).toContain('a bug');
    expect(ingest.logged()).not.toContain('S3CRET');
    expect(ingest.logged()).not.toContain(ingest.keys.producer);
  });
});
