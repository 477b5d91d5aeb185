/** I4 and I2 by rollups: that they were made, that they are read, and that they are what raw gives. */
import type { Verified } from '@tidemark/contracts';
import type { Answer } from '@tidemark/core';
import type { Findings } from './findings.ts';
import { ORGANIZATION_NAMES } from './slots.ts';

const RAW = 'raw';

/** Once the rollups of closed buckets are made: an answer from raw alone says nothing about them. */
export function checkTiersRead(
  { tiersRead, granularity, completeThrough }: Answer,
  organization: number,
  findings: Findings,
): void {
  findings.checked('I4');
  if (tiersRead.some((tier) => tier !== RAW)) return;
  findings.violated('I4', 'no rollup was read although all are made', {
    organization: ORGANIZATION_NAMES[organization],
    granularity,
    completeThrough,
    tiersRead,
  });
}

export type VerifiedDay = Pick<Verified, 'from' | 'checkedBuckets' | 'differences' | 'duplicates'>;

/** @param days one answer for each day with events */
export function checkVerified(days: readonly VerifiedDay[], organization: number, findings: Findings): void {
  const name = ORGANIZATION_NAMES[organization];
  for (const { from, checkedBuckets, differences, duplicates } of days) {
    findings.checked('I4', checkedBuckets);
    for (const difference of differences)
      findings.violated('I4', 'a rollup is not what raw gives', {
        organization: name,
        day: from,
        difference,
      });
    for (const duplicate of duplicates)
      findings.violated('I2', 'verify finds an event more than once in raw', {
        organization: name,
        day: from,
        duplicate,
      });
  }
  if (days.every(({ checkedBuckets }) => checkedBuckets === 0))
    findings.violated('I4', 'verify has compared nothing', { organization: name, days: days.length });
}
