import { assertThat, SECOND_MS } from '@tidemark/core';
import type { Cache } from './port.ts';
import { createRedisChannels } from './redis-channels.ts';
import { type CacheLog, createRedisConnection, type RedisConnection } from './redis-connection.ts';

export type { CacheLog } from './redis-connection.ts';

export interface RedisCacheOptions {
  /** `redis://user:password@host:port/database`, `rediss://` for TLS. */
  readonly url: string;
  readonly log: CacheLog;
  /** Before every key and channel; several products may share one Redis. Default `tidemark:`. */
  readonly keyPrefix?: string;
  /** Longest wait for an answer. Default 1 s: the callers have something else to fall back on. */
  readonly commandTimeoutMs?: number;
}

/** The time to live is set with the first addition (and again should a counter ever be without one). */
const INCREMENT = `
local total = redis.call('INCRBY', KEYS[1], ARGV[1])
if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return total`;

const ACQUIRE_LEASE = `
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1`;

const RELEASE_LEASE = `
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1`;

/** Keys looked at in one step of a scan. */
const SCAN_COUNT = 1_000;

/**
 * The cache of many processes. Connects by itself and never ends the process: while Redis is away, every call answers
 * cache-unavailable. Needs Redis 6.2 or later. Values, leases and channels live in name spaces of their own.
 */
export function createRedisCache(options: RedisCacheOptions): Cache {
  const { url, log, keyPrefix = 'tidemark:', commandTimeoutMs = SECOND_MS } = options;
  const commands = createRedisConnection({ url, log, commandTimeoutMs, name: 'tidemark-commands' });
  const channels = createRedisChannels({ url, log, commandTimeoutMs, name: 'tidemark-channels' });
  const valueKey = (key: string): string => `${keyPrefix}value:${key}`;
  const leaseKey = (name: string): string => `${keyPrefix}lease:${name}`;
  const channelName = (channel: string): string => `${keyPrefix}channel:${channel}`;

  return {
    get: async (key) => await commands.run(async (redis) => await redis.get(valueKey(key))),
    async set(key, value, ttlMs) {
      const ttl = wholeTtlMs(ttlMs);
      await commands.run(async (redis) => await redis.set(valueKey(key), value, 'PX', ttl));
    },
    async delete(key) {
      await commands.run(async (redis) => await redis.del(valueKey(key)));
    },
    async deleteByPrefix(prefix, isWanted = () => true) {
      const before = valueKey('').length;
      return await deleteMatching(commands, `${escapeGlob(valueKey(prefix))}*`, (stored) =>
        isWanted(stored.slice(before)),
      );
    },
    async increment(key, by, ttlMs) {
      assertThat(Number.isSafeInteger(by), `${by} is an integer`);
      const ttl = wholeTtlMs(ttlMs);
      return Number(
        await commands.run(async (redis) => await redis.eval(INCREMENT, 1, valueKey(key), by, ttl)),
      );
    },
    async acquireLease(name, owner, ttlMs) {
      const ttl = wholeTtlMs(ttlMs);
      const acquired = await commands.run(
        async (redis) => await redis.eval(ACQUIRE_LEASE, 1, leaseKey(name), owner, ttl),
      );
      return acquired === 1;
    },
    async releaseLease(name, owner) {
      await commands.run(async (redis) => await redis.eval(RELEASE_LEASE, 1, leaseKey(name), owner));
    },
    async publish(channel, message) {
      await commands.run(async (redis) => await redis.publish(channelName(channel), message));
    },
    subscribe: async (channel, listener) => await channels.subscribe(channelName(channel), listener),
    async ping() {
      await commands.run(async (redis) => await redis.ping());
    },
    async close() {
      await channels.close();
      await commands.close();
    },
  };
}

/** Keys that come or go meanwhile may or may not be met, as SCAN has it; each is counted by who deletes it. */
async function deleteMatching(
  commands: Pick<RedisConnection, 'run'>,
  pattern: string,
  isWanted: (stored: string) => boolean,
): Promise<number> {
  let cursor = '0';
  let deleted = 0;
  do {
    const from = cursor;
    const [next, found] = await commands.run(
      async (redis) => await redis.scan(from, 'MATCH', pattern, 'COUNT', SCAN_COUNT),
    );
    const keys = found.filter(isWanted);
    if (keys.length > 0) deleted += await commands.run(async (redis) => await redis.unlink(keys));
    cursor = next;
  } while (cursor !== '0');
  return deleted;
}

/** The text as a pattern that matches it alone: Redis gives `* ? [ ] \` a meaning. */
function escapeGlob(text: string): string {
  return text.replaceAll(/[*?[\]\\]/g, String.raw`\$&`);
}

/** Redis counts whole milliseconds, and 0 is an error to it. */
function wholeTtlMs(ttlMs: number): number {
  assertThat(ttlMs > 0, `a time to live is positive, not ${ttlMs} ms`);
  return Math.ceil(ttlMs);
}
