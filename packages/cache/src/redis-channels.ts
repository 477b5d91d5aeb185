import { AppError, isAppError } from '@tidemark/core';
import {
  createRedisConnection,
  type RedisConnection,
  type RedisConnectionOptions,
} from './redis-connection.ts';

/** How often the connection is tried while nothing is said on it: a peer that vanished silently is noticed by that alone. */
const HEARTBEAT_MS = 10_000;

interface Subscription {
  readonly listener: (message: string) => void;
}

export interface RedisChannels {
  /** @throws cache-unavailable */
  subscribe(channel: string, listener: (message: string) => void): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

/**
 * Listening, on a connection of its own that is opened with the first subscription. The truth is `channels` here: whenever the
 * connection is ready, all of them are subscribed.
 */
export function createRedisChannels(options: Omit<RedisConnectionOptions, 'onReady'>): RedisChannels {
  const channels = new Map<string, Set<Subscription>>();
  let connection: RedisConnection | null = null;
  let heartbeat: NodeJS.Timeout | null = null;
  let closed = false;

  function open(): RedisConnection {
    const opened = createRedisConnection({ ...options, onReady: () => void resubscribe(opened) });
    opened.redis.on('message', (channel: string, message: string) => deliver(channels.get(channel), message));
    heartbeat = setInterval(() => void beat(opened), HEARTBEAT_MS);
    heartbeat.unref();
    return opened;
  }

  async function resubscribe(opened: RedisConnection): Promise<void> {
    if (channels.size === 0) return;
    try {
      await opened.run(async (redis) => await redis.subscribe(...channels.keys()));
    } catch (error) {
      options.log.warn({ err: error, connection: options.name }, 'channels could not be subscribed again');
      if (!closed) opened.redis.disconnect(true);
    }
  }

  function drop(channel: string, subscription: Subscription): boolean {
    const subscriptions = channels.get(channel);
    subscriptions?.delete(subscription);
    if (subscriptions?.size !== 0) return false;
    return channels.delete(channel);
  }

  return {
    async subscribe(channel, listener) {
      if (closed) throw new AppError('cache-unavailable', 'The cache is closed');
      connection ??= open();
      const opened = connection;
      const subscription = { listener };
      channels.set(channel, (channels.get(channel) ?? new Set()).add(subscription));
      try {
        await opened.run(async (redis) => await redis.subscribe(channel));
      } catch (error) {
        drop(channel, subscription);
        throw error;
      }
      return async () => {
        if (drop(channel, subscription)) await leave(opened, channel);
      };
    },
    async close() {
      closed = true;
      channels.clear();
      if (heartbeat !== null) clearInterval(heartbeat);
      await connection?.close();
    },
  };
}

/** A listener that throws is a bug and ends the process; it must not do so inside the driver's parser. */
function deliver(subscriptions: ReadonlySet<Subscription> | undefined, message: string): void {
  for (const subscription of subscriptions ?? []) {
    queueMicrotask(() => {
      if (subscriptions?.has(subscription)) subscription.listener(message);
    });
  }
}

/** The time-outs of the connection do the rest: a socket without an answer is destroyed and replaced. */
async function beat(connection: RedisConnection): Promise<void> {
  await ignoreOutage(connection.run(async (redis) => await redis.ping()));
}

/** Nobody listens any more: when Redis is down, the next connection will not subscribe the channel. */
async function leave(connection: RedisConnection, channel: string): Promise<void> {
  await ignoreOutage(connection.run(async (redis) => await redis.unsubscribe(channel)));
}

async function ignoreOutage(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!isAppError(error, 'cache-unavailable')) throw error;
  }
}
