/** One run: load, faults one after the other, checkpoints, and a report. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createShutdown } from '@tidemark/testkit/cluster';
import { ClosedBuckets } from './check-answers.ts';
import { LogCheck } from './check-log.ts';
import { WaitCheck } from './check-waits.ts';
import { type CheckpointFigures, type CheckpointOptions, runCheckpoint } from './checkpoint.ts';
import { startDistributedSystem } from './distributed-system.ts';
import { startEmbeddedSystem } from './embedded-system.ts';
import { Findings } from './findings.ts';
import { openJournal, readJournal } from './journal.ts';
import { Load } from './load.ts';
import { Oracle } from './oracle.ts';
import { Probes } from './probes.ts';
import { Questions } from './questions.ts';
import { createRandom } from './random.ts';
import { Receipts } from './receipts.ts';
import { Refusals } from './refusals.ts';
import { Rejects } from './rejects.ts';
import { type FaultReport, sumLogTotals } from './report.ts';
import { planRequest } from './requests.ts';
import { type RunLength, Schedule } from './schedule.ts';
import type { Profile, System } from './system.ts';

const WARM_UP_MS = 3_000;

export interface RunOptions {
  readonly profile: Profile;
  readonly length: RunLength;
  readonly seed: number;
  /** Null: all of the profile. */
  readonly faultNames: readonly string[] | null;
  /** Of event time, by the last checkpoint. */
  readonly daysVerifiedMax: number;
  readonly log: (line: string) => void;
}

/**
 * Bounded: the faults, then the last checkpoint. Ends what it started.
 * @throws Error when it could not run; what it found wrong is in the report
 */
export async function runFaults(options: RunOptions): Promise<FaultReport> {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'tidemark-faults-'));
  const shutdown = createShutdown();
  const nowMs = (): number => Date.now();
  const startedAtMs = nowMs();
  const findings = new Findings(() => nowMs() - startedAtMs, options.log);
  try {
    const { profile, log } = options;
    const system =
      profile === 'embedded'
        ? await startEmbeddedSystem(dir, shutdown, nowMs)
        : await startDistributedSystem(dir, shutdown, nowMs, log);
    const report = await attack(system, findings, dir, options);
    await shutdown.run();
    if (findings.violationCount === 0) {
      await rm(dir, { recursive: true, force: true });
      return report;
    }
    const evidencePath = path.join(dir, 'evidence.json');
    await writeFile(evidencePath, `${JSON.stringify(findings.violations, null, 2)}\n`);
    return { ...report, evidencePath };
  } catch (error) {
    options.log(`it could not be ended; journal and logs are in ${dir}`);
    throw error;
  } finally {
    await shutdown.run();
  }
}

async function attack(
  system: System,
  findings: Findings,
  dir: string,
  { length, seed, faultNames, daysVerifiedMax, log }: RunOptions,
): Promise<FaultReport> {
  const nowMs = (): number => Date.now();
  const startedAtMs = nowMs();
  const oracle = new Oracle();
  const journal = await openJournal(path.join(dir, 'journal.jsonl'));
  const shared = { system, findings, nowMs };
  const questions = new Questions(shared);
  const rejects = new Rejects();
  const receipts = new Receipts();
  const random = createRandom(seed, 'load');
  const load = new Load({
    ...shared,
    seed,
    oracle,
    rejects,
    receipts,
    journal,
    random,
    refusals: new Refusals(findings),
    waits: new WaitCheck({ ...shared, questions, random: createRandom(seed, 'waits') }),
  });
  const closed = new ClosedBuckets(oracle, findings);
  const probes = new Probes({ ...shared, questions, closed, random: createRandom(seed, 'probes') });
  const logCheck = new LogCheck(findings);
  const checkpoints: CheckpointFigures[] = [];
  const schedule = new Schedule({
    system,
    faultNames,
    random: createRandom(seed, 'schedule'),
    nowMs,
    storedRecords: () => questions.storedRecords(),
    log,
  });

  async function check(expectedFinally: CheckpointOptions['expectedFinally']): Promise<boolean> {
    const parts = { oracle, rejects, receipts, load, questions, probes, logCheck, daysVerifiedMax };
    const figures = await runCheckpoint({ system, findings, ...parts, expectedFinally });
    checkpoints.push(figures);
    const { settledAfterMs, rolledUpAfterMs, rows } = figures;
    const outcome =
      settledAfterMs === null ? 'NOT at rest' : `at rest after ${settledAfterMs} ms, ${rows} rows`;
    const rolledUp = rolledUpAfterMs === null ? '' : `, rolled up after ${rolledUpAfterMs} ms`;
    log(`checkpoint ${checkpoints.length}: ${outcome}${rolledUp}, violations ${findings.violationCount}`);
    return settledAfterMs !== null;
  }

  probes.start();
  load.resume();
  try {
    await delay(WARM_UP_MS);
    const isAlive = await schedule.run(length, async () => {
      const goesOn = await check(null);
      load.resume();
      return goesOn;
    });
    if (isAlive) await check(() => replay(journal.path, seed, findings, oracle));
  } finally {
    await Promise.all([load.close(), probes.close()]);
    await journal.close();
  }
  return {
    profile: system.profile,
    seed,
    startedAt: new Date(startedAtMs).toISOString(),
    seconds: Math.round((nowMs() - startedAtMs) / 1_000),
    faults: schedule.figures(),
    invariants: findings.lines(),
    violations: findings.violationCount,
    processes: system.processes.map((one) => one.figures()),
    load: load.figures(),
    questions: questions.figures(),
    acknowledged: oracle.acknowledged,
    log: sumLogTotals(logCheck),
    checkpoints,
    evidencePath: null,
  };
}

/** What the journal on the disk says, instead of what is remembered. */
async function replay(file: string, seed: number, findings: Findings, remembered: Oracle): Promise<Oracle> {
  const oracle = new Oracle();
  for await (const { acknowledgedAtMs, ...plan } of readJournal(file)) {
    const request = planRequest(seed, plan);
    oracle.send(request);
    oracle.acknowledge(request, acknowledgedAtMs);
  }
  if (oracle.acknowledged !== remembered.acknowledged)
    findings.violated('I1', 'the journal and the memory of the load differ', {
      journal: oracle.acknowledged,
      memory: remembered.acknowledged,
    });
  return oracle;
}
