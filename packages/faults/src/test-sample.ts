/** A run of `npm run faults` that fits into CI: the same seed every time, a handful of faults. */
import { expect } from '@jest/globals';
import { INVARIANT_NAMES } from './findings.ts';
import type { FaultReport } from './report.ts';
import { runFaults } from './run.ts';
import type { RunOptions } from './run.ts';

export const SAMPLE_TIMEOUT_MS = 300_000;
const DAYS_VERIFIED_MAX = 2;

export interface Sample extends Pick<RunOptions, 'profile' | 'seed' | 'faultNames'> {
  readonly faults: number;
}

/** @throws the assertion that failed */
export async function proveSample({ faults, ...run }: Sample): Promise<void> {
  const report = await runFaults({
    ...run,
    length: { faults },
    daysVerifiedMax: DAYS_VERIFIED_MAX,
    log: (line) => process.stderr.write(`${line}\n`),
  });
  expect({ evidence: report.evidencePath, violations: report.violations }).toEqual({
    evidence: null,
    violations: 0,
  });
  assertProved(report);
}

/** A run that hurt nothing, or checked nothing, proves nothing. */
function assertProved(report: FaultReport): void {
  expect(report.faults.reduce((sum, { injected }) => sum + injected, 0)).toBeGreaterThanOrEqual(3);
  expect(report.processes.reduce((sum, { killed }) => sum + killed, 0)).toBeGreaterThanOrEqual(2);
  expect(report.acknowledged).toBeGreaterThan(500);
  expect(report.load.copiesSent).toBeGreaterThan(0);
  expect(report.log.rows).toBe(report.acknowledged);
  expect(report.log.copies).toBeGreaterThan(0);
  expect(report.load.waits.confirmed).toBeGreaterThan(0);
  expect(report.checkpoints.map(({ hasLedger }) => hasLedger)).not.toContain(false);
  expect(report.checkpoints.at(-1)?.rolledUpAfterMs).not.toBeNull();
  const unchecked = report.invariants.filter(({ checked }) => checked === 0);
  expect(unchecked).toEqual([]);
  expect(report.invariants.map(({ invariant }) => invariant)).toEqual(INVARIANT_NAMES);
}
