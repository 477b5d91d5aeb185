import { AppError, isAppError } from '@tidemark/core';
import { Redis, ReplyError } from 'ioredis';

/** The part of a logger the adapter needs (pino fits). */
export interface CacheLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface RedisConnectionOptions {
  readonly url: string;
  readonly log: CacheLog;
  /** Shows in CLIENT LIST and in the log. */
  readonly name: string;
  readonly commandTimeoutMs: number;
  /** Called each time the connection is usable, also the first time. */
  readonly onReady?: (redis: Redis) => void;
}

export interface RedisConnection {
  readonly redis: Redis;
  /**
   * Runs one command. While the first attempt to connect is under way it waits for that; later, a connection that is down
   * fails it at once. Nothing is queued and nothing is sent twice.
   * @throws cache-unavailable within the command time-out (twice that while first connecting)
   */
  run<T>(command: (redis: Redis) => Promise<T>): Promise<T>;
  /** Idempotent; bounded by the command time-out. */
  close(): Promise<void>;
}

/** Commands without an answer yet; more are refused at once. */
const COMMANDS_IN_FLIGHT_MAX = 10_000;
/** Reconnection: first delay, doubled each time up to the last. */
const RECONNECT_DELAY_MS = 50;
const RECONNECT_DELAY_MS_MAX = 2_000;

/** Answers of a server that works but cannot serve now; any other error it answers is a bug of ours. */
const TRANSIENT_REPLIES: readonly string[] = [
  'BUSY',
  'CLUSTERDOWN',
  'LOADING',
  'MASTERDOWN',
  'MISCONF',
  'NOAUTH',
  'NOPERM',
  'NOREPLICAS',
  'OOM',
  'READONLY',
  'TRYAGAIN',
  'WRONGPASS',
];

/** Connects at once and again whenever the connection breaks; logs the first error of an outage and its end. */
export function createRedisConnection(options: RedisConnectionOptions): RedisConnection {
  const redis = new Redis(options.url, {
    connectionName: options.name,
    commandTimeout: options.commandTimeoutMs,
    connectTimeout: options.commandTimeoutMs,
    disconnectTimeout: options.commandTimeoutMs,
    // A server that takes commands and never answers: without this its unanswered commands would pile up.
    socketTimeout: 2 * options.commandTimeoutMs,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    // 0: a broken connection fails its commands at once instead of holding them for the next one.
    maxRetriesPerRequest: 0,
    retryStrategy: (attempt) => Math.min(RECONNECT_DELAY_MS * 2 ** (attempt - 1), RECONNECT_DELAY_MS_MAX),
    // After a failover the old primary answers READONLY: the name must be looked up anew.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  });
  const firstAttempt = whenAttempted(redis, options.commandTimeoutMs);
  logOutages(redis, options);
  redis.on('ready', () => options.onReady?.(redis));
  let inFlight = 0;
  let closing: Promise<void> | null = null;

  return {
    redis,
    async run(command) {
      if (closing !== null) throw new AppError('cache-unavailable', 'The cache is closed');
      if (inFlight >= COMMANDS_IN_FLIGHT_MAX) {
        throw new AppError('cache-unavailable', `${inFlight} commands already wait for Redis`);
      }
      inFlight += 1;
      try {
        if (redis.status !== 'ready') await firstAttempt;
        return await command(redis);
      } catch (error) {
        throw translateError(error);
      } finally {
        inFlight -= 1;
      }
    },
    async close() {
      closing ??= quit(redis);
      await closing;
    },
  };
}

/** Resolves when the first attempt to connect has succeeded, failed, or taken too long. */
async function whenAttempted(redis: Redis, timeoutMs: number): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(settle, timeoutMs);
    function settle(): void {
      clearTimeout(timer);
      redis.off('ready', settle);
      redis.off('close', settle);
      resolve();
    }
    redis.on('ready', settle);
    redis.on('close', settle);
  });
}

function logOutages(redis: Redis, { log, name }: RedisConnectionOptions): void {
  let isDown = false;
  redis.on('error', (error: unknown) => {
    if (!isDown) log.warn({ err: error, connection: name }, 'Redis cannot be reached');
    isDown = true;
  });
  redis.on('ready', () => {
    if (isDown) log.info({ connection: name }, 'Redis is reached again');
    isDown = false;
  });
}

async function quit(redis: Redis): Promise<void> {
  try {
    await redis.quit();
  } catch {
    // Down, or too slow to say goodbye to: there is nothing to wait for.
    redis.disconnect();
  }
}

function translateError(error: unknown): unknown {
  if (isAppError(error) || !(error instanceof Error)) return error;
  if (error instanceof ReplyError && !isTransientReply(error.message)) return error;
  return new AppError('cache-unavailable', `The cache did not answer: ${error.message}`, { cause: error });
}

function isTransientReply(message: string): boolean {
  return TRANSIENT_REPLIES.some((word) => message.startsWith(`${word} `));
}
