import { createLmdbBus, type AssignedPartition } from '@tidemark/bus';
import { declareTopics, decodeEventRecord, EVENTS_TOPIC } from '@tidemark/contracts';
import { systemClock } from '@tidemark/runtime';
import { afterEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { until } from './testing-clock.ts';
import { createTestIngest, type TestIngest, type TestIngestOptions } from './testing.ts';

const cleanups: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function listen(
  options: TestIngestOptions = {},
): Promise<{ readonly ingest: TestIngest; readonly port: number }> {
  const ingest = await createTestIngest(options);
  cleanups.push(() => ingest.app.close());
  await ingest.app.listen({ port: 0, host: '127.0.0.1' });
  return { ingest, port: (ingest.app.server.address() as AddressInfo).port };
}

function head(ingest: TestIngest, headers: string): string {
  return `POST /api/v1/events HTTP/1.1\r\nHost: x\r\nX-API-Key: ${ingest.keys.producer}\r\nContent-Type: application/json\r\n${headers}\r\n\r\n`;
}

function open(port: number): Socket {
  const socket = connect(port, '127.0.0.1');
  cleanups.push(() => void socket.destroy());
  return socket;
}

/** Until the whole of the wanted text has come. */
function readUntil(socket: Socket, wanted: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes(wanted)) resolve(text);
    });
    socket.on('close', () => reject(new Error(`closed after ${text}`)));
  });
}

function countConnections(ingest: TestIngest): Promise<number> {
  return new Promise((resolve, reject) => {
    ingest.app.server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)));
  });
}

const nothingInFlight = async (ingest: TestIngest) =>
  (await ingest.telemetryText()).includes('tidemark_ingest_in_flight_bytes 0');

describe('over a real socket', () => {
  it('refuses a body that is announced too large at once, and serves the connection afterwards', async () => {
    const { ingest, port } = await listen();
    const socket = open(port);
    const size = 50_000_000;
    socket.write(head(ingest, `Content-Length: ${size}`));
    expect(await readUntil(socket, '"body-too-large"')).toContain('HTTP/1.1 413');
    socket.write(Buffer.alloc(size, 0x20));
    socket.write(`${head(ingest, 'Content-Length: 2')}[]`);
    expect(await readUntil(socket, '"received":0')).toContain('HTTP/1.1 202');
  });

  it('gives back the room of a client that goes away while it sends', async () => {
    const { ingest, port } = await listen();
    for (const encoding of ['', 'Content-Encoding: gzip\r\n']) {
      const socket = open(port);
      const half = encoding === '' ? '[1,2,' : gzipSync(Buffer.alloc(100_000, 0x20)).subarray(0, 60);
      socket.write(head(ingest, `${encoding}Content-Length: 1000`));
      socket.write(half);
      if (encoding === '') await until(async () => !(await nothingInFlight(ingest)));
      socket.destroy();
      await until(() => nothingInFlight(ingest));
    }
    expect(ingest.records).toEqual([]);
  });

  it('gives back the room of every refused request', async () => {
    const { ingest, port } = await listen();
    const url = `http://127.0.0.1:${port}/api/v1/`;
    const send = async (door: string, contentType: string) => {
      const headers = { 'x-api-key': ingest.keys.producer, 'content-type': contentType };
      return (await fetch(url + door, { method: 'POST', headers, body: '{"a":1}' })).status;
    };
    expect(await send('analytics/metrics/none', 'application/json')).toBe(404);
    expect(await send('analytics/metrics', 'text/plain')).toBe(415);
    expect(await send('events', 'text/plain')).toBe(415);
    expect(await send('events', 'application/json')).toBe(400);
    expect(await nothingInFlight(ingest)).toBe(true);
  });

  it('keeps the room of a client that goes away while its events are being published', async () => {
    let publish: () => void = () => undefined;
    let isPublishing = false;
    const beforePublish = () =>
      new Promise<void>((resolve) => {
        isPublishing = true;
        publish = resolve;
      });
    const { ingest, port } = await listen({ beforePublish });
    const body = JSON.stringify({ specversion: '1.0', id: '1', source: '/s', type: 't' });
    const socket = open(port);
    socket.write(`${head(ingest, `Content-Length: ${body.length}`)}${body}`);
    await until(() => isPublishing);
    socket.destroy();
    await until(async () => (await countConnections(ingest)) === 0);
    expect(await nothingInFlight(ingest)).toBe(false);
    publish();
    await until(() => nothingInFlight(ingest));
    expect(ingest.records).toHaveLength(1);
  });
});

