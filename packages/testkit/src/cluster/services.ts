import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { BackendAddresses } from './addresses.ts';
import { answersOk } from './clickhouse.ts';
import { findFreePort, findFreePorts } from './free-port.ts';
import { createServerProgram, type Server } from './program.ts';
import { findBundle } from './repository.ts';
import { createShutdown, type Shutdown } from './shutdown.ts';

/** In the order they are started: the aggregator makes the topics and tables the others use ready first. */
const SERVICE_NAMES = ['aggregator', 'ingest', 'gateway'] as const;
export type ServiceName = (typeof SERVICE_NAMES)[number];

const PORT_VARIABLES = {
  aggregator: 'TIDEMARK_AGGREGATOR_PORT',
  ingest: 'TIDEMARK_INGEST_PORT',
  gateway: 'TIDEMARK_GATEWAY_PORT',
} as const satisfies Record<ServiceName, string>;
const READY_DEADLINE_MS = 60_000;

export interface StartServicesOptions {
  /** Made when absent; gets `logs/<name>.log`. */
  readonly dir: string;
  /** The admin key of the organization `default`, which the gateway creates with it. */
  readonly bootstrapKey: string;
  readonly log?: (line: string) => void;
  /** Further variables for one service: limits a test makes small, for instance. */
  readonly environment?: Partial<Record<ServiceName, Readonly<Record<string, string>>>>;
  /** Default: one of its own. */
  readonly shutdown?: Shutdown;
}

export interface Services {
  /** Each can be signalled, killed and started again; its `address` is the base of its URLs, without a final slash. */
  readonly servers: Readonly<Record<ServiceName, Server<ServiceName>>>;
  readonly ingestUrl: string;
  readonly gatewayUrl: string;
  readonly bootstrapKey: string;
  /** Stops what was started here, and with a shared shutdown everything that shares it. Idempotent. */
  stop(): Promise<void>;
}

/**
 * Starts the services of the distributed profile from `dist`, each as a process of its own, and resolves when every
 * `GET /readyz` answers 200. When one does not start, the others are stopped first.
 *
 * @throws Error naming the service and the end of its log, or the bundle that has not been built.
 */
export async function startServices(
  backends: BackendAddresses,
  options: StartServicesOptions,
): Promise<Services> {
  const shutdown = options.shutdown ?? createShutdown();
  try {
    const created = await createServices(backends, options);
    for (const name of SERVICE_NAMES) {
      const server = created[name];
      shutdown.add(() => server.stop());
      await server.start();
      options.log?.(`${name} is ready at ${server.address}`);
    }
    return {
      servers: created,
      ingestUrl: created.ingest.address,
      gatewayUrl: created.gateway.address,
      bootstrapKey: options.bootstrapKey,
      stop: () => shutdown.run(),
    };
  } catch (error) {
    await shutdown.run();
    throw error;
  }
}

async function createServices(
  backends: BackendAddresses,
  options: StartServicesOptions,
): Promise<Record<ServiceName, Server<ServiceName>>> {
  const ports = await findFreePorts(SERVICE_NAMES.length);
  const create = (name: ServiceName): Server<ServiceName> =>
    createService(name, name, Number(ports[SERVICE_NAMES.indexOf(name)]), backends, options);
  return { aggregator: create('aggregator'), ingest: create('ingest'), gateway: create('gateway') };
}

/** One more member of the aggregators' group, not started yet; logs to `logs/aggregator-2.log`. */
export async function createSecondAggregator(
  backends: BackendAddresses,
  options: Omit<StartServicesOptions, 'shutdown' | 'log'>,
): Promise<Server<'aggregator-2'>> {
  return createService('aggregator', 'aggregator-2', await findFreePort(), backends, options);
}

function createService<Name extends string>(
  service: ServiceName,
  name: Name,
  port: number,
  backends: BackendAddresses,
  options: StartServicesOptions,
): Server<Name> {
  const logDir = path.join(options.dir, 'logs');
  mkdirSync(logDir, { recursive: true });
  const address = `http://127.0.0.1:${port}`;
  return createServerProgram({
    name,
    address,
    command: {
      program: process.execPath,
      arguments: ['--enable-source-maps', findBundle(service)],
      environment: toServiceEnvironment(service, port, backends, options),
      logFile: path.join(logDir, `${name}.log`),
    },
    isReady: () => answersOk(`${address}/readyz`),
    readyDeadlineMs: READY_DEADLINE_MS,
  });
}

function toServiceEnvironment(
  name: ServiceName,
  port: number,
  backends: BackendAddresses,
  options: StartServicesOptions,
): Record<string, string> {
  return {
    [PORT_VARIABLES[name]]: String(port),
    TIDEMARK_KAFKA_BROKERS: backends.kafkaBrokers,
    TIDEMARK_CLICKHOUSE_URL: backends.clickhouseUrl,
    TIDEMARK_POSTGRES_URL: backends.postgresUrl,
    TIDEMARK_REDIS_URL: backends.redisUrl,
    ...(name === 'gateway' ? { TIDEMARK_BOOTSTRAP_KEY: options.bootstrapKey } : {}),
    ...options.environment?.[name],
  };
}
