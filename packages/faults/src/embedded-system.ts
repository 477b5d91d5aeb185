import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { createLmdbBus } from '@tidemark/bus';
import { openPgliteCatalog } from '@tidemark/catalog';
import { mintApiKey, systemClock } from '@tidemark/runtime';
import { createStandalone, type Shutdown } from '@tidemark/testkit/cluster';
import { createChdbExecutor } from '@tidemark/warehouse';
import { freezeFault, killFault, killRecoveryFault, restartFault } from './faults-of-processes.ts';
import { ensureOrganizations } from './organizations.ts';
import { quietLog } from './quiet-log.ts';
import { Supervised } from './supervised.ts';
import type { Stores, System } from './system.ts';

/** One process, on a folder of its own. @param dir gets the data and the log */
export async function startEmbeddedSystem(
  dir: string,
  shutdown: Shutdown,
  nowMs: () => number,
): Promise<System> {
  const operatorKey = mintApiKey(randomBytes).key;
  const server = await createStandalone({ dir, bootstrapKey: operatorKey });
  const catalog = await openPgliteCatalog({ path: path.join(server.dataDir, 'catalog') });
  const keys = await ensureOrganizations(catalog, nowMs());
  await catalog.close();
  shutdown.add(() => rm(server.dataDir, { recursive: true, force: true }));
  shutdown.add(() => server.stop());
  await server.start();
  const standalone = new Supervised(server, { isWanted: true, nowMs });
  shutdown.add(() => standalone.close());
  standalone.watch();
  return {
    profile: 'embedded',
    ingestUrl: server.address,
    gatewayUrl: server.address,
    keys,
    operatorKey,
    processes: [standalone],
    ingest: standalone,
    gateway: standalone,
    catalog: standalone,
    faults: [
      killFault('standalone', 5, () => standalone),
      killRecoveryFault('standalone', 1, standalone),
      freezeFault('standalone', 1, () => standalone),
      restartFault('standalone', 1, standalone),
    ],
    poisoned: () => [],
    committed: null,
    countRows: null,
    inspect: (body) => standalone.whileDown(() => withStores(server.dataDir, body)),
    close: () => shutdown.run(),
  };
}

/** The engine and the log take one process per folder: ours, while the product is down. */
async function withStores<T>(dataDir: string, body: (stores: Stores) => Promise<T>): Promise<T> {
  const bus = await createLmdbBus({ path: path.join(dataDir, 'bus'), clock: systemClock, log: quietLog });
  try {
    const warehouse = createChdbExecutor({ path: path.join(dataDir, 'warehouse') });
    try {
      return await body({ bus, warehouse });
    } finally {
      await warehouse.close();
    }
  } finally {
    await bus.close();
  }
}
