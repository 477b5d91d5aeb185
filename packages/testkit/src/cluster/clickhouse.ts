import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { findFreePort } from './free-port.ts';
import { createServerProgram, type Server } from './program.ts';
import { findBundle } from './repository.ts';

const READY_DEADLINE_MS = 60_000;

/**
 * The ClickHouse engine (chDB) behind its HTTP interface, in a process of its own, not started yet. Its tables survive
 * `kill`: they are on disk.
 *
 * @throws Error when `dist/clickhouse-over-chdb.js` has not been built.
 */
export async function createClickhouse(dir: string, logDir: string): Promise<Server<'clickhouse'>> {
  const bundle = findBundle('clickhouse-over-chdb');
  const port = await findFreePort();
  const dataDir = path.join(dir, 'clickhouse');
  mkdirSync(dataDir, { recursive: true });
  const address = `http://127.0.0.1:${port}`;
  return createServerProgram({
    name: 'clickhouse',
    address,
    command: {
      program: process.execPath,
      arguments: ['--enable-source-maps', bundle],
      environment: {
        TIDEMARK_TEST_CLICKHOUSE_PATH: dataDir,
        TIDEMARK_TEST_CLICKHOUSE_PORT: String(port),
      },
      logFile: path.join(logDir, 'clickhouse.log'),
    },
    isReady: () => answersOk(`${address}/ping`),
    readyDeadlineMs: READY_DEADLINE_MS,
  });
}

/** True for a 200 within a second. */
export async function answersOk(url: string): Promise<boolean> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(1_000) });
  await answer.arrayBuffer();
  return answer.status === 200;
}
