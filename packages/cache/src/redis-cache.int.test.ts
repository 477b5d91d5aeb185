import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { isAppError } from '@tidemark/core';
import { Redis } from 'ioredis';
import { describeCache } from './conformance.ts';
import type { Cache } from './port.ts';
import { type CacheLog, createRedisCache } from './redis-cache.ts';

const url = readUrl();
const silent: CacheLog = { info: () => undefined, warn: () => undefined };
const COMMAND_TIMEOUT_MS = 500;
const UNAVAILABLE = { code: 'cache-unavailable', inTime: true };

describeCache('Redis', {
  async createSpace() {
    const keyPrefix = `test:${randomUUID()}:`;
    const caches: Cache[] = [];
    const server = new Redis(url);
    async function serverNowMs(): Promise<number> {
      const [seconds, microseconds] = await server.time();
      return Number(seconds) * 1_000 + Number(microseconds) / 1_000;
    }
    return await Promise.resolve({
      async connect() {
        const cache = createRedisCache({ url, log: silent, keyPrefix });
        caches.push(cache);
        return await Promise.resolve(cache);
      },
      async advance(ms: number) {
        const endMs = (await serverNowMs()) + ms;
        while ((await serverNowMs()) <= endMs) await nextTurn();
      },
      async destroy() {
        await Promise.all(caches.map(async (cache) => await cache.close()));
        const keys = await server.keys(`${keyPrefix}*`);
        if (keys.length > 0) await server.unlink(keys);
        await server.quit();
      },
    });
  },
});

describe('Redis cache when its server fails', () => {
  let port: number;
  let server: ChildProcess;
  let cache: Cache;

  beforeEach(async () => {
    port = await freePort();
    server = await startServer(port);
    cache = createRedisCache({
      url: `redis://127.0.0.1:${port}`,
      log: silent,
      commandTimeoutMs: COMMAND_TIMEOUT_MS,
    });
  });
  afterEach(async () => {
    await cache.close();
    await stopServer(server);
  });

  it('answers cache-unavailable while it is dead and works when it is back', async () => {
    await cache.set('key', 'before', 60_000);
    await stopServer(server);
    expect(await failureOf(cache.get('key'))).toEqual(UNAVAILABLE);
    expect(await failureOf(cache.subscribe('news', () => undefined))).toEqual(UNAVAILABLE);
    server = await startServer(port);
    await waitFor(async () => await cache.set('key', 'after', 60_000));
    expect(await cache.get('key')).toBe('after');
  });

  it('fails the commands under way at once and does not send them again', async () => {
    await cache.ping();
    server.kill('SIGSTOP');
    const additions = Array.from({ length: 50 }, async () => await cache.increment('count', 1, 60_000));
    const outcomes = Promise.allSettled(additions);
    await stopServer(server);
    expect((await outcomes).every((outcome) => outcome.status === 'rejected')).toBe(true);
    server = await startServer(port);
    await waitFor(async () => await cache.ping());
    expect(await cache.get('count')).toBeNull();
  });

  it('answers in time when the server hangs, and works when it goes on', async () => {
    await cache.ping();
    server.kill('SIGSTOP');
    expect(await failureOf(cache.get('key'))).toEqual(UNAVAILABLE);
    server.kill('SIGCONT');
    await waitFor(async () => await cache.ping());
  });

  it('subscribes again by itself', async () => {
    const heard: string[] = [];
    await cache.subscribe('news', (message) => heard.push(message));
    const leave = await cache.subscribe('left', () => heard.push('left'));
    await stopServer(server);
    await leave();
    server = await startServer(port);
    await waitFor(async () => {
      await cache.publish('left', 'x');
      await cache.publish('news', 'again');
      expect(heard).toContain('again');
    });
    expect(heard).not.toContain('left');
  });

  it('answers cache-unavailable when nobody ever listened', async () => {
    const lonely = createRedisCache({
      url: `redis://127.0.0.1:${await freePort()}`,
      log: silent,
      commandTimeoutMs: COMMAND_TIMEOUT_MS,
    });
    expect(await failureOf(lonely.ping())).toEqual(UNAVAILABLE);
    await lonely.close();
  });
});

/** Its code and whether it came in time. */
async function failureOf(call: Promise<unknown>): Promise<unknown> {
  const startedAtMs = performance.now();
  const code = await call.then(
    () => 'no failure',
    (error: unknown) => (isAppError(error) ? error.code : error),
  );
  return { code, inTime: performance.now() - startedAtMs < 4 * COMMAND_TIMEOUT_MS };
}

/** Until it no longer rejects; the limit of the test ends it otherwise. */
async function waitFor(attempt: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await attempt();
      return;
    } catch {
      await nextTurn();
    }
  }
}

async function nextTurn(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 2));
}

async function startServer(port: number): Promise<ChildProcess> {
  const server = spawn('redis-server', ['--port', String(port), '--save', '', '--appendonly', 'no'], {
    stdio: 'ignore',
  });
  await once(server, 'spawn');
  const probe = new Redis(port, '127.0.0.1', { retryStrategy: () => 20, maxRetriesPerRequest: null });
  probe.on('error', () => undefined);
  await probe.ping();
  await probe.quit();
  return server;
}

async function stopServer(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const exited = once(server, 'exit');
  server.kill('SIGKILL');
  await exited;
}

async function freePort(): Promise<number> {
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  listener.close();
  await once(listener, 'close');
  if (address === null || typeof address === 'string') throw new Error('a TCP listener has a port');
  return address.port;
}

function readUrl(): string {
  const value = process.env.TIDEMARK_TEST_REDIS_URL;
  if (value === undefined) throw new Error('TIDEMARK_TEST_REDIS_URL must name a Redis to test against');
  return value;
}
