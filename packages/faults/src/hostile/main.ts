/**
 * `npm run fuzz -- [--requests N] [--seed S] [--profile embedded|distributed] [--url http://… --key tm_…] [--json file]`
 *
 * Sends hostile requests, made from the product's OpenAPI document, to a product of its own, or (with the key of an operator) to one that
 * runs: that one gets organizations it has no use for afterwards. Exit code 1 when an answer was other than it must be, 2 when it could not be told.
 */
import { randomInt } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { createShutdown } from '@tidemark/testkit/cluster';
import { renderHostileReport } from './report.ts';
import { runHostile } from './run.ts';
import { foreignTarget, type HostileTarget, startDistributedTarget, startEmbeddedTarget } from './target.ts';

const REQUESTS_DEFAULT = '10000';
const REQUESTS_MAX = 10_000_000;
const SEED_EVENTS = 3_000;
const SEED_MAX = 2 ** 31 - 1;

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: REQUESTS_DEFAULT },
    seed: { type: 'string' },
    profile: { type: 'string', default: 'embedded' },
    url: { type: 'string' },
    key: { type: 'string' },
    json: { type: 'string' },
  },
});
const log = (line: string): void => void process.stderr.write(`${line}\n`);
const shutdown = createShutdown();

async function main(): Promise<void> {
  const requests = parseWhole('requests', values.requests, 1, REQUESTS_MAX);
  const seed = values.seed === undefined ? randomInt(SEED_MAX) : parseWhole('seed', values.seed, 0, SEED_MAX);
  const dir = await mkdtemp(path.join(os.tmpdir(), 'tidemark-fuzz-'));
  try {
    const target = await openTarget(dir);
    const nowMs = (): number => performance.timeOrigin + performance.now();
    const report = await runHostile({ target, requests, seed, seedEvents: SEED_EVENTS, nowMs, log });
    process.stdout.write(`${renderHostileReport(report)}\n`);
    if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(report, null, 2)}\n`);
    if (!report.isPassed) process.exitCode = 1;
  } finally {
    await shutdown.run();
    await rm(dir, { recursive: true, force: true });
  }
}

function openTarget(dir: string): Promise<HostileTarget> | HostileTarget {
  const { url, key, profile } = values;
  if (url !== undefined) {
    if (key === undefined) throw new Error('--url needs --key, of an administrator of the operator');
    return foreignTarget(url.replace(/\/$/, ''), key);
  }
  if (profile === 'embedded') return startEmbeddedTarget(dir, shutdown);
  if (profile === 'distributed') return startDistributedTarget(dir, shutdown, log);
  throw new Error(`--profile is ${profile}, expected embedded or distributed`);
}

function parseWhole(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < min || value > max)
    throw new Error(`--${name} is ${text}, expected a whole number from ${min} to ${max}`);
  return value;
}

main().catch((error: unknown) => {
  process.stderr.write(`fuzz: ${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(2);
});
