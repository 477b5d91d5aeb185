/** The product as its users have it, from `dist`, on free ports of loopback and with data of its own. */
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { mintApiKey } from '@tidemark/runtime';
import { createShutdown, createStandalone, startBackends, startServices } from '@tidemark/testkit/cluster';
import type { Server, Shutdown } from '@tidemark/testkit/cluster';
import type { Profile } from './profile.ts';
import type { HttpTarget, InsertTarget } from './workers/protocol.ts';

const UNLIMITED = '1000000';

/** The limits of one key, and fair shares, are for fairness among many; here one key is everybody. */
const INGEST_LIMITS = {
  TIDEMARK_INGEST_FAIR_BACKLOG_MS: '3600000',
  TIDEMARK_INGEST_REQUESTS_PER_KEY_MAX: UNLIMITED,
  TIDEMARK_INGEST_EVENTS_PER_KEY_MAX: '1000000000',
} as const;
const READER_LIMITS = { TIDEMARK_GATEWAY_REQUESTS_MAX: UNLIMITED } as const;

export interface System {
  readonly profile: Profile;
  readonly events: HttpTarget;
  readonly query: HttpTarget;
  /** The same question, never answered from the cache: what the engine takes. */
  readonly queryAnew: HttpTarget;
  readonly status: HttpTarget;
  /** Of the aggregator, in Prometheus' text format. */
  readonly telemetryUrl: string;
  /** Where a bare client may insert: the same engine, other tables. */
  readonly bareInserts: InsertTarget;
  /** Where the product's rows are. Embedded: only after `stop`, for the engine has one process per folder. */
  readonly storedRows: InsertTarget;
  /** The processes of the product, by name. */
  readonly servers: Readonly<Record<string, Server>>;
  /** Ends the product; its rows stay until `remove`. Idempotent. */
  stop(): Promise<void>;
  /** Ends everything and deletes all data. Idempotent. */
  remove(): Promise<void>;
}

export async function startSystem(profile: Profile, log: (line: string) => void): Promise<System> {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'tidemark-bench-'));
  const shutdown = createShutdown();
  shutdown.add(() => rm(dir, { recursive: true, force: true }));
  try {
    const adminKey = mintApiKey(randomBytes).key;
    const options = { dir, adminKey, shutdown, log };
    return profile === 'embedded' ? await startEmbedded(options) : await startDistributed(options);
  } catch (error) {
    await shutdown.run();
    throw error;
  }
}

interface StartOptions {
  readonly dir: string;
  readonly adminKey: string;
  readonly shutdown: Shutdown;
  readonly log: (line: string) => void;
}

async function startEmbedded({ dir, adminKey, shutdown }: StartOptions): Promise<System> {
  const server = await createStandalone({
    dir,
    bootstrapKey: adminKey,
    environment: { ...INGEST_LIMITS, ...READER_LIMITS },
  });
  shutdown.add(() => server.stop());
  await server.start();
  return {
    profile: 'embedded',
    ...targets(server.address, server.address, adminKey),
    telemetryUrl: `${server.address}/metrics`,
    bareInserts: { kind: 'chdb', path: path.join(dir, 'bare') },
    storedRows: { kind: 'chdb', path: path.join(server.dataDir, 'warehouse') },
    servers: { standalone: server },
    stop: () => server.stop(),
    remove: () => shutdown.run(),
  };
}

async function startDistributed({ dir, adminKey, shutdown, log }: StartOptions): Promise<System> {
  await mkdir(dir, { recursive: true });
  const backends = await startBackends({ dir, shutdown, log });
  const services = await startServices(backends, {
    dir,
    bootstrapKey: adminKey,
    environment: { ingest: INGEST_LIMITS, gateway: READER_LIMITS },
    shutdown,
    log,
  });
  const { clickhouseUrl: url } = backends;
  return {
    profile: 'distributed',
    ...targets(services.ingestUrl, services.gatewayUrl, adminKey),
    telemetryUrl: `${services.servers.aggregator.address}/metrics`,
    bareInserts: { kind: 'clickhouse', url, database: 'bench_bare' },
    storedRows: { kind: 'clickhouse', url, database: 'default' },
    servers: { ...services.servers, clickhouse: backends.servers.clickhouse, kafka: backends.servers.kafka },
    stop: async () => {
      await Promise.all(Object.values(services.servers).map((server) => server.stop()));
    },
    remove: () => shutdown.run(),
  };
}

function targets(ingestUrl: string, gatewayUrl: string, adminKey: string) {
  const headers = { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' };
  return {
    events: { url: `${ingestUrl}/api/v1/events`, headers },
    query: { url: `${gatewayUrl}/api/v1/query`, headers },
    queryAnew: { url: `${gatewayUrl}/api/v1/query?use_cache=false`, headers },
    status: { url: `${gatewayUrl}/api/v1/status`, headers },
  };
}
