import { AppError, assertThat, type Clock } from '@tidemark/core';
import { ExpiringLru } from './expiring-lru.ts';
import type { Cache } from './port.ts';

export interface MemoryCacheOptions {
  readonly clock: Pick<Clock, 'nowMs'>;
  /** Most values and counters together; as many leases again. Default 100,000. */
  readonly maxEntries?: number;
  /** Most estimated bytes of values and counters; as many of leases again. Default 64 MiB. */
  readonly maxBytes?: number;
}

/**
 * The cache of one process. Listeners hear a message after the publisher's call has returned to the event loop, in order; one
 * that throws is a bug and ends the process.
 */
export function createMemoryCache(options: MemoryCacheOptions): Cache {
  const bounds = {
    clock: options.clock,
    maxEntries: options.maxEntries ?? 100_000,
    maxBytes: options.maxBytes ?? 64 * 1024 * 1024,
  };
  const values = new ExpiringLru(bounds);
  const leases = new ExpiringLru(bounds);
  const channels = new Map<string, Set<{ readonly listener: (message: string) => void }>>();
  let closed = false;

  /** Turns the synchronous work into the promise the port gives, failures included. */
  async function whileOpen<T>(work: () => T): Promise<T> {
    if (closed) throw new AppError('cache-unavailable', 'The cache is closed');
    return await Promise.resolve(work());
  }

  return {
    get: async (key) => await whileOpen(() => values.get(key)),
    set: async (key, value, ttlMs) => await whileOpen(() => values.set(key, value, assertTtl(ttlMs))),
    delete: async (key) => await whileOpen(() => void values.delete(key)),
    deleteByPrefix: async (prefix, isWanted = () => true) =>
      await whileOpen(
        () =>
          values.keys().filter((key) => key.startsWith(prefix) && isWanted(key) && values.delete(key)).length,
      ),
    increment: async (key, by, ttlMs) =>
      await whileOpen(() => {
        assertThat(Number.isSafeInteger(by), `${by} is an integer`);
        const before = values.get(key);
        const total = Number(before ?? 0) + by;
        assertThat(Number.isSafeInteger(total), `${key} holds a counter`);
        if (before === null) values.set(key, String(total), assertTtl(ttlMs));
        else values.replace(key, String(total));
        return total;
      }),
    acquireLease: async (name, owner, ttlMs) =>
      await whileOpen(() => {
        const holder = leases.get(name);
        if (holder !== null && holder !== owner) return false;
        leases.set(name, owner, assertTtl(ttlMs));
        return true;
      }),
    releaseLease: async (name, owner) =>
      await whileOpen(() => {
        if (leases.get(name) === owner) leases.delete(name);
      }),
    publish: async (channel, message) =>
      await whileOpen(() => {
        const subscriptions = channels.get(channel);
        for (const subscription of subscriptions ?? []) {
          queueMicrotask(() => {
            if (subscriptions?.has(subscription)) subscription.listener(message);
          });
        }
      }),
    subscribe: async (channel, listener) =>
      await whileOpen(() => {
        const subscription = { listener };
        const subscriptions = channels.get(channel) ?? new Set();
        channels.set(channel, subscriptions.add(subscription));
        return async () => {
          subscriptions.delete(subscription);
          if (subscriptions.size === 0 && channels.get(channel) === subscriptions) channels.delete(channel);
          await Promise.resolve();
        };
      }),
    ping: async () => await whileOpen(() => undefined),
    async close() {
      closed = true;
      values.clear();
      leases.clear();
      for (const subscriptions of channels.values()) subscriptions.clear();
      channels.clear();
      await Promise.resolve();
    },
  };
}

function assertTtl(ttlMs: number): number {
  assertThat(ttlMs > 0, `a time to live is positive, not ${ttlMs} ms`);
  return ttlMs;
}
