import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { build } from 'esbuild';
import { openPgliteCatalog } from './catalog.ts';
import type { Catalog } from './port.ts';

const TOPIC = 'events';

/** Writes one offset after another and says each once it is acknowledged. */
const WRITER = `
import { openPgliteCatalog } from './catalog.ts';
const catalog = await openPgliteCatalog({ path: process.argv.at(-1) });
const [last] = await catalog.pipeline.progress('${TOPIC}');
for (let nextOffset = (last?.nextOffset ?? 0) + 1; ; nextOffset += 1) {
  await catalog.pipeline.recordProgress([{ topic: '${TOPIC}', partition: 0, nextOffset, arrivedThroughMs: 0 }]);
  process.stdout.write(nextOffset + '\\n');
}`;

describe('PGlite catalog of a process that is killed', () => {
  let path: string;
  const children: ChildProcess[] = [];

  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), 'tidemark-catalog-'));
  });
  afterEach(async () => {
    await Promise.all(children.splice(0).map(kill));
    await rm(path, { recursive: true });
  });

  async function startWriter(): Promise<ChildProcess> {
    const child = spawn(process.execPath, ['--input-type=module', '--eval', await bundle(), path], {
      cwd: import.meta.dirname,
      env: {},
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    return child;
  }

  it('holds everything it had acknowledged, each time', async () => {
    let acknowledged = 0;
    for (const writes of [1, 300]) {
      const writer = await startWriter();
      acknowledged = await readOffsets(writer, acknowledged + writes);
      await kill(writer);
    }
    expect(await storedOffset(path)).toBeGreaterThanOrEqual(acknowledged);
  }, 180_000);
});

async function bundle(): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: WRITER, resolveDir: import.meta.dirname, loader: 'ts' },
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
    external: ['@electric-sql/*', 'pg', 'decimal.js', 'temporal-polyfill'],
  });
  const [file] = outputFiles;
  if (file === undefined) throw new Error('esbuild gave no file');
  return file.text;
}

/** The last offset heard, at least `atLeast`. */
async function readOffsets(writer: ChildProcess, atLeast: number): Promise<number> {
  if (writer.stdout === null) throw new Error('the writer has an output');
  for await (const line of createInterface(writer.stdout)) {
    if (Number(line) >= atLeast) return Number(line);
  }
  throw new Error(`the writer ended before it had acknowledged ${atLeast}`);
}

async function storedOffset(path: string): Promise<number> {
  const catalog: Catalog = await openPgliteCatalog({ path });
  const [stored] = await catalog.pipeline.progress(TOPIC);
  await catalog.close();
  return stored?.nextOffset ?? 0;
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}
