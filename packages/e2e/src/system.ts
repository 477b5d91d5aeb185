/** The whole product as its users have it, in either profile: processes from `dist`, spoken to over HTTP. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { mintApiKey } from '@tidemark/runtime';
import { createStandalone, parseTestBackends, startServices } from '@tidemark/testkit/cluster';
import type { BackendAddresses } from '@tidemark/testkit/cluster';
import { createTokenIssuer } from './token-issuer.ts';
import type { TokenIssuer } from './token-issuer.ts';

export const PROFILES = ['embedded', 'distributed'] as const;
export type Profile = (typeof PROFILES)[number];

export interface System {
  readonly profile: Profile;
  readonly ingestUrl: string;
  readonly gatewayUrl: string;
  readonly adminKey: string;
  /** Its tokens are taken. */
  readonly issuer: TokenIssuer;
  /** SIGKILL to every process of the product at once. */
  kill(): Promise<void>;
  /** Starts again what was killed, on the same data and addresses. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** @throws Error on an unknown TIDEMARK_TEST_PROFILE: a suite that silently tests nothing is worse than none */
export function profileUnderTest(): Profile {
  const profile = PROFILES.find((known) => known === process.env['TIDEMARK_TEST_PROFILE']);
  if (profile === undefined) throw new Error(`TIDEMARK_TEST_PROFILE must be one of ${PROFILES.join(', ')}`);
  return profile;
}

/** @param backends of the distributed profile; those of the environment when absent */
export async function startSystem(backends?: BackendAddresses): Promise<System> {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'tidemark-e2e-'));
  const adminKey = mintApiKey(randomBytes).key;
  const issuer = await createTokenIssuer();
  const credentials = { adminKey, issuer };
  const system =
    profileUnderTest() === 'embedded'
      ? await startEmbedded(dir, credentials)
      : await startDistributed(dir, credentials, backends ?? parseTestBackends(process.env));
  return {
    ...system,
    async stop() {
      await system.stop();
      await issuer.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

type Credentials = Pick<System, 'adminKey' | 'issuer'>;

async function startEmbedded(dir: string, { adminKey, issuer }: Credentials): Promise<System> {
  const environment = { TIDEMARK_JWT_ISSUERS: issuer.variable };
  const server = await createStandalone({ dir, bootstrapKey: adminKey, environment });
  await server.start();
  return {
    profile: 'embedded',
    ingestUrl: server.address,
    gatewayUrl: server.address,
    adminKey,
    issuer,
    kill: () => server.kill(),
    start: () => server.start(),
    stop: () => server.stop(),
  };
}

async function startDistributed(
  dir: string,
  { adminKey, issuer }: Credentials,
  backends: BackendAddresses,
): Promise<System> {
  const trusting = { TIDEMARK_JWT_ISSUERS: issuer.variable };
  const environment = { ingest: trusting, gateway: trusting };
  const services = await startServices(backends, { dir, bootstrapKey: adminKey, environment });
  const servers = Object.values(services.servers);
  return {
    profile: 'distributed',
    ingestUrl: services.ingestUrl,
    gatewayUrl: services.gatewayUrl,
    adminKey,
    issuer,
    kill: async () => void (await Promise.all(servers.map((server) => server.kill()))),
    start: async () => void (await Promise.all(servers.map((server) => server.start()))),
    stop: () => services.stop(),
  };
}
