import path from 'node:path';
import { findFreePort } from './free-port.ts';
import { createServerProgram, type Server } from './program.ts';
import { findBundle } from './repository.ts';

const READY_DEADLINE_MS = 60_000;

export interface StandaloneOptions {
  /** Gets `data` (of the product) and `standalone.log`. */
  readonly dir: string;
  /** The admin key of the organization `default`. */
  readonly bootstrapKey: string;
  /** Further variables. */
  readonly environment?: Readonly<Record<string, string>>;
}

export interface StandaloneServer extends Server<'standalone'> {
  /** With the folders `bus`, `catalog` and `warehouse`. */
  readonly dataDir: string;
}

/** The embedded profile as `npm start` runs it, not started yet. @throws Error when `dist/standalone.js` has not been built. */
export async function createStandalone(options: StandaloneOptions): Promise<StandaloneServer> {
  const { dir, bootstrapKey, environment } = options;
  const port = await findFreePort();
  const url = `http://127.0.0.1:${port}`;
  const dataDir = path.join(dir, 'data');
  const server = createServerProgram({
    name: 'standalone',
    address: url,
    command: {
      program: process.execPath,
      arguments: ['--max-semi-space-size=64', '--enable-source-maps', findBundle('standalone')],
      environment: {
        TIDEMARK_PORT: String(port),
        TIDEMARK_DATA_DIR: dataDir,
        TIDEMARK_BOOTSTRAP_KEY: bootstrapKey,
        ...environment,
      },
      logFile: path.join(dir, 'standalone.log'),
    },
    isReady: async () => (await fetch(`${url}/readyz`)).ok,
    readyDeadlineMs: READY_DEADLINE_MS,
  });
  return { ...server, dataDir };
}
