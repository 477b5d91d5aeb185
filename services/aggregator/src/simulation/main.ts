/**
 * `npm run simulate -- --seeds 100000 [--from 1] [--threads 2]`: that many simulations; exit code 1 when one found a breach.
 * `npm run simulate -- --seed 7 [--trace]`: one of them again, with everything that happens in it.
 *
 * The same bundle is its own worker threads.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { addResults, simulateRange } from './seed-range.ts';
import type { RangeResult, SeedRange } from './seed-range.ts';
import { simulate } from './simulate.ts';

const SEEDS_DEFAULT = '10000';
const THREADS_MAX = 64;

const write = (line: string): void => void process.stdout.write(`${line}\n`);
const nowMs = (): number => performance.now();

async function serveThread(): Promise<void> {
  if (parentPort === null) throw new Error('Assertion failed: this is a thread');
  // Thousands of simulated failures, each with a stack that nobody reads.
  Error.stackTraceLimit = 0;
  parentPort.postMessage(await simulateRange(workerData as SeedRange, nowMs), []);
}

function runThread(range: SeedRange): Promise<RangeResult> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: range });
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', (code) => reject(new Error(`a thread ended with ${code} and no result`)));
  });
}

async function simulateMany(from: number, count: number, threads: number): Promise<void> {
  const startedAtMs = nowMs();
  const ranges = Array.from({ length: threads }, (_, index) => ({
    from: from + index,
    to: from + count,
    step: threads,
  }));
  const results = await Promise.all(ranges.map(runThread));
  const { seeds, steps, slowest, breaches, breachCount } = results.reduce(addResults);
  for (const { seed, breach } of breaches)
    write(`seed ${seed}: ${breach}\n    again: npm run simulate -- --seed ${seed} --trace`);
  const seconds = ((nowMs() - startedAtMs) / 1_000).toFixed(1);
  write(
    `${seeds} seeds from ${from} in ${seconds} s on ${threads} threads, ${Math.round(steps / seeds)} steps each; ` +
      `slowest ${slowest.seed} with ${slowest.ms.toFixed(0)} ms; ${breachCount} breaches`,
  );
  if (breachCount > 0) process.exitCode = 1;
}

async function simulateOne(seed: number, isTraced: boolean): Promise<void> {
  const { breach, steps, virtualMs } = await simulate({ seed, ...(isTraced ? { trace: write } : {}) });
  write(`seed ${seed}: ${steps} steps, ${virtualMs / 1_000} s of virtual time; ${breach ?? 'no breach'}`);
  if (breach !== null) process.exitCode = 1;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      trace: { type: 'boolean', default: false },
      seeds: { type: 'string', default: SEEDS_DEFAULT },
      from: { type: 'string', default: '1' },
      threads: { type: 'string', default: String(availableParallelism()) },
    },
  });
  if (values.seed !== undefined) return simulateOne(parseCount('--seed', values.seed), values.trace);
  const threads = Math.min(THREADS_MAX, parseCount('--threads', values.threads));
  return simulateMany(parseCount('--from', values.from), parseCount('--seeds', values.seeds), threads);
}

function parseCount(name: string, text: string): number {
  const count = Number(text);
  if (!Number.isSafeInteger(count) || count < 1)
    throw new Error(`${name} is ${text}, expected a whole number from 1 on`);
  return count;
}

(isMainThread ? main() : serveThread()).catch((error: unknown) => {
  process.stderr.write(`simulate: ${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(2);
});
