import { assertThat, type OrganizationId } from '@tidemark/core';
import type { AccountedDay, AccountedPartition, LedgerDay } from './port.ts';
import { type BigintText, toSafeInteger } from './rows.ts';

/** Stands in the tables for records that do not say whose they are: a key column holds no null. No id is empty. */
export const UNKNOWN_ORGANIZATION = '';

interface SumColumns {
  readonly stored: BigintText;
  readonly duplicate: BigintText;
  readonly conflict: BigintText;
  readonly dead: BigintText;
}

interface PartitionRow {
  readonly partition: number;
  readonly since_offset: BigintText;
  readonly through_offset: BigintText;
  readonly skipped: BigintText;
  readonly day_ms: null;
}

interface SumsRow extends SumColumns {
  readonly partition: number;
  readonly day_ms: BigintText;
  readonly organization: OrganizationId | typeof UNKNOWN_ORGANIZATION;
}

export type SnapshotRow = PartitionRow | SumsRow;

export interface DayRow extends SumColumns {
  readonly organization: OrganizationId;
  readonly day_ms: BigintText;
  readonly acknowledged: BigintText;
  readonly rejected: BigintText;
}

export function toSnapshot(rows: readonly SnapshotRow[]): {
  readonly partitions: readonly AccountedPartition[];
  readonly days: readonly AccountedDay[];
} {
  const partitions: AccountedPartition[] = [];
  const days: AccountedDay[] = [];
  for (const row of rows) {
    if (row.day_ms === null) partitions.push(toAccountedPartition(row));
    else days.push(toAccountedDay(row));
  }
  return { partitions, days };
}

function toAccountedPartition(row: PartitionRow): AccountedPartition {
  return {
    partition: row.partition,
    since: toSafeInteger(row.since_offset),
    through: toSafeInteger(row.through_offset),
    skipped: toSafeInteger(row.skipped),
  };
}

function toAccountedDay(row: SumsRow): AccountedDay {
  return {
    partition: row.partition,
    dayMs: toSafeInteger(row.day_ms),
    organization: row.organization === UNKNOWN_ORGANIZATION ? null : row.organization,
    ...toSums(row),
  };
}

export function toLedgerDay(row: DayRow): LedgerDay {
  assertThat(row.organization.length > 0, 'days are of organizations');
  return {
    organization: row.organization,
    dayMs: toSafeInteger(row.day_ms),
    acknowledged: toSafeInteger(row.acknowledged),
    rejected: toSafeInteger(row.rejected),
    ...toSums(row),
  };
}

function toSums(row: SumColumns): Pick<AccountedDay, 'stored' | 'duplicate' | 'conflict' | 'dead'> {
  return {
    stored: toSafeInteger(row.stored),
    duplicate: toSafeInteger(row.duplicate),
    conflict: toSafeInteger(row.conflict),
    dead: toSafeInteger(row.dead),
  };
}
