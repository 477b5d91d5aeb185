import { mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { type BackendAddresses, type BackendName, BACKEND_NAMES, toAddresses } from './addresses.ts';
import { createClickhouse } from './clickhouse.ts';
import { createKafka } from './kafka.ts';
import { createPostgres } from './postgres.ts';
import type { Server } from './program.ts';
import { createRedis } from './redis.ts';
import { createShutdown, type Shutdown } from './shutdown.ts';

export interface StartBackendsOptions {
  /** Made when absent; gets the data of the backends (removed by `stop`) and `logs/<name>.log` (left). */
  readonly dir: string;
  /** Told in one line about each step. */
  readonly log?: (line: string) => void;
  /** Shared with `startServices` so that signals stop services before backends. Default: one of its own. */
  readonly shutdown?: Shutdown;
  /** Puts something between Kafka and its clients: given the port it listens on, answers the one they are to use. */
  readonly advertiseKafka?: (port: number) => Promise<number>;
}

export interface Backends extends BackendAddresses {
  /** To take a backend away and to bring it back at the same address. */
  readonly servers: Readonly<Record<BackendName, Server<BackendName>>>;
  /** Stops them all, last started first, and removes their data. Idempotent. */
  stop(): Promise<void>;
}

/**
 * Starts real Kafka, ClickHouse, Postgres and Redis on free ports of 127.0.0.1, each as a process of its own, and
 * resolves when all are ready. SIGINT and SIGTERM stop them. When one does not start, the others are stopped first.
 *
 * @throws Error naming the backend, and what to install or the end of its log.
 */
export async function startBackends(options: StartBackendsOptions): Promise<Backends> {
  const shutdown = options.shutdown ?? createShutdown();
  // Settled, not raced: after a failure nothing may go on starting behind the back of the shutdown.
  const outcomes = await Promise.allSettled(
    BACKEND_NAMES.map((name) => startBackend(name, { ...options, shutdown })),
  );
  const faults = outcomes.flatMap((outcome) =>
    outcome.status === 'rejected' ? [outcome.reason as unknown] : [],
  );
  if (faults.length > 0) {
    await shutdown.run();
    throw faults.length === 1 ? faults[0] : new AggregateError(faults, faults.map(String).join('\n'));
  }
  const servers = Object.fromEntries(
    outcomes.flatMap((outcome) =>
      outcome.status === 'fulfilled' ? [[outcome.value.name, outcome.value]] : [],
    ),
  ) as Record<BackendName, Server<BackendName>>;
  return { ...toAddresses((name) => servers[name].address), servers, stop: () => shutdown.run() };
}

/** Starts one backend; `shutdown` stops it and removes its data. Everything else as `startBackends`. */
export async function startBackend(
  name: BackendName,
  options: StartBackendsOptions & { readonly shutdown: Shutdown },
): Promise<Server<BackendName>> {
  const { dir, log, shutdown } = options;
  const logDir = path.join(dir, 'logs');
  mkdirSync(logDir, { recursive: true });
  const startedAtMs = performance.now();
  const { server, removeData } = await createBackend(name, dir, logDir, options.advertiseKafka);
  const discard = async (): Promise<void> => {
    await server.stop();
    await removeData();
  };
  try {
    shutdown.add(discard);
  } catch (error) {
    await discard();
    throw error;
  }
  await server.start();
  log?.(
    `${name} is ready at ${server.address} after ${((performance.now() - startedAtMs) / 1_000).toFixed(1)} s`,
  );
  return server;
}

interface CreatedBackend {
  readonly server: Server<BackendName>;
  readonly removeData: () => Promise<void>;
}

async function createBackend(
  name: BackendName,
  dir: string,
  logDir: string,
  advertiseKafka: StartBackendsOptions['advertiseKafka'],
): Promise<CreatedBackend> {
  const removeData = (): Promise<void> => rm(path.join(dir, name), { recursive: true, force: true });
  switch (name) {
    case 'kafka':
      return { server: await createKafka(dir, logDir, advertiseKafka), removeData };
    case 'clickhouse':
      return { server: await createClickhouse(dir, logDir), removeData };
    case 'postgres': {
      const server = await createPostgres(logDir);
      return { server, removeData: server.removeData };
    }
    case 'redis':
      return { server: await createRedis(dir, logDir), removeData };
  }
}
