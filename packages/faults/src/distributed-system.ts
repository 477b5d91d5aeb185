import { randomBytes } from 'node:crypto';
import { AGGREGATOR_GROUP } from '@tidemark/aggregator';
import { type Bus, createKafkaBus } from '@tidemark/bus';
import { openPostgresCatalog } from '@tidemark/catalog';
import { EVENTS_TOPIC } from '@tidemark/contracts';
import { mintApiKey, systemClock } from '@tidemark/runtime';
import {
  createSecondAggregator,
  type Server,
  type Shutdown,
  startBackends,
  startServices,
  startTcpProxy,
} from '@tidemark/testkit/cluster';
import { createClickhouseExecutor } from '@tidemark/warehouse';
import { distributedFaults, type ProcessName } from './distributed-faults.ts';
import { Disturbances } from './disturbances.ts';
import type { Link } from './faults-of-backends.ts';
import { ensureOrganizations } from './organizations.ts';
import { quietLog } from './quiet-log.ts';
import { countRowsOf } from './stored-rows.ts';
import { Supervised } from './supervised.ts';
import type { System } from './system.ts';

type Processes = Readonly<Record<ProcessName, Supervised>>;

/**
 * Every service and backend a process of its own, and proxies before the warehouse, Kafka and Postgres.
 *
 * @param dir gets the data and the logs
 */
export async function startDistributedSystem(
  dir: string,
  shutdown: Shutdown,
  nowMs: () => number,
  log: (line: string) => void,
): Promise<System> {
  const startLink = async (name: string, port: number): Promise<Link & { readonly port: number }> => {
    const proxy = await startTcpProxy({ port });
    shutdown.add(() => proxy.close());
    return { name, proxy, port: proxy.port, disturbances: new Disturbances(nowMs) };
  };
  let kafkaLink: Link | undefined;
  const advertiseKafka = async (port: number): Promise<number> => {
    const link = await startLink('kafka', port);
    kafkaLink = link;
    return link.port;
  };
  const backends = await startBackends({ dir, shutdown, log, advertiseKafka });
  if (kafkaLink === undefined) throw new Error('Kafka was not asked where its clients find it');
  const warehouseLink = await startLink('warehouse', Number(new URL(backends.clickhouseUrl).port));
  const postgresLink = await startLink('postgres', Number(new URL(backends.postgresUrl).port));
  const links = { warehouse: warehouseLink, kafka: kafkaLink, postgres: postgresLink };
  const seen = {
    ...backends,
    clickhouseUrl: `http://127.0.0.1:${warehouseLink.port}`,
    postgresUrl: withPort(backends.postgresUrl, postgresLink.port),
  };
  const operatorKey = mintApiKey(randomBytes).key;
  const options = { dir, bootstrapKey: operatorKey };
  const services = await startServices(seen, { ...options, shutdown, log });
  const aggregator2 = await createSecondAggregator(seen, options);
  shutdown.add(() => aggregator2.stop());

  const catalog = await openPostgresCatalog({ url: backends.postgresUrl, log: quietLog });
  const keys = await ensureOrganizations(catalog, nowMs());
  await catalog.close();
  const bus = createKafkaBus({
    brokers: backends.kafkaBrokers.split(','),
    clientId: 'tidemark-faults',
    clock: systemClock,
    log: quietLog,
  });
  shutdown.add(() => bus.close());
  const warehouse = createClickhouseExecutor({ url: backends.clickhouseUrl });
  shutdown.add(() => warehouse.close());

  const processes = supervise({ ...services.servers, ...backends.servers, aggregator2 }, links, nowMs);
  for (const one of Object.values(processes)) {
    shutdown.add(() => one.close());
    one.watch();
  }
  const poisoned: { readonly partition: number; readonly offset: number }[] = [];
  const onPoisoned = (place: (typeof poisoned)[number]): void => void poisoned.push(place);
  return {
    profile: 'distributed',
    ingestUrl: services.ingestUrl,
    gatewayUrl: services.gatewayUrl,
    keys,
    operatorKey,
    processes: Object.values(processes),
    ingest: processes.ingest,
    gateway: processes.gateway,
    catalog: {
      wasDisturbed: (fromMs, toMs) =>
        processes.postgres.wasDisturbed(fromMs, toMs) || postgresLink.disturbances.wasDisturbed(fromMs, toMs),
    },
    faults: distributedFaults({ processes, links, warehouse, bus, onPoisoned }),
    poisoned: () => poisoned,
    committed: () => committedOffsets(bus),
    countRows: (event) => countRowsOf(warehouse, event),
    inspect: (body) => body({ warehouse, bus }),
    close: () => shutdown.run(),
  };
}

/** A service needs its backends and the ways to them, a backend nothing. */
function supervise(
  servers: Readonly<Record<ProcessName, Server>>,
  links: Readonly<Record<'warehouse' | 'kafka' | 'postgres', Link>>,
  nowMs: () => number,
): Processes {
  const backend = (name: ProcessName) => new Supervised(servers[name], { isWanted: true, nowMs });
  const kafka = backend('kafka');
  const clickhouse = backend('clickhouse');
  const postgres = backend('postgres');
  const redis = backend('redis');
  const needs = [
    ...[kafka, clickhouse, postgres, redis],
    ...Object.values(links).map(({ disturbances }) => disturbances),
  ];
  const service = (name: ProcessName, isWanted = true) =>
    new Supervised(servers[name], { isWanted, nowMs, needs });
  return {
    aggregator: service('aggregator'),
    aggregator2: service('aggregator2', false),
    ingest: service('ingest'),
    gateway: service('gateway'),
    clickhouse,
    kafka,
    postgres,
    redis,
  };
}

async function committedOffsets(bus: Bus): Promise<ReadonlyMap<number, number>> {
  const committed = await bus.committed(AGGREGATOR_GROUP, EVENTS_TOPIC);
  return new Map([...committed].map(([partition, { offset }]) => [partition, offset]));
}

function withPort(url: string, port: number): string {
  const changed = new URL(url);
  changed.port = String(port);
  return changed.href;
}
