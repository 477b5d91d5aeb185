import { expect } from '@jest/globals';
import { INVARIANT_NAMES } from './findings.ts';
import type { FaultReport } from './report.ts';

/** A run that hurt nothing, or checked nothing, proves nothing. @throws the assertion that failed */
export function assertProved(report: FaultReport): void {
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
