/** A run of `npm run fuzz` that fits into CI: the same seed every time, every operation a few times. How fast it is beside other tests says
 * little, so the bystander's times are told by the command alone. */
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { expect } from '@jest/globals';
import { createShutdown, type Shutdown } from '@tidemark/testkit/cluster';
import { runHostile } from './run.ts';
import type { HostileTarget } from './target.ts';

const REQUESTS = 600;
const SEED = 20_261;
const SEED_EVENTS = 600;
export const SAMPLE_TIMEOUT_MS = 900_000;

/** @throws the assertion that failed */
export async function proveHostileSample(
  start: (dir: string, shutdown: Shutdown) => Promise<HostileTarget>,
): Promise<void> {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'tidemark-fuzz-'));
  const shutdown = createShutdown();
  try {
    const target = await start(dir, shutdown);
    const nowMs = (): number => performance.timeOrigin + performance.now();
    const log = (line: string): void => void process.stderr.write(`${line}\n`);
    const report = await runHostile({
      target,
      requests: REQUESTS,
      seed: SEED,
      seedEvents: SEED_EVENTS,
      nowMs,
      log,
    });
    const { answers, evidence, bystander, books, badLogLines } = report;
    expect({ evidence, wrong: bystander.wrong, badLogLines }).toEqual({
      evidence: [],
      wrong: [],
      badLogLines: [],
    });
    expect(books.map(({ areBalanced }) => areBalanced)).toEqual([true, true, true]);
    // A run that nobody took in proves nothing.
    expect(answers.requests).toBe(REQUESTS);
    expect(answers.byStatus['200'] ?? 0).toBeGreaterThan(20);
    expect(answers.byStatus['400'] ?? 0).toBeGreaterThan(100);
    expect(answers.byStatus['422'] ?? 0).toBeGreaterThan(10);
    expect(answers.ownTextSeen).toBeGreaterThan(5);
    expect(bystander.asked).toBeGreaterThan(5);
    const accepted = books.reduce((sum, one) => sum + one.accepted, 0);
    expect(accepted).toBeGreaterThan(books.length * (SEED_EVENTS + 1));
  } finally {
    await shutdown.run();
    await rm(dir, { recursive: true, force: true });
  }
}
