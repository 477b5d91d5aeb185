import net from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { LiveServerMessage } from '@tidemark/contracts';
import { MINUTE_MS, SECOND_MS } from '@tidemark/core';
import { WebSocket, type ClientOptions } from 'ws';
import { STALLED_MS_MAX } from '../live/limits.ts';
import { createHeldClock, settle } from '../live/test-feed.ts';
import { createTestGateway, NOW_MS, type TestGateway } from '../testing.ts';

const PATH = '/api/v1/ws/analytics/default';
const QUERY = { metrics: ['shop.orders'], from: '2026-01-15', to: '2026-01-16' };
/** Thousands of points that are null. */
const LARGE = { ...QUERY, from: '2026-01-13', granularity: 'minute', fill: 'null' };
const DEADLINE_MS = 10_000;

const closing: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function open() {
  const clock = createHeldClock(NOW_MS);
  let count = 3;
  const gateway = await createTestGateway({
    clock,
    // Of answers with buckets, all are empty.
    answer: ({ sql }) =>
      Promise.resolve(
        sql.includes('point') ? [] : [{ f_events: String(count), f_value_count: String(count) }],
      ),
  });
  closing.push(() => gateway.app.close());
  const url = await gateway.app.listen({ port: 0, host: '127.0.0.1' });
  const advance = async (ms: number) => {
    clock.advance(ms);
    await settle();
  };
  const store = async () => {
    count += 1;
    gateway.flush([NOW_MS - MINUTE_MS]);
    await advance(SECOND_MS);
  };
  return { gateway, url, port: Number(new URL(url).port), advance, store };
}

async function until(what: string, condition: () => boolean): Promise<void> {
  const untilMs = Date.now() + DEADLINE_MS;
  while (!condition()) {
    if (Date.now() > untilMs) throw new Error(`waited in vain for ${what}`);
    await settle();
  }
}

class Client {
  readonly socket: WebSocket;
  readonly messages: LiveServerMessage<{ series: { points: { value: unknown }[] }[] }>[] = [];
  closed: { readonly code: number; readonly reason: string } | null = null;
  status: number | null = null;
  problem: Record<string, unknown> = {};

  constructor(url: string, protocols: string[] = [], options: ClientOptions = {}) {
    this.socket = new WebSocket(url.replace('http:', 'ws:'), protocols, options);
    this.socket.on('error', () => undefined);
    this.socket.on('message', (data) => this.messages.push(JSON.parse((data as Buffer).toString()) as never));
    this.socket.on('close', (code, reason) => {
      this.closed = { code, reason: reason.toString() };
    });
    this.socket.on('unexpected-response', (_request, response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => {
        this.problem = JSON.parse(text) as Record<string, unknown>;
        this.status = response.statusCode ?? 0;
      });
    });
    closing.push(() => this.socket.terminate());
  }

  send(message: unknown): void {
    this.socket.send(
      typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message),
    );
  }

  async next(type: string, index = 0) {
    await until(type, () => this.messages.filter((one) => one.type === type).length > index);
    return this.messages.filter((one) => one.type === type)[index] as Client['messages'][number];
  }

  async close() {
    await until('the close', () => this.closed !== null);
    return this.closed;
  }
}

const linkOf = (url: string, gateway: TestGateway, role: 'viewer' | 'admin' | 'producer' = 'viewer') =>
  `${url}${PATH}?token=${gateway.keyOf[role]}`;

