import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { type RawAnswer, type RawRequest, sendRaw } from './raw-http.ts';

const servers: Server[] = [];
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
});

const GET: RawRequest = { method: 'GET', target: '/x', headers: [], body: null };

/** Sends to a server that says just this, and keeps the connection. */
async function ask(
  answer: readonly string[],
  request: RawRequest = GET,
): Promise<{ readonly answer: RawAnswer; readonly received: string }> {
  let received = '';
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => socket.destroy());
    socket.once('data', (data) => {
      received += data.toString('latin1');
      for (const part of answer) socket.write(part);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const options = { host: '127.0.0.1', port: address.port, timeoutMs: 5_000, nowMs: () => performance.now() };
  return { answer: await sendRaw(request, options), received };
}

describe('a raw request', () => {
  it('is sent byte by byte', async () => {
    const request = { ...GET, target: '/\u00ff%', headers: [['X-A', 'a\r\nX-B: b']] as const };
    const { received } = await ask(['HTTP/1.1 204 x\r\n\r\n'], request);
    expect(received.split('\r\n')[0]).toBe('GET /\u00ff% HTTP/1.1');
    expect(received).toContain('X-A: a\r\nX-B: b\r\n\r\n');
  });

  it('ends with its answer, though the connection goes on', async () => {
    const { answer } = await ask([
      'HTTP/1.1 200 x\r\nContent-Length: 2\r\n\r\n',
      'okHTTP/1.1 500 another\r\n\r\n',
    ]);
    expect([answer.status, answer.body]).toEqual([200, 'ok']);
  });

  it('puts chunks together', async () => {
    const head = 'HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n';
    const { answer } = await ask([head, '2\r\nab\r\n', '1\r\nc\r\n0\r\n\r\n']);
    expect(answer.body).toBe('abc');
  });

  it('leaves an answer that never ends', async () => {
    const { answer } = await ask([
      'HTTP/1.1 200 x\r\nContent-Type: text/event-stream\r\n\r\n',
      'data: 1\n\n',
    ]);
    expect([answer.status, answer.body]).toEqual([200, 'data: 1\n\n']);
  });

  it('passes over the leave to send the body', async () => {
    const { answer } = await ask([
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 x\r\nContent-Length: 0\r\n\r\n',
    ]);
    expect(answer.status).toBe(201);
  });
});
