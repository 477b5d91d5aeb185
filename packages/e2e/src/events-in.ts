/** Producers as they are: well-behaved clients, retries, late events, and garbage. */
import { gzipSync } from 'node:zlib';
import { expect, it } from '@jest/globals';
import { CloudEvent, emitterFor, httpTransport, Mode } from 'cloudevents';
import { ask, call, send, untilStored, valueOf } from './client.ts';
import type { System } from './system.ts';

const OUTCOME = { received: expect.any(Number), accepted: expect.any(Number) };

/** Each test counts in an hour of its own. */
let nextHour = 0;
function freshHour(): { from: string; to: string; at: (seconds: number) => string } {
  const start = Date.UTC(2024, 0, 1) + nextHour * 3_600_000;
  nextHour += 1;
  const instant = (ms: number) => new Date(ms).toISOString();
  return {
    from: instant(start),
    to: instant(start + 3_600_000),
    at: (seconds) => instant(start + seconds * 1_000),
  };
}

const event = (id: string, time: string, data: object = { service: 'e2e', prompt_tokens: 1 }) => ({
  specversion: '1.0',
  id,
  source: '/e2e',
  type: 'llm.request',
  time,
  data,
});

export function describeEventsIn(system: () => System): void {
  const count = async (range: { from: string; to: string }) => {
    await untilStored(system());
    return valueOf(await ask(system(), { metrics: ['llm.requests'], ...range }), 'llm.requests');
  };

  it.each([Mode.BINARY, Mode.STRUCTURED])(
    'takes events from an unmodified CloudEvents client, %s mode',
    async (mode) => {
      const hour = freshHour();
      const emit = emitterFor(httpTransport(`${system().ingestUrl}/api/v1/events`), { mode });
      const time = hour.at(1.5);
      const cloudEvent = new CloudEvent({
        id: `sdk-${mode}`,
        source: '/sdk',
        type: 'llm.request',
        time,
        data: { prompt_tokens: 7 },
      });
      await emit(cloudEvent, { headers: { authorization: `Bearer ${system().adminKey}` } });
      expect(await count(hour)).toBe(1);
    },
  );

  it('counts an event once however often and wherever it is sent', async () => {
    const hour = freshHour();
    const one = event('same', hour.at(10));
    const body = JSON.stringify([one, one]);
    const answers = await Promise.all([
      send(system(), body),
      send(system(), body),
      send(system(), JSON.stringify(one)),
    ]);
    expect(answers.map((answer) => answer.status)).toEqual([202, 202, 202]);
    expect(await count(hour)).toBe(1);
    await send(system(), body);
    expect(await count(hour)).toBe(1);
    await send(system(), JSON.stringify({ ...one, source: '/elsewhere' }));
    expect(await count(hour)).toBe(2);
  });

  it('puts late events into the bucket of their own time', async () => {
    const hour = freshHour();
    await send(system(), JSON.stringify(event('first', hour.at(60))));
    expect(await count(hour)).toBe(1);
    await send(system(), JSON.stringify([event('late-1', hour.at(61)), event('late-2', hour.at(0))]));
    await untilStored(system());
    const { series } = await ask(system(), { metrics: ['llm.requests'], ...hour, granularity: 'minute' });
    expect(series[0]?.points.map((point) => [point.start, point.value])).toEqual([
      [hour.at(0), 1],
      [hour.at(60), 2],
    ]);
  });

  it('stores the good events of a batch and names every fault of the others', async () => {
    const hour = freshHour();
    const batch = [
      event('good-1', hour.at(1)),
      { ...event('x', hour.at(1)), specversion: '0.3', id: '', time: 'yesterday' },
      { specversion: '1.0' },
      event('future', '9999-12-31T00:00:00Z'),
      'not an event',
      null,
      event('good-2', hour.at(2)),
    ];
    const { status, body } = await send(system(), JSON.stringify(batch));
    expect({ status, ...body }).toMatchObject({ status: 202, received: 7, accepted: 2 });
    const rejected = body['rejected'] as { index: number; code: string; faults?: unknown[] }[];
    expect(rejected.map((reject) => reject.index)).toEqual([1, 2, 3, 4, 5]);
    expect(rejected[0]?.faults).toHaveLength(3);
    expect(rejected[2]?.code).toBe('event-time-out-of-range');
    expect(await count(hour)).toBe(2);
  });

  it.each(['stored', 'visible'])(
    'answers when events are %s: a question asked then counts them',
    async (wait) => {
      const hour = freshHour();
      const batch = [event(`${wait}-1`, hour.at(1)), { specversion: '1.0' }, event(`${wait}-2`, hour.at(2))];
      const { status, body } = await send(system(), JSON.stringify(batch), {
        query: `wait=${wait}&timeout=60`,
      });
      expect({ status, ...body }).toMatchObject({
        status: 200,
        accepted: 2,
        rejected: [{ index: 1 }],
        wait: { level: wait, reached: true, deadLetters: 0, dead: [] },
      });
      const answer = await ask(system(), { metrics: ['llm.requests'], from: hour.from, to: hour.to });
      expect(valueOf(answer, 'llm.requests')).toBe(2);
    },
  );

  it('refuses to wait for what it does not know, or for ever', async () => {
    const body = JSON.stringify(event('never', freshHour().at(1)));
    for (const query of ['wait=durable', 'wait=stored&timeout=61']) {
      const answer = await send(system(), body, { query });
      expect(answer).toMatchObject({ status: 400, body: { code: 'invalid-request' } });
    }
  });

  it.each([
    ['malformed JSON', '{"specversion":', {}, 400],
    ['a prototype key', '[{"__proto__":{"admin":true}}]', {}, 400],
    ['nesting without end', '['.repeat(10_000) + ']'.repeat(10_000), {}, 400],
    ['NaN', '[NaN]', {}, 400],
    ['invalid UTF-8', Buffer.from([0x5b, 0x22, 0xc3, 0x28, 0x22, 0x5d]), {}, 400],
    ['an unknown media type', '<a/>', { 'content-type': 'application/xml' }, 415],
    ['an unknown encoding', 'x', { 'content-encoding': 'lzma' }, 415],
    ['a bomb', gzipSync(Buffer.alloc(200_000_000, 0x20)), { 'content-encoding': 'gzip' }, 413],
  ])('refuses %s with a problem that says so', async (_what, body, headers, expected) => {
    const answer = await send(system(), body, { headers });
    expect(answer.status).toBe(expected);
    expect(answer.body).toMatchObject({
      code: expect.any(String),
      title: expect.any(String),
      detail: expect.any(String),
    });
  });

  it('refuses a body of 50 MB without reading it all', async () => {
    const outcome = await send(system(), Buffer.alloc(50_000_000, 0x20)).then(
      (answer) => answer.status,
      (error: unknown) => error,
    );
    // The server may close the connection while the client still writes: then the client sees that instead of the answer.
    if (outcome instanceof Error)
      expect(String((outcome.cause as Error | undefined)?.message ?? outcome)).toMatch(
        /EPIPE|ECONNRESET|socket/,
      );
    else expect(outcome).toBe(413);
  });

  it('asks for a key, and for the right one', async () => {
    const hour = freshHour();
    const body = JSON.stringify(event('nobody', hour.at(1)));
    expect((await send(system(), body, { key: null })).status).toBe(401);
    const unknown = await send(system(), body, {
      key: 'tm_0000000000000000_00000000000000000000000000000000_00000000',
    });
    expect(unknown).toMatchObject({ status: 401, body: { code: 'unauthenticated' } });

    const make = async (role: string) => {
      const created = await call(`${system().gatewayUrl}/api/v1/api-keys`, {
        key: system().adminKey,
        body: JSON.stringify({ name: `e2e ${role}`, role }),
      });
      expect(created.status).toBe(201);
      return created.body as { id: string; key: string };
    };
    const producer = await make('producer');
    const viewer = await make('viewer');
    expect((await send(system(), body, { key: viewer.key })).status).toBe(403);
    expect(await send(system(), body, { key: producer.key })).toMatchObject({
      status: 202,
      body: { ...OUTCOME, accepted: 1 },
    });
    expect(await count(hour)).toBe(1);
    const query = JSON.stringify({ metrics: ['llm.requests'], ...hour });
    const asked = async (key: string) =>
      (await call(`${system().gatewayUrl}/api/v1/query`, { key, body: query })).status;
    expect(await asked(viewer.key)).toBe(200);
    expect(await asked(producer.key)).toBe(403);
  });

  it('is still well after all of this', async () => {
    for (const url of [system().ingestUrl, system().gatewayUrl]) {
      expect((await call(`${url}/readyz`, { key: null })).status).toBe(200);
    }
  });
}