describe('the live feed over a WebSocket', () => {
  it('gives the answer of REST, and what changes in it after a flush', async () => {
    const { gateway, url, store } = await open();
    const client = new Client(linkOf(url, gateway));
    expect(await client.next('connected')).toMatchObject({
      protocol: 1,
      organization: 'default',
      heartbeatSeconds: 20,
    });
    client.send({ type: 'subscribe', id: 'orders', query: QUERY });
    const first = await client.next('subscription_data');
    const ask = async () =>
      (
        await gateway.app.inject({
          method: 'POST',
          url: '/api/v1/query',
          headers: { authorization: `Bearer ${gateway.keyOf.viewer}` },
          payload: QUERY,
        })
      ).json<unknown>();
    expect(first).toMatchObject({ id: 'orders', sequence: 1, answer: await ask() });
    await store();
    const second = await client.next('metric_update');
    expect(second).toMatchObject({ id: 'orders', sequence: 2, answer: await ask() });
    expect(second.answer?.series[0]?.points[0]?.value).toBe(4);

    client.send({ type: 'unsubscribe', id: 'orders' });
    client.send({ type: 'ping', id: 'me' });
    expect(await client.next('pong')).toMatchObject({ id: 'me', time: expect.any(String) });
    await store();
    client.send({ type: 'subscribe', id: 'again', query: QUERY, resume: second.resume });
    expect(await client.next('subscription_data', 1)).toMatchObject({
      id: 'again',
      sequence: 2,
      resumed: true,
    });
    expect(await client.next('metric_update', 1)).toMatchObject({
      id: 'again',
      sequence: 3,
      answer: await ask(),
    });
  });

  it('takes the credential from the URL, a header or a subprotocol, and tells it to no log', async () => {
    const { gateway, url } = await open();
    const key = gateway.keyOf.viewer;
    const bySubprotocol = new Client(`${url}${PATH}`, ['tidemark.v1', `bearer.${key}`]);
    await Promise.all(
      [
        new Client(linkOf(url, gateway)),
        new Client(`${url}${PATH}`, [], { headers: { authorization: `Bearer ${key}` } }),
        bySubprotocol,
      ].map((client) => client.next('connected')),
    );
    expect(bySubprotocol.socket.protocol).toBe('tidemark.v1');
    expect(gateway.logged()).not.toContain(key.slice(-12));
  });

  it('refuses before it becomes one', async () => {
    const { gateway, url } = await open();
    const refused = async (address: string) => {
      const client = new Client(address);
      await until('the refusal', () => client.status !== null);
      return [client.status, client.problem['code']];
    };
    expect(await refused(`${url}${PATH}`)).toEqual([401, 'unauthenticated']);
    expect(await refused(linkOf(url, gateway).replace('/default', '/other'))).toEqual([403, 'forbidden']);
    expect(await refused(linkOf(url, gateway, 'producer'))).toEqual([403, 'forbidden']);
    expect(await refused(`${linkOf(url, gateway)}&since=1`)).toEqual([400, 'invalid-request']);
    expect(await refused(`${url}/api/v1/query?token=${gateway.keyOf.viewer}`)).toEqual([
      405,
      'method-not-allowed',
    ]);
    const plain = await fetch(linkOf(url, gateway));
    expect([plain.status, await plain.json()]).toEqual([
      400,
      expect.objectContaining({ code: 'invalid-request' }),
    ]);
  });

  it('answers what it does not understand with a problem, and goes on', async () => {
    const { gateway, url } = await open();
    const client = new Client(linkOf(url, gateway));
    await client.next('connected');
    const sent: [unknown, string][] = [
      ['{"type":', 'malformed-body'],
      ['null', 'invalid-request'],
      [{ type: 'shout', id: 'a' }, 'invalid-request'],
      [{ type: 'subscribe', id: 'a', interval: 0, metrics: [] }, 'invalid-request'],
      [{ type: 'subscribe', id: 'a' }, 'invalid-request'],
      [{ type: 'subscribe', id: 'a', metrics: ['shop.nothing'] }, 'unknown-metric'],
      [{ type: 'subscribe', id: 'a', metrics: ['shop.secret_orders'] }, 'forbidden'],
      [{ type: 'subscribe', id: 'a', query: { ...QUERY, cursor: 'abc' } }, 'invalid-query'],
      [{ type: 'unsubscribe', id: 'a' }, 'not-found'],
    ];
    for (const [index, [message, code]] of sent.entries()) {
      client.send(message);
      const { id, problem } = await client.next('error', index);
      expect([id ?? null, problem?.code]).toEqual([typeof message === 'string' ? null : 'a', code]);
    }
    const faults = (await client.next('error', 3)).problem?.errors?.map(({ pointer }) => pointer) ?? [];
    expect(faults).toEqual(expect.arrayContaining(['/interval', '/metrics']));
    client.send({ type: 'subscribe', id: 'a', metrics: ['shop.orders'] });
    await client.next('subscription_data');
    client.send({ type: 'subscribe', id: 'a', metrics: ['shop.orders'] });
    expect((await client.next('error', sent.length)).problem?.code).toBe('conflict');
  });

  it('closes what is no conversation, by its code', async () => {
    const { gateway, url } = await open();
    const closeAfter = async (act: (client: Client) => void) => {
      const client = new Client(linkOf(url, gateway));
      await client.next('connected');
      act(client);
      return (await client.close())?.code;
    };
    expect(await closeAfter((client) => client.send(Buffer.from([1, 2])))).toBe(1003);
    expect(await closeAfter((client) => client.send('x'.repeat(100_000)))).toBe(1009);
    expect(await closeAfter((client) => client.socket.send(Buffer.from([0xff]), { binary: false }))).toBe(
      1007,
    );
    const flood = (client: Client) => {
      for (let message = 0; message <= 100; message += 1) client.send({ type: 'ping' });
    };
    expect(await closeAfter(flood)).toBe(4429);
    const after = new Client(linkOf(url, gateway));
    await after.next('connected');
  });

  it('outlives connections that are reset, at any time', async () => {
    const { gateway, url, port, store } = await open();
    const key = gateway.keyOf.viewer;
    const lines = ['Host: x', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'];
    const request = `GET ${PATH}?token=${key} HTTP/1.1\r\n${lines.join('\r\n')}\r\nSec-WebSocket-Key: ${'A'.repeat(22)}==\r\n\r\n`;
    for (let attempt = 0; attempt < 20; attempt += 1) {
      const socket = net.connect(port, '127.0.0.1');
      socket.on('error', () => undefined);
      await new Promise((resolve) => socket.once('connect', resolve));
      socket.write(request);
      for (let turn = 0; turn < attempt; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      socket.resetAndDestroy();
    }
    const client = new Client(linkOf(url, gateway));
    await client.next('connected');
    client.send({ type: 'subscribe', query: QUERY });
    await client.next('subscription_data');
    (client.socket as unknown as { _socket: net.Socket })._socket.resetAndDestroy();
    await store();
    const after = new Client(linkOf(url, gateway));
    expect(await after.next('connected')).toMatchObject({ protocol: 1 });
  });

  it('ends with the credential', async () => {
    const { gateway, url, advance } = await open();
    const client = new Client(linkOf(url, gateway));
    const other = new Client(linkOf(url, gateway, 'admin'));
    await Promise.all([client.next('connected'), other.next('connected')]);
    const record = [...gateway.apiKeys.records.values()].find(({ role }) => role === 'viewer');
    gateway.apiKeys.records.set(record?.publicId ?? '', { ...record, revokedAtMs: NOW_MS } as never);
    for (let second = 0; second < 30; second += 1) await advance(SECOND_MS);
    expect((await client.close())?.code).toBe(4401);
    expect(other.closed).toBeNull();
  });

  it('ends without heartbeats', async () => {
    const { gateway, url, advance } = await open();
    const deaf = new Client(linkOf(url, gateway), [], { autoPong: false });
    const client = new Client(linkOf(url, gateway));
    await Promise.all([deaf.next('connected'), client.next('connected')]);
    let beats = 0;
    client.socket.on('ping', () => (beats += 1));
    for (let second = 0; second < 70; second += 1) {
      await advance(SECOND_MS);
      if (second % 20 === 19) await until('the heartbeat', () => beats > second / 20 - 1);
    }
    await deaf.close();
    expect(client.closed).toBeNull();
  });

  it('says goodbye when the server stops, and does not keep it', async () => {
    const { gateway, url } = await open();
    const clients = Array.from({ length: 3 }, () => new Client(linkOf(url, gateway)));
    for (const client of clients) {
      await client.next('connected');
      client.send({ type: 'subscribe', query: QUERY, interval: 5 });
      await client.next('subscription_data');
    }
    const stream = await fetch(`${url}/api/v1/live?metrics=shop.orders&token=${gateway.keyOf.viewer}`);
    await gateway.app.close();
    expect(await stream.text()).toContain('"code":"stopping"');
    for (const client of clients) {
      expect(await client.close()).toEqual({
        code: 1001,
        reason: expect.stringMatching(/^shutting down; connect again in [1-5] s$/),
      });
    }
  });

  it('closes a client that never reads, and sends it no more than fits', async () => {
    const { gateway, url, advance } = await open();
    const client = new Client(linkOf(url, gateway));
    await client.next('connected');
    client.send({ type: 'subscribe', query: LARGE, interval: 1 });
    const bytes = JSON.stringify(await client.next('subscription_data')).length;
    expect(bytes).toBeGreaterThan(200_000);
    client.socket.pause();
    const SECONDS = 120;
    for (let second = 0; second < SECONDS; second += 1) await advance(SECOND_MS);
    client.socket.resume();
    // By the time it reads again it has been cut off; who does so sooner is told 4408.
    expect((await client.close())?.code).toBe(1006);
    // What the kernels of both sides hold, the buffer of the connection, and one message more.
    const taken = client.messages.length;
    expect(taken).toBeLessThan(SECONDS - STALLED_MS_MAX / SECOND_MS - 10);
  }, 60_000);
});

describe('upgrades', () => {
  it('to a WebSocket where there is none are requests like others', async () => {
    const { gateway, port } = await open();
    const socket = net.connect(port, '127.0.0.1');
    closing.push(() => void socket.destroy());
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    const head = [
      'GET /api/v1/openapi.json HTTP/1.1',
      'Host: x',
      `Authorization: Bearer ${gateway.keyOf.viewer}`,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: x',
    ].join('\r\n');
    socket.write(`${head}\r\n\r\n`);
    await until('the whole document', () => {
      const [, length] = /content-length: (\d+)/i.exec(text) ?? [];
      const body = text.split('\r\n\r\n')[1] ?? '';
      return length !== undefined && Buffer.byteLength(body) === Number(length);
    });
    expect(text).toMatch(/^HTTP\/1\.1 200 OK/);
  });

  it('to anything else are requests like others', async () => {
    const { gateway, port } = await open();
    const body = JSON.stringify(QUERY);
    const head = [
      'POST /api/v1/query HTTP/1.1',
      'Host: x',
      `Authorization: Bearer ${gateway.keyOf.viewer}`,
      'Content-Type: application/json',
      `Content-Length: ${body.length}`,
      'Connection: Upgrade, HTTP2-Settings',
      'Upgrade: h2c',
      'HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA',
    ].join('\r\n');
    const socket = net.connect(port, '127.0.0.1');
    closing.push(() => void socket.destroy());
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    // Twice on one connection; the second time with the body behind.
    for (const [index, pause] of [false, true].entries()) {
      socket.write(`${head}\r\n\r\n`);
      if (pause) await settle();
      socket.write(body);
      await until('the answer', () => text.split('"series":').length === index + 2);
    }
    expect(text.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(2);
  });
});

describe('the live feed as an event stream', () => {
  async function follow(url: string, init: RequestInit = {}) {
    const ending = new AbortController();
    closing.push(() => ending.abort());
    const response = await fetch(url, { ...init, signal: ending.signal });
    const events: { event: string; id: string; data: Client['messages'][number] }[] = [];
    let text = '';
    let isOver = false;
    const reading = (async () => {
      for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
        text += Buffer.from(chunk).toString();
        const parts = text.split('\n\n');
        text = parts.pop() ?? '';
        for (const part of parts) {
          const lines = part.split('\n').map((line) => line.split(/: (.*)/s).slice(0, 2));
          const fields = Object.fromEntries(lines) as Record<string, string>;
          const { event = '', id = '', data } = fields;
          if (data !== undefined)
            events.push({ event, id, data: JSON.parse(data) as Client['messages'][number] });
        }
      }
    })();
    reading.then(
      () => (isOver = true),
      () => (isOver = true),
    );
    return {
      response,
      events,
      end: () => ending.abort(),
      isOver: () => isOver,
      next: async (type: string, index = 0) => {
        await until(type, () => events.filter(({ event }) => event === type).length > index);
        return events.filter(({ event }) => event === type)[index] as (typeof events)[number];
      },
    };
  }

  it('gives the same, and goes on where the client was', async () => {
    const { gateway, url, store, advance } = await open();
    const address = `${url}/api/v1/live?metrics=shop.orders&from=2026-01-15&to=2026-01-16&token=${gateway.keyOf.viewer}`;
    const stream = await follow(address);
    expect(stream.response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(stream.response.headers.get('ratelimit')).not.toBeNull();
    const first = await stream.next('subscription_data');
    expect(first.data).toMatchObject({ type: 'subscription_data', sequence: 1, resume: first.id });
    await store();
    const second = await stream.next('metric_update');
    stream.end();
    await store();
    const again = await follow(address, { headers: { 'last-event-id': second.id } });
    expect((await again.next('subscription_data')).data).toMatchObject({ sequence: 2, resumed: true });
    expect((await again.next('metric_update')).data.answer?.series[0]?.points[0]?.value).toBe(5);

    const posted = await follow(`${url}/api/v1/live?interval=5`, {
      method: 'POST',
      headers: { authorization: `Bearer ${gateway.keyOf.viewer}`, 'content-type': 'application/json' },
      body: JSON.stringify(QUERY),
    });
    // Nobody may have followed the question for a moment: then it is asked again.
    await advance(SECOND_MS);
    expect((await posted.next('subscription_data')).data.answer).toMatchObject({ granularity: null });
  });

  it('refuses before it begins, and ends with the credential', async () => {
    const { gateway, url, advance } = await open();
    const status = async (query: string) => (await fetch(`${url}/api/v1/live?${query}`)).status;
    const token = `token=${gateway.keyOf.viewer}`;
    expect(await status('metrics=shop.orders')).toBe(401);
    expect(await status(`${token}&metrics=shop.nothing`)).toBe(422);
    expect(await status(`${token}&metrics=shop.secret_orders`)).toBe(403);
    expect(await status(`${token}&metrics=shop.orders&interval=9999`)).toBe(400);
    const stream = await follow(`${url}/api/v1/live?${token}&metrics=shop.orders`);
    await stream.next('subscription_data');
    const record = [...gateway.apiKeys.records.values()].find(({ role }) => role === 'viewer');
    gateway.apiKeys.records.set(record?.publicId ?? '', { ...record, revokedAtMs: NOW_MS } as never);
    for (let second = 0; second < 30; second += 1) await advance(SECOND_MS);
    expect((await stream.next('error')).data.problem?.code).toBe('unauthenticated');
    await until('the end', stream.isOver);
  });
});
