import { startClickhouseOverChdb } from './server.ts';

/**
 * The stand-in for a ClickHouse server as a process of its own.
 *
 * - `TIDEMARK_TEST_CLICKHOUSE_PATH`: the data directory
 * - `TIDEMARK_TEST_CLICKHOUSE_PORT`: 0 or absent for any free one
 * - `UV_THREADPOOL_SIZE`: more than 4 lets more statements run at once
 *
 * Prints `listening <url>` when it answers, ends cleanly on SIGTERM and SIGINT.
 */
async function main(): Promise<void> {
  const path = process.env['TIDEMARK_TEST_CLICKHOUSE_PATH'];
  if (path === undefined || path === '') throw new Error('TIDEMARK_TEST_CLICKHOUSE_PATH names no directory');
  const port = Number(process.env['TIDEMARK_TEST_CLICKHOUSE_PORT'] ?? '0');
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new Error(
      `TIDEMARK_TEST_CLICKHOUSE_PORT is not a port: ${process.env['TIDEMARK_TEST_CLICKHOUSE_PORT']}`,
    );
  }
  const server = await startClickhouseOverChdb({ path, port, ...laneWidths() });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      server.close().then(
        () => process.exit(0),
        (error: unknown) => exitWith(error),
      );
    });
  }
  process.stdout.write(`listening ${server.url}\n`);
}

/** One thread of the pool stays free for KILL and the file system. */
function laneWidths(): { readonly queriesMax: number; readonly insertsMax: number } {
  const threads = Math.max(Number(process.env['UV_THREADPOOL_SIZE'] ?? '4') || 4, 4);
  const insertsMax = threads >= 8 ? 2 : 1;
  return { insertsMax, queriesMax: threads - insertsMax - 1 };
}

function exitWith(error: unknown): void {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(1);
}

main().catch(exitWith);
