import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from '@jest/globals';
import { DAY_MS, HOUR_MS } from '@tidemark/core';
import { build } from 'esbuild';
import { collect, consumeAll, outgoing, realClock, waitFor } from './conformance-support.ts';
import { describeBusConformance } from './conformance.ts';
import { createLmdbBus, type LmdbBusOptions } from './lmdb-bus.ts';
import type { Bus } from './port.ts';
import { silentLog } from './test-log.ts';

const TEST_TIMEOUT_MS = 60_000;
const KILLS = 5;
const ACKNOWLEDGED_PER_LIFE = 2_000;

describeBusConformance('lmdb', async () => {
  const path = await mkdtemp(join(tmpdir(), 'tidemark-bus-'));
  const sessionTimeoutMs = 3_000;
  return {
    clock: realClock,
    sessionTimeoutMs,
    open: () => createLmdbBus({ path, clock: realClock, log: silentLog, sessionTimeoutMs }),
    dispose: () => rm(path, { recursive: true, force: true }),
  };
});

describe('lmdb bus', () => {
  const undo: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const step of undo.splice(0).toReversed()) await step();
  });

  async function createDirectory(): Promise<string> {
    const path = await mkdtemp(join(tmpdir(), 'tidemark-bus-'));
    undo.push(() => rm(path, { recursive: true, force: true }));
    return path;
  }

  async function openBus(path: string, options: Partial<LmdbBusOptions> = {}): Promise<Bus> {
    const bus = await createLmdbBus({ path, clock: realClock, log: silentLog, ...options });
    undo.push(() => bus.close());
    return bus;
  }

  it('refuses a second owner of the directory, and takes over from a closed one', async () => {
    const path = await createDirectory();
    const first = await openBus(path);
    await expect(openBus(path)).rejects.toMatchObject({ code: 'conflict' });
    await first.close();
    await expect(openBus(path)).resolves.toBeDefined();
  });

  it('refuses a directory whose path has no room for the socket', async () => {
    const path = join(await createDirectory(), 'x'.repeat(100));
    await expect(openBus(path)).rejects.toMatchObject({ code: 'invalid-config' });
  });

  it(
    'has every acknowledged record after kill -9 in the middle of publishing',
    async () => {
      const path = await createDirectory();
      const script = await bundleVictim(await createDirectory());
      const acknowledged = new Map<string, string>();
      for (let life = 0; life < KILLS; life++) {
        await publishUntilKilled(script, path, `life-${life}`, acknowledged);
      }
      const bus = await openBus(path);
      const total = (await bus.bounds('victims')).reduce((sum, { endOffset }) => sum + endOffset, 0);
      expect(total).toBeGreaterThanOrEqual(KILLS * ACKNOWLEDGED_PER_LIFE);
      const running = await consumeAll(bus, { clock: realClock, group: 'readers', topics: ['victims'] });
      const read = await collect(realClock, running, total);
      const lost = [...acknowledged].filter(([at, id]) => read.get(at)?.value.toString() !== id);
      expect(lost).toEqual([]);
    },
    TEST_TIMEOUT_MS,
  );

  it('drops what is older than the retention, never the end of the log', async () => {
    const path = await createDirectory();
    let nowMs = DAY_MS;
    const clock = { ...realClock, nowMs: () => nowMs };
    const bus = await openBus(path, { clock, retentionIntervalMs: 5 });
    await bus.ensureTopics([{ name: 'short', partitions: 1, retentionMs: HOUR_MS }]);
    const filler = 'z'.repeat(70_000);
    for (const timestampMs of [DAY_MS, DAY_MS + HOUR_MS, DAY_MS + 2 * HOUR_MS]) {
      const record = { ...outgoing({ key: 'k', text: filler }), timestampMs };
      await bus.publish(
        'short',
        Array.from({ length: 100 }, () => record),
      );
    }
    nowMs = DAY_MS + 2.5 * HOUR_MS;
    await waitFor(realClock, 'the trim', async () => (await bus.bounds('short'))[0]?.startOffset === 200);
    nowMs = 10 * DAY_MS;
    await waitFor(realClock, 'the trim', async () => (await bus.bounds('short'))[0]?.startOffset === 299);
    const running = await consumeAll(bus, { clock: realClock, group: 'late', topics: ['short'] });
    expect([...(await collect(realClock, running, 1)).keys()]).toEqual(['0@299']);
    await bus.close();
    const reopened = await openBus(path);
    expect(await reopened.bounds('short')).toEqual([{ partition: 0, startOffset: 299, endOffset: 300 }]);
    expect((await reopened.publish('short', [outgoing({ key: 'k' })]))[0]?.offset).toBe(300);
  });
});

/** Node runs no TypeScript by itself; the native addon stays where it is installed. */
async function bundleVictim(directory: string): Promise<string> {
  const outfile = join(directory, 'victim.mjs');
  await build({
    entryPoints: [fileURLToPath(new URL('./lmdb/test-victim-process.ts', import.meta.url))],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    logLevel: 'error',
    plugins: [
      {
        name: 'lmdb-by-address',
        setup: (builder) => {
          builder.onResolve({ filter: /^lmdb$/ }, () => ({
            path: import.meta.resolve('lmdb'),
            external: true,
          }));
        },
      },
    ],
  });
  return outfile;
}

/** Starts a process that publishes all the time; kills it when it has had enough acknowledged. */
async function publishUntilKilled(
  script: string,
  path: string,
  life: string,
  acknowledged: Map<string, string>,
): Promise<void> {
  const child = spawn(process.execPath, [script, path, life], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  let count = 0;
  for await (const line of createInterface({ input: stdoutOf(child) })) {
    const [at, id] = JSON.parse(line) as [string, string];
    acknowledged.set(at, id);
    count++;
    if (count === 1) await expect(openByForce(path)).rejects.toMatchObject({ code: 'conflict' });
    if (count === ACKNOWLEDGED_PER_LIFE) child.kill('SIGKILL');
  }
  await exited;
  expect(count).toBeGreaterThanOrEqual(ACKNOWLEDGED_PER_LIFE);
  // The dead owner's socket is still there: the next owner must see that nobody answers it.
  expect(await readdir(path)).toContain('owner.sock');
}

async function openByForce(path: string): Promise<void> {
  const bus = await createLmdbBus({ path, clock: realClock, log: silentLog });
  await bus.close();
}

function stdoutOf({ stdout }: ChildProcess): NonNullable<ChildProcess['stdout']> {
  if (stdout === null) throw new Error('the child has no stdout');
  return stdout;
}
