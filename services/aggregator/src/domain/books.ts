/** The books of the pipeline held against raw, and against what ingest has promised: pure. */
import type { PartitionBounds } from '@tidemark/bus';
import type { AccountedDay, AccountedPartition, LedgerDay } from '@tidemark/catalog';
import { balanceOf } from '@tidemark/core';
import type { OrganizationId } from '@tidemark/core';
import type { BuriedDay } from '@tidemark/warehouse';

/** Rows that raw holds of one partition, organization and day of arrival. */
export interface RawDay {
  readonly partition: number;
  readonly organization: OrganizationId;
  readonly dayMs: number;
  readonly rows: number;
}

export interface RawDifference {
  readonly partition: number;
  readonly organization: OrganizationId | null;
  readonly dayMs: number;
  /** What the books say. */
  readonly stored: number;
  /** What raw holds. */
  readonly rows: number;
}

/**
 * Where the books and raw disagree. Exact at any moment, whatever is stored meanwhile: rows are in raw before they are accounted for, and
 * `raw` counts only offsets that the same snapshot of the books covers.
 */
export function differencesWithRaw(
  days: readonly AccountedDay[],
  raw: readonly RawDay[],
): readonly RawDifference[] {
  const rowsByKey = new Map(raw.map((day) => [keyOf(day), day]));
  const differences: RawDifference[] = [];
  for (const { partition, organization, dayMs, stored } of days) {
    const key = keyOf({ partition, organization, dayMs });
    const rows = rowsByKey.get(key)?.rows ?? 0;
    rowsByKey.delete(key);
    if (rows !== stored) differences.push({ partition, organization, dayMs, stored, rows });
  }
  const unknown = [...rowsByKey.values()].map((day) => ({ ...day, stored: 0 }));
  return [...differences, ...unknown];
}

/** Events by which books and raw differ, in either direction. */
export function rawResidueOf(differences: readonly RawDifference[]): number {
  return differences.reduce((sum, { stored, rows }) => sum + Math.abs(stored - rows), 0);
}

/** The ends of a log at one moment. */
export interface LogEnds {
  readonly bounds: readonly PartitionBounds[];
}

/** What ingest had acknowledged at one moment, and how far the log reached AFTER that: all of it lies before these ends. */
export interface ReceiptSample extends LogEnds {
  /** Starts of the days of arrival that it tells of, [fromDayMs, toDayMs). */
  readonly fromDayMs: number;
  readonly toDayMs: number;
  readonly days: readonly LedgerDay[];
}

/** Whether everything before the ends has been read, so that nothing of it may be in flight. */
export function hasReached(
  { bounds }: LogEnds,
  partitions: readonly Pick<AccountedPartition, 'partition' | 'through'>[],
): boolean {
  const throughOf = new Map(partitions.map(({ partition, through }) => [partition, through]));
  // What retention had dropped before is not in flight either.
  return bounds.every(
    ({ partition, startOffset, endOffset }) =>
      Math.max(throughOf.get(partition) ?? 0, startOffset) >= endOffset,
  );
}

export interface OffsetsOfPartition {
  readonly partition: number;
  /** [from, to). */
  readonly from: number;
  readonly to: number;
}

/** What the books cover beyond the ends of the log that the sample saw. */
export function offsetsBeyond(
  { bounds }: LogEnds,
  partitions: readonly AccountedPartition[],
): readonly OffsetsOfPartition[] {
  const endOf = new Map(bounds.map(({ partition, endOffset }) => [partition, endOffset]));
  return partitions.flatMap(({ partition, since, through }) => {
    const from = Math.max(since, endOf.get(partition) ?? 0);
    return from < through ? [{ partition, from, to: through }] : [];
  });
}

export interface Residue {
  readonly organization: OrganizationId;
  readonly dayMs: number;
  readonly acknowledged: number;
  readonly settled: number;
  readonly residue: number;
}

/**
 * Acknowledged events that are nowhere, each day by itself: what was settled on one does not make up for what another lacks, and what
 * was stored since the sample does not make up for what it lacks.
 *
 * A residue is never a false one: whatever the sample acknowledges lies before its ends of the log, and `settled` counts at least what
 * the books hold before them. It may be smaller than the loss, by as much as is settled without having been acknowledged in the sample:
 * on a day that is over, what a killed ingest took with it of its last second of counting; on the day that runs, also what was
 * published and not yet counted (about two seconds of traffic) and the copies and dead letters of the time since, whose offsets the books
 * do not tell apart. So a small loss among steady traffic is found when its day is over, a larger one at once.
 *
 * @param settled the books of one moment at which the sample was settled
 * @param beyond rows of raw of `offsetsBeyond` that moment
 */
export function residuesOf(
  sample: ReceiptSample,
  settled: readonly AccountedDay[],
  beyond: readonly RawDay[],
): readonly Residue[] {
  const sums = new Map<string, number>();
  const add = (organization: OrganizationId | null, dayMs: number, events: number) => {
    const key = JSON.stringify([organization, dayMs]);
    sums.set(key, (sums.get(key) ?? 0) + events);
  };
  for (const { organization, dayMs, stored, duplicate, dead } of settled)
    add(organization, dayMs, stored + duplicate + dead);
  for (const { organization, dayMs, rows } of beyond) add(organization, dayMs, -rows);
  return sample.days.flatMap(({ organization, dayMs, acknowledged }) => {
    const events = sums.get(JSON.stringify([organization, dayMs])) ?? 0;
    const figures = { acknowledged, rejected: 0, stored: events, duplicate: 0, dead: 0 };
    const { residue } = balanceOf(figures, { hasLag: false });
    return residue === 0 ? [] : [{ organization, dayMs, acknowledged, settled: events, residue }];
  });
}

export interface MissingLetters {
  readonly partition: number;
  readonly organization: OrganizationId | null;
  readonly dayMs: number;
  /** What the books say. */
  readonly dead: number;
  /** What the store has. */
  readonly kept: number;
}

/**
 * Records that the books call dead and whose letters the store lacks. Exact when `buried` counts the offsets that these books cover, once
 * all letters that were there before these books are kept. The store may hold more: a letter is written before its record is accounted for.
 */
export function missingLettersOf(
  days: readonly AccountedDay[],
  buried: readonly BuriedDay[],
): readonly MissingLetters[] {
  const keptByKey = new Map(buried.map((day) => [keyOf(day), day.letters]));
  return days.flatMap(({ partition, organization, dayMs, dead }) => {
    const kept = keptByKey.get(keyOf({ partition, organization, dayMs })) ?? 0;
    return kept < dead ? [{ partition, organization, dayMs, dead, kept }] : [];
  });
}

function keyOf({ partition, organization, dayMs }: Omit<RawDifference, 'stored' | 'rows'>): string {
  return JSON.stringify([partition, organization, dayMs]);
}
