import { assertThat, DAY_MS, type OrganizationId } from '@tidemark/core';
import {
  ACCOUNT,
  FORGET,
  RECORD_RECEIPTS,
  SELECT_DAYS,
  SELECT_DAYS_OF_ALL,
  SELECT_DEAD_AMONG,
  SELECT_SNAPSHOT,
  SELECT_THROUGH,
} from './ledger-sql.ts';
import {
  type DayRow,
  type SnapshotRow,
  toLedgerDay,
  toSnapshot,
  UNKNOWN_ORGANIZATION,
} from './ledger-rows.ts';
import type { BatchAccount, Ledger, Outcomes, Receipt, SqlExecutor } from './port.ts';
import { type BigintText, toSafeInteger } from './rows.ts';

/** Receipts written in one statement: bounds its locks and, in-process, how long it holds the thread. */
const RECEIPTS_PER_STATEMENT_MAX = 2_000;
/** As above, of rows deleted. */
const FORGOTTEN_PER_STATEMENT_MAX = 2_000;
/** Coordinates asked for in one call. */
const COORDINATES_MAX = 10_000;

/** Each method is one statement, or several that may stop after any of them without breaking a promise of the port. */
export function createLedger(executor: Pick<SqlExecutor, 'query'>): Ledger {
  async function accountedThrough(topic: string, partition: number): Promise<number | null> {
    const [row] = await executor.query<{ through_offset: BigintText }>(SELECT_THROUGH, [topic, partition]);
    return row === undefined ? null : toSafeInteger(row.through_offset);
  }

  return {
    async account(account) {
      assertBalanced(account);
      const counted = await executor.query(ACCOUNT, toAccountParameters(account));
      if (counted.length > 0) return account.next;
      const through = await accountedThrough(account.topic, account.partition);
      assertThat(through !== null, `${describe(account)} has left its partition without books`);
      return through;
    },
    accountedThrough,
    async snapshot(topic, sinceDayMs) {
      return toSnapshot(await executor.query<SnapshotRow>(SELECT_SNAPSHOT, [topic, sinceDayMs]));
    },
    async recordReceipts(instance, receipts) {
      const merged = mergeReceipts(receipts);
      for (let from = 0; from < merged.length; from += RECEIPTS_PER_STATEMENT_MAX) {
        const chunk = merged.slice(from, from + RECEIPTS_PER_STATEMENT_MAX);
        await executor.query(RECORD_RECEIPTS, [
          instance,
          chunk.map((receipt) => receipt.organization),
          chunk.map((receipt) => receipt.dayMs),
          chunk.map((receipt) => receipt.acknowledged),
          chunk.map((receipt) => receipt.rejected),
        ]);
      }
    },
    async days(topic, organization, fromDayMs, toDayMs) {
      const rows = await (organization === null
        ? executor.query<DayRow>(SELECT_DAYS_OF_ALL, [topic, UNKNOWN_ORGANIZATION, fromDayMs, toDayMs])
        : executor.query<DayRow>(SELECT_DAYS, [topic, organization, fromDayMs, toDayMs]));
      return rows.map(toLedgerDay);
    },
    async deadAmong(topic, coordinates) {
      assertThat(coordinates.length <= COORDINATES_MAX, `at most ${COORDINATES_MAX} coordinates at a time`);
      const distinct = [
        ...new Map(coordinates.map((at) => [JSON.stringify([at.partition, at.offset]), at])).values(),
      ];
      const rows = await executor.query<{ partition: number; dead_offset: BigintText }>(SELECT_DEAD_AMONG, [
        topic,
        distinct.map(({ partition }) => partition),
        distinct.map(({ offset }) => offset),
      ]);
      return rows.map((row) => ({ partition: row.partition, offset: toSafeInteger(row.dead_offset) }));
    },
    async forgetBefore(dayMs) {
      let forgotten = 0;
      for (const statement of FORGET) {
        let deleted: number;
        do {
          deleted = (await executor.query(statement, [dayMs, FORGOTTEN_PER_STATEMENT_MAX])).length;
          forgotten += deleted;
        } while (deleted === FORGOTTEN_PER_STATEMENT_MAX);
      }
      return forgotten;
    },
  };
}

function describe({ topic, partition, from, next }: BatchAccount): string {
  return `the account of [${from}, ${next}) of partition ${partition} of ${topic}`;
}

/** Books that do not balance prove nothing: better to stop than to write them. */
function assertBalanced(account: BatchAccount): void {
  const { from, next, dayMs, outcomes, deadOffsets } = account;
  const name = describe(account);
  assertThat(from >= 0 && from < next, `${name} has a first and a last offset`);
  assertThat(dayMs % DAY_MS === 0, `${name} has the start of a UTC day, not ${dayMs}`);
  const records = outcomes.reduce((sum, { stored, duplicate, dead }) => sum + stored + duplicate + dead, 0);
  assertThat(records <= next - from, `${name} tells of ${records} records`);
  const dead = outcomes.reduce((sum, entry) => sum + entry.dead, 0);
  assertThat(dead === deadOffsets.length, `${name} names each of its ${dead} dead letters`);
  let last = from - 1;
  for (const offset of deadOffsets) {
    assertThat(offset > last && offset < next, `${name} has no dead letter at ${offset} after ${last}`);
    last = offset;
  }
}

function toAccountParameters(account: BatchAccount): readonly unknown[] {
  const outcomes = mergeOutcomes(account.outcomes);
  return [
    account.topic,
    account.partition,
    account.from,
    account.next,
    account.dayMs,
    account.arrivedThroughMs,
    account.deadOffsets,
    outcomes.map(({ organization }) => organization ?? UNKNOWN_ORGANIZATION),
    outcomes.map(({ stored }) => stored),
    outcomes.map(({ duplicate }) => duplicate),
    outcomes.map(({ conflict }) => conflict),
    outcomes.map(({ dead }) => dead),
  ];
}

/** One entry an organization: a statement cannot raise the same sum twice. */
function mergeOutcomes(outcomes: readonly Outcomes[]): readonly Outcomes[] {
  const merged = new Map<OrganizationId | null, Outcomes>();
  for (const entry of outcomes) {
    const known = merged.get(entry.organization);
    merged.set(entry.organization, {
      organization: entry.organization,
      stored: (known?.stored ?? 0) + entry.stored,
      duplicate: (known?.duplicate ?? 0) + entry.duplicate,
      conflict: (known?.conflict ?? 0) + entry.conflict,
      dead: (known?.dead ?? 0) + entry.dead,
    });
  }
  return [...merged.values()];
}

/** One entry an organization and day, the greatest of each figure, in the order in which every caller locks them. */
function mergeReceipts(receipts: readonly Receipt[]): readonly Receipt[] {
  const merged = new Map<string, Receipt>();
  for (const receipt of receipts) {
    const key = JSON.stringify([receipt.dayMs, receipt.organization]);
    const known = merged.get(key) ?? receipt;
    merged.set(key, {
      ...receipt,
      acknowledged: Math.max(known.acknowledged, receipt.acknowledged),
      rejected: Math.max(known.rejected, receipt.rejected),
    });
  }
  return [...merged.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, receipt]) => receipt);
}
