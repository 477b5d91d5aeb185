/**
 * `npm run cluster`: the distributed profile on one machine, without containers, until Ctrl-C.
 *
 *   --backends-only   Kafka, ClickHouse, Postgres and Redis alone
 *   --for-tests       the backends, from wherever they can be had; prints their addresses as one line of JSON on
 *                     stdout and ends with its stdin, so that nothing outlives the test run that asked for them
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { mintApiKey } from '@tidemark/runtime';
import {
  ADDRESS_KEYS,
  type BackendAddresses,
  BACKEND_NAMES,
  LOCAL_BACKENDS_VARIABLE,
  toTestEnvironment,
} from './addresses.ts';
import { startBackends } from './backends.ts';
import { provideBackends } from './provide-backends.ts';
import { startServices, type Services } from './services.ts';
import { createShutdown } from './shutdown.ts';

const log = (line: string): void => {
  process.stderr.write(`${line}\n`);
};
const print = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      'backends-only': { type: 'boolean', default: false },
      'for-tests': { type: 'boolean', default: false },
    },
  });
  const dir = mkdtempSync(path.join(os.tmpdir(), 'tidemark-cluster-'));
  log(`logs are in ${path.join(dir, 'logs')}`);
  if (values['for-tests']) await serveTests(dir);
  else await serveUser(dir, values['backends-only']);
}

async function serveTests(dir: string): Promise<void> {
  const shutdown = createShutdown();
  // From the start: whoever asked may be gone before everything is ready.
  process.stdin.resume().once('end', () => {
    shutdown.run().then(() => process.exit(0), fail);
  });
  const backends = await provideBackends({ dir, environment: process.env, log, shutdown });
  const isLocal = backends.sources.size === 1 && backends.sources.has('local process');
  print(JSON.stringify({ ...toTestEnvironment(backends), [LOCAL_BACKENDS_VARIABLE]: String(isLocal) }));
}

async function serveUser(dir: string, backendsOnly: boolean): Promise<void> {
  const shutdown = createShutdown();
  const backends = await startBackends({ dir, log, shutdown });
  if (backendsOnly) {
    print(describeBackends(backends));
  } else {
    const bootstrapKey = process.env['TIDEMARK_BOOTSTRAP_KEY'] ?? mintApiKey(randomBytes).key;
    const services = await startServices(backends, { dir, bootstrapKey, log, shutdown });
    print(`${describeBackends(backends)}\n\n${describeServices(services)}`);
  }
  print('\nCtrl-C stops everything and removes the data.');
}

function describeBackends(addresses: BackendAddresses): string {
  return BACKEND_NAMES.map((name) => `${name.padEnd(12)}${addresses[ADDRESS_KEYS[name]]}`).join('\n');
}

function describeServices(services: Services): string {
  const event =
    '{"specversion":"1.0","id":"1","source":"/shell","type":"com.example.greeting","data":{"text":"hello"}}';
  return [
    `ingest      ${services.ingestUrl}`,
    `gateway     ${services.gatewayUrl}`,
    `aggregator  ${services.servers.aggregator.address}`,
    `admin key of the organization default: ${services.bootstrapKey}`,
    '',
    `curl -i ${services.ingestUrl}/api/v1/events -H 'authorization: Bearer ${services.bootstrapKey}' \\`,
    `  -H 'content-type: application/cloudevents+json' -d '${event}'`,
    `curl -s ${services.gatewayUrl}/api/v1/status -H 'authorization: Bearer ${services.bootstrapKey}'`,
  ].join('\n');
}

/** The message, and below it why, as far as it is known. */
function describeFault(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined
    ? error.message
    : `${error.message}\nbecause ${describeFault(error.cause)}`;
}

function fail(error: unknown): never {
  log(describeFault(error));
  process.exit(1);
}

main().catch(fail);
