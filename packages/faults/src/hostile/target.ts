/** The product that is attacked: where it is, who operates it, and how its processes fare. */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { mintApiKey } from '@tidemark/runtime';
import {
  createStandalone,
  residentMib,
  type Server,
  type Shutdown,
  startBackends,
  startServices,
} from '@tidemark/testkit/cluster';

/** Nobody is to be refused for asking often: the requests themselves are what is tried. */
const RATE_MAX = '1000000';

export interface HostileTarget {
  readonly ingestUrl: string;
  readonly gatewayUrl: string;
  /** Admin of the organization that operates the instance. */
  readonly operatorKey: string;
  /** MiB of all its processes together; null when they are not ours. */
  residentMib(): Promise<number | null>;
  /** Names of those that have ended. */
  ended(): readonly string[];
  /** Lines of all logs; none when they are not ours. */
  logLines(): Promise<readonly string[]>;
}

/** One process, on a folder of its own. @param dir gets the data and the log */
export async function startEmbeddedTarget(dir: string, shutdown: Shutdown): Promise<HostileTarget> {
  const operatorKey = mintApiKey(randomBytes).key;
  const environment = gatewayLimits();
  const server = await createStandalone({ dir, bootstrapKey: operatorKey, environment });
  shutdown.add(() => server.stop());
  await server.start();
  return { ingestUrl: server.address, gatewayUrl: server.address, operatorKey, ...ofServers([server]) };
}

/** Every service a process of its own, on backends of this machine. @param dir gets the data and the logs */
export async function startDistributedTarget(
  dir: string,
  shutdown: Shutdown,
  log: (line: string) => void,
): Promise<HostileTarget> {
  const operatorKey = mintApiKey(randomBytes).key;
  const backends = await startBackends({ dir, shutdown, log });
  const services = await startServices(backends, {
    dir,
    bootstrapKey: operatorKey,
    shutdown,
    log,
    environment: { gateway: gatewayLimits() },
  });
  const { ingestUrl, gatewayUrl } = services;
  return { ingestUrl, gatewayUrl, operatorKey, ...ofServers(Object.values(services.servers)) };
}

/** One that runs already: nothing is known of its processes. */
export function foreignTarget(url: string, operatorKey: string): HostileTarget {
  return {
    ingestUrl: url,
    gatewayUrl: url,
    operatorKey,
    residentMib: async () => null,
    ended: () => [],
    logLines: async () => [],
  };
}

const gatewayLimits = () => ({
  TIDEMARK_GATEWAY_REQUESTS_MAX: RATE_MAX,
  TIDEMARK_GATEWAY_ORGANIZATION_REQUESTS_MAX: RATE_MAX,
});

function ofServers(servers: readonly Server[]): Pick<HostileTarget, 'residentMib' | 'ended' | 'logLines'> {
  return {
    async residentMib() {
      const parts = await Promise.all(servers.map((server) => residentMib(server.pid())));
      return parts.reduce<number>((sum, mib) => sum + (mib ?? 0), 0);
    },
    ended: () => servers.filter((server) => server.pid() === undefined).map(({ name }) => name),
    async logLines() {
      const texts = await Promise.all(servers.map((server) => readFile(server.logFile, 'utf8')));
      return texts.flatMap((text) => text.split('\n'));
    },
  };
}
