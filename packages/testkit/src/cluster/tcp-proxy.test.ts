import { createServer, type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts';
import { waitUntil } from './wait-until.ts';

describe('the TCP proxy', () => {
  const bodies: string[] = [];
  const server = createServer((incoming, response) => {
    readAll(incoming).then(
      (body) => {
        bodies.push(body);
        response.end(`got ${body.length}`);
      },
      () => bodies.push('broken off'),
    );
  });
  let proxy: TcpProxy;

  beforeEach(async () => {
    bodies.length = 0;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    proxy = await startTcpProxy({ port: (server.address() as AddressInfo).port });
  });
  afterEach(async () => {
    await proxy.close();
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  });

  const post = (body: string, timeoutMs = 5_000) =>
    new Promise<string>((resolve, reject) => {
      const outgoing = request(
        { port: proxy.port, host: '127.0.0.1', method: 'POST', agent: false, timeout: timeoutMs },
        (response) => void readAll(response).then(resolve, reject),
      );
      outgoing.once('timeout', () => outgoing.destroy(new Error('no answer')));
      outgoing.once('error', reject);
      outgoing.end(body);
    });

  it('passes everything on', async () => {
    const body = 'x'.repeat(1_000_000);
    expect(await post(body)).toBe('got 1000000');
    expect(proxy.disturbed()).toBe(0);
  });

  it('delays both directions', async () => {
    proxy.setMode({ kind: 'delay', delayMs: 50 });
    const startedAtMs = performance.now();
    expect(await post('slow')).toBe('got 4');
    expect(performance.now() - startedAtMs).toBeGreaterThanOrEqual(95);
  });

  it('delays, and counts whom', async () => {
    proxy.setMode({ kind: 'delay', delayMs: 20 });
    expect(await post('slow')).toBe('got 4');
    expect(proxy.disturbed()).toBe(1);
    proxy.setMode({ kind: 'delay', delayMs: 20 });
    expect(await post('again')).toBe('got 5');
    expect(proxy.disturbed()).toBe(2);
  });

  it('refuses, and passes again afterwards', async () => {
    proxy.setMode({ kind: 'refuse' });
    await expect(post('refused')).rejects.toThrow(/ECONNRESET|hang up/);
    proxy.setMode({ kind: 'pass' });
    expect(await post('again')).toBe('got 5');
    expect(bodies).toEqual(['again']);
  });

  it('cuts a request in its middle', async () => {
    proxy.setMode({ kind: 'cut-after', bytes: 100_000 });
    await expect(post('x'.repeat(500_000))).rejects.toThrow(/ECONNRESET|EPIPE|hang up/);
    await waitUntil(async () => bodies.length === 1, { what: 'the server to notice', deadlineMs: 5_000 });
    expect(bodies).toEqual(['broken off']);
  });

  it('cuts after the work and before the reply', async () => {
    proxy.setMode({ kind: 'cut-before-reply' });
    await expect(post('work')).rejects.toThrow(/ECONNRESET|hang up/);
    expect(bodies).toEqual(['work']);
    expect(proxy.disturbed()).toBe(1);
  });

  it('swallows what meets that mode for ever, and nothing after it', async () => {
    proxy.setMode({ kind: 'swallow' });
    const swallowed = post('lost', 300);
    await waitUntil(async () => proxy.disturbed() === 1, { what: 'it to be swallowed', deadlineMs: 5_000 });
    proxy.setMode({ kind: 'pass' });
    expect(await post('next')).toBe('got 4');
    await expect(swallowed).rejects.toThrow('no answer');
    expect(bodies).toEqual(['next']);
  });
});

async function readAll(stream: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
