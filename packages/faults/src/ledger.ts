/** I3 by the product's own books, held to the log, to raw and to what was answered. */
import type { LedgerAnswer } from '@tidemark/contracts';
import { DAY_MS } from '@tidemark/core';
import type { LogTotals } from './check-log.ts';
import type { Findings } from './findings.ts';
import type { Promised } from './receipts.ts';
import { ORGANIZATION_NAMES } from './slots.ts';

export type Books = Pick<LedgerAnswer, 'lag' | 'total'>;

export interface ExpectedBooks {
  readonly log: LogTotals;
  /** What the answers have promised, less what a killed ingest may have forgotten. */
  readonly least: Promised;
  /** Items that were sent to be rejected, whether or not the answer came. */
  readonly rejectsSent: number;
}

/** Yesterday too: a run may go through midnight. */
export function ledgerPath(nowMs: number): string {
  const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
  return `/api/v1/ledger?from=${day(nowMs - DAY_MS)}&to=${day(nowMs + DAY_MS)}`;
}

/** When nothing is under way. */
export function checkBooks(
  { lag, total }: Books,
  { log, least, rejectsSent }: ExpectedBooks,
  organization: number,
  findings: Findings,
): void {
  const found = { lag, ...total };
  const { stored, duplicate, rejected, dead, inFlight, residue } = total;
  const exactly = (value: number) => ({ least: value, most: value });
  const expected = {
    lag: exactly(0),
    stored: exactly(log.rows),
    duplicate: exactly(log.copies),
    conflict: exactly(log.conflicts),
    dead: exactly(log.dead),
    inFlight: exactly(0),
    residue: exactly(0),
    // A request that failed half-way is in the log and was not acknowledged.
    acknowledged: { least: least.acknowledged, most: log.rows + log.copies + log.dead },
    rejected: { least: least.rejected, most: rejectsSent },
    received: exactly(stored + duplicate + rejected + dead + inFlight + residue),
  };
  for (const [name, bounds] of Object.entries(expected)) {
    findings.checked('I3');
    const value = found[name as keyof typeof expected];
    if (value >= bounds.least && value <= bounds.most) continue;
    findings.violated('I3', 'the ledger does not agree with the log', {
      organization: ORGANIZATION_NAMES[organization],
      figure: name,
      ...bounds,
      found,
    });
  }
}