describe('a client that waits', () => {
  const body = JSON.stringify({ specversion: '1.0', id: '1', source: '/s', type: 't' });

  function send(ingest: TestIngest, socket: Socket): void {
    const request = head(ingest, `Content-Length: ${body.length}`).replace('/events', '/events?wait=stored');
    socket.write(request + body);
  }

  const waiting = async (ingest: TestIngest, count: number) =>
    (await ingest.telemetryText()).includes(`tidemark_ingest_waiting_requests ${count}`);

  it('holds no memory of its body while it waits, and its place is free when it has gone', async () => {
    const { ingest, port } = await listen();
    const socket = open(port);
    send(ingest, socket);
    await until(() => ingest.records.length === 1);
    await until(() => nothingInFlight(ingest));
    expect(await waiting(ingest, 1)).toBe(true);
    socket.destroy();
    await until(() => waiting(ingest, 0));
    expect(await ingest.telemetryText()).toContain('tidemark_ingest_waits_total{outcome="given-up"} 1');
  });

  it('is not taken for an idle connection', async () => {
    const { ingest, port } = await listen();
    const sockets: Socket[] = [];
    ingest.app.server.on('connection', (accepted: Socket) => sockets.push(accepted));
    const socket = open(port);
    const answered = readUntil(socket, '"reached":true');
    send(ingest, socket);
    await until(() => ingest.records.length === 1);
    await until(() => nothingInFlight(ingest));
    sockets[0]?.emit('timeout');
    ingest.catalog.storedOffset = 1;
    ingest.clock.advance(100);
    expect(await answered).toContain('HTTP/1.1 200');
  });

  it('is answered at once when the process stops, and what it sent is in the books', async () => {
    const { ingest, port } = await listen();
    const socket = open(port);
    const answered = readUntil(socket, '"reached":false');
    send(ingest, socket);
    await until(() => ingest.records.length === 1);
    await until(() => nothingInFlight(ingest));
    const closed = ingest.app.close();
    expect(await answered).toContain('HTTP/1.1 202');
    await closed;
    expect([...ingest.catalog.receipts.values()]).toMatchObject([{ organization: 'acme', acknowledged: 1 }]);
  });

  it('has what is still being published when the process stops in the books', async () => {
    let publish: () => void = () => undefined;
    let isPublishing = false;
    const beforePublish = () =>
      new Promise<void>((resolve) => {
        isPublishing = true;
        publish = resolve;
      });
    const { ingest, port } = await listen({ beforePublish });
    const socket = open(port);
    const answered = readUntil(socket, '"accepted":1');
    socket.write(head(ingest, `Content-Length: ${body.length}`) + body);
    await until(() => isPublishing);
    const closed = ingest.app.close();
    await until(() => !ingest.app.server.listening);
    publish();
    expect(await answered).toContain('HTTP/1.1 202');
    await closed;
    expect([...ingest.catalog.receipts.values()]).toMatchObject([{ acknowledged: 1 }]);
  });
});

describe('over the embedded bus', () => {
  it('has every accepted event in the log when it answers', async () => {
    const directory = await mkdtemp(path.join(tmpdir(), 'tidemark-ingest-'));
    cleanups.push(() => rm(directory, { recursive: true, force: true }));
    const silent = () => undefined;
    const log = { info: silent, warn: silent, error: silent };
    const bus = await createLmdbBus({ path: directory, clock: systemClock, log });
    cleanups.push(() => bus.close());
    await bus.ensureTopics(declareTopics(3));
    const { ingest, port } = await listen({ bus });
    const ids = Array.from({ length: 250 }, (_none, index) => `e${index}`);
    const answers = await Promise.all(
      ids.map((id) =>
        fetch(`http://127.0.0.1:${port}/api/v1/events`, {
          method: 'POST',
          headers: {
            authorization: `Bearer ${ingest.keys.producer}`,
            'content-type': 'application/cloudevents+json',
          },
          body: JSON.stringify({ specversion: '1.0', id, source: '/s', type: 't', data: { id } }),
        }),
      ),
    );
    expect(answers.every(({ status }) => status === 202)).toBe(true);
    const read = await readTopic(bus, 3, ids.length);
    expect(read.toSorted()).toEqual(ids.toSorted());
  });
});

async function readTopic(
  bus: Awaited<ReturnType<typeof createLmdbBus>>,
  partitions: number,
  count: number,
): Promise<readonly string[]> {
  const assigned: AssignedPartition[] = [];
  const consumer = await bus.consume({
    group: 'test',
    topics: [EVENTS_TOPIC],
    onAssigned: (partition) => void assigned.push(partition),
    onFatal: (error) => {
      throw error;
    },
  });
  await until(() => assigned.length === partitions);
  const ids: string[] = [];
  for (const partition of assigned) {
    const { endOffset } = await partition.bounds();
    for (const record of endOffset === 0 ? [] : await partition.read({ maxRecords: count, maxWaitMs: 10 })) {
      const decoded = decodeEventRecord(record);
      if (decoded.ok) ids.push(decoded.event.id);
    }
  }
  await consumer.close();
  return ids;
}
