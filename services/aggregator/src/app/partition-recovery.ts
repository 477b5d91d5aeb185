/** What the owner of a partition must know before it reads on, asked of the group, the books, raw and the log. */
import type { AssignedPartition, CommittedOffset } from '@tidemark/bus';
import type { Ledger, PipelineState } from '@tidemark/catalog';
import { AppError, MINUTE_MS } from '@tidemark/core';
import type { Clock } from '@tidemark/core';
import type { EventStore } from '@tidemark/warehouse';
import { parseIdentity } from '../domain/identity.ts';
import type { Recovered } from '../domain/partition-messages.ts';
import type { SeenIdentities } from '../domain/seen-identities.ts';
import { parseCommitMetadata } from './partition-records.ts';

/** Offsets whose identities are fetched at a time when the window is read back after an assignment. */
const WARM_UP_OFFSETS = 250_000;
/** How far the arrivals of neighbouring records may be out of order: clocks of several ingests, publishes under way. */
const ARRIVAL_JITTER_MS = MINUTE_MS;
/** How long the record that raw was last made from is waited for. */
const LOG_CHECK_WAIT_MS = 5_000;

export interface RecoveryDependencies {
  readonly events: EventStore;
  readonly ledger: Pick<Ledger, 'accountedThrough'>;
  readonly pipeline: Pick<PipelineState, 'progress'>;
  readonly clock: Clock;
}

/**
 * Reads only, but for the position of `partition`.
 * @param committed the newest of this group, by whomever
 * @throws the retryable AppErrors of the ports
 */
export async function recoverPartition(
  partition: AssignedPartition,
  committed: CommittedOffset | null,
  { events, ledger }: RecoveryDependencies,
): Promise<Recovered> {
  const { rawThrough, intent } = parseCommitMetadata(committed?.metadata ?? '');
  await assertNoInsertRuns(partition, events);
  // The count first: what lands after it, the high-water mark or the token of the replay will meet.
  const intentRows = intent === null ? 0 : await events.countRange(partition, intent.from, intent.to);
  const highWater =
    (await events.highWater(partition, Math.max(0, rawThrough - 1))) ??
    (await events.highWater(partition, 0));
  const accountedThrough = await ledger.accountedThrough(partition.topic, partition.partition);
  const { startOffset, endOffset } = await partition.bounds();
  const isSameLog =
    highWater === null ||
    highWater.offset < startOffset ||
    highWater.offset >= endOffset ||
    (await isInLog(partition, highWater));
  return {
    kind: 'recovered',
    committed: committed?.offset ?? 0,
    accountedThrough,
    vouchedThrough: rawThrough,
    intent,
    intentRows,
    storedThrough: highWater === null ? 0 : highWater.offset + 1,
    startOffset,
    endOffset,
    isSameLog,
  };
}

/** @throws warehouse-unavailable while an insert of this partition runs, so that the step is tried again */
export async function assertNoInsertRuns(
  partition: AssignedPartition,
  events: Pick<EventStore, 'insertRunning'>,
): Promise<void> {
  if (!(await events.insertRunning(partition))) return;
  throw new AppError('warehouse-unavailable', 'an insert of this partition is still running');
}

/** Whether the log holds, at the offset of the last row in raw, the record that row was made from. */
async function isInLog(
  partition: AssignedPartition,
  row: { readonly offset: number; readonly receivedAtMs: number },
): Promise<boolean> {
  partition.seek(row.offset);
  const [record] = await partition.read({ maxRecords: 1, maxWaitMs: LOG_CHECK_WAIT_MS });
  if (record === undefined)
    throw new AppError('bus-unavailable', `the record at offset ${row.offset} does not come`);
  return record.offset === row.offset && record.timestampMs === row.receivedAtMs;
}

/**
 * Fills `seen` with the identities of the dedupe window, so that a new event costs no look-up from the first batch on. The window is that
 * of the oldest event not stored yet, not that of this moment: there may be a backlog.
 * @returns how far earlier owners have said that the partition is stored (arrival, ms)
 */
export async function inheritSeen(
  partition: AssignedPartition,
  seen: SeenIdentities,
  dedupeWindowMs: number,
  { events, pipeline, clock }: RecoveryDependencies,
): Promise<number> {
  const progress = await pipeline.progress(partition.topic);
  const known = progress.find((entry) => entry.partition === partition.partition);
  const arrivedThroughMs = known?.arrivedThroughMs ?? 0;
  const oldestMs = Math.min(clock.nowMs(), arrivedThroughMs) - ARRIVAL_JITTER_MS;
  const sinceMs = Math.max(0, oldestMs - dedupeWindowMs);
  seen.assumeCompleteSince(sinceMs);
  const range = await events.offsetsSince(partition, sinceMs);
  if (range === null) return arrivedThroughMs;
  for (let from = range.from; from <= range.to; from += WARM_UP_OFFSETS) {
    if (partition.lost.aborted) return arrivedThroughMs;
    const page = await events.identitiesWithin(partition, from, from + WARM_UP_OFFSETS - 1);
    for (const row of page) seen.add(parseIdentity(row.identity), row.receivedAtMs);
  }
  return arrivedThroughMs;
}
