import {
  assertThat,
  type OrganizationId,
  TIER_SETTLE_MS,
  TIER_WIDTH_MS,
  TIERS,
  type Tier,
} from '@tidemark/core';
import {
  ADOPT_MEASURES,
  ARE_ADOPTED,
  CLAIM_DIRTY,
  CLEAR_DIRTY,
  CONFIRM_MEASURES,
  COUNT_DIRTY,
  COUNT_DIRTY_WITHIN,
  MARK_DIRTY,
  RAISE_VERSION,
  RECORD_PROGRESS,
  RELEASE_CLAIM,
  SELECT_DIRTY,
  SELECT_PROGRESS,
  UNCONFIRMED_MEASURES,
  UNKNOWN_MEASURES,
} from './pipeline-sql.ts';
import type {
  Claim,
  ClaimOptions,
  DirtyBucket,
  PartitionProgress,
  PipelineState,
  SqlExecutor,
} from './port.ts';
import { type BigintText, toSafeInteger } from './rows.ts';

/** Buckets marked in one statement: bounds its locks and, in-process, how long it holds the thread (25 ms, measured). */
const MARKS_PER_STATEMENT_MAX = 2_000;
/** Due at once. */
const NO_SETTLE_MS: Readonly<Record<Tier, number>> = { '1m': 0, '15m': 0, '1d': 0 };

interface ProgressRow {
  readonly topic: string;
  readonly partition: number;
  readonly next_offset: BigintText;
  readonly arrived_through_ms: BigintText;
}

interface ClaimedRow {
  readonly organization: OrganizationId;
  readonly tier_width_ms: BigintText;
  readonly bucket_start_ms: BigintText;
  readonly mark: BigintText;
  readonly claim_version: BigintText;
}

/** Each method is one statement, or several that may stop after any of them without breaking a promise of the port. */
export function createPipelineState(executor: Pick<SqlExecutor, 'query'>): PipelineState {
  return {
    async recordProgress(progress) {
      const merged = mergeProgress(progress);
      if (merged.length === 0) return;
      await executor.query(RECORD_PROGRESS, [
        merged.map((entry) => entry.topic),
        merged.map((entry) => entry.partition),
        merged.map((entry) => entry.nextOffset),
        merged.map((entry) => entry.arrivedThroughMs),
      ]);
    },
    async progress(topic) {
      return (await executor.query<ProgressRow>(SELECT_PROGRESS, [topic])).map(toPartitionProgress);
    },
    async markDirty(buckets, nowMs, holder) {
      await mark(executor, buckets, {
        nowMs,
        settleMs: TIER_SETTLE_MS,
        holder: holder ?? null,
        untilMs: null,
      });
    },
    async markDirtyNow(buckets, nowMs) {
      await mark(executor, buckets, { nowMs, settleMs: NO_SETTLE_MS, holder: null, untilMs: null });
    },
    async holdDirty(buckets, nowMs, { holder, untilMs }) {
      await mark(executor, buckets, { nowMs, settleMs: TIER_SETTLE_MS, holder, untilMs });
    },
    async claimDirty(options) {
      const rows = await executor.query<ClaimedRow>(CLAIM_DIRTY, toClaimParameters(options));
      return toClaim(rows, options.measures);
    },
    async clearDirty(claim) {
      const keys = keysOf(claim);
      if (keys === null) return;
      const cleared = await executor.query(CLEAR_DIRTY, [
        ...keys.owner,
        keys.starts,
        keys.marks,
        sortedSet(claim.measures),
      ]);
      // What was marked again meanwhile is free at once instead of when the lease ends.
      if (cleared.length < claim.buckets.length) await release(executor, claim);
    },
    async releaseClaim(claim) {
      await release(executor, claim);
    },
    async dirtyBuckets(organization, tier, fromMs, toMs, limit) {
      const rows = await executor.query<{ bucket_start_ms: BigintText }>(SELECT_DIRTY, [
        organization,
        TIER_WIDTH_MS[tier],
        fromMs,
        toMs,
        limit ?? null,
      ]);
      return rows.map((row) => toSafeInteger(row.bucket_start_ms));
    },
    async countDirty() {
      const [row] = await executor.query<{ count: BigintText }>(COUNT_DIRTY);
      assertThat(row !== undefined, 'count(*) answers one row');
      return toSafeInteger(row.count);
    },
    async countDirtyWithin(organization, fromMs, toMs) {
      const [row] = await executor.query<{ count: BigintText }>(COUNT_DIRTY_WITHIN, [
        organization,
        TIERS.map((tier) => TIER_WIDTH_MS[tier]),
        fromMs,
        toMs,
      ]);
      assertThat(row !== undefined, 'count(*) answers one row');
      return toSafeInteger(row.count);
    },
    async unknownMeasures(fingerprints, organization) {
      const rows = await executor.query<{ fingerprint: string }>(UNKNOWN_MEASURES, [
        [...new Set(fingerprints)],
        organization,
      ]);
      return rows.map((row) => row.fingerprint);
    },
    async adoptMeasures(fingerprints) {
      const distinct = sortedSet(fingerprints);
      await executor.query(ADOPT_MEASURES, [distinct]);
      const rows = await executor.query<{ fingerprint: string; adoption: BigintText }>(UNCONFIRMED_MEASURES, [
        distinct,
      ]);
      return rows.map((row) => ({ fingerprint: row.fingerprint, adoption: BigInt(row.adoption) }));
    },
    async areAdopted(fingerprints) {
      const [row] = await executor.query<{ adopted: boolean }>(ARE_ADOPTED, [sortedSet(fingerprints)]);
      return row?.adopted === true;
    },
    async raiseVersion(version) {
      await executor.query(RAISE_VERSION, [version.toString()]);
    },
    async confirmMeasures(adopted) {
      await executor.query(CONFIRM_MEASURES, [
        adopted.map(({ fingerprint }) => fingerprint),
        adopted.map(({ adoption }) => adoption.toString()),
      ]);
    },
  };
}

interface Marking {
  readonly nowMs: number;
  readonly settleMs: Readonly<Record<Tier, number>>;
  readonly holder: string | null;
  /** Null: the holder's hold is over. */
  readonly untilMs: number | null;
}

async function mark(
  executor: Pick<SqlExecutor, 'query'>,
  buckets: readonly DirtyBucket[],
  { nowMs, settleMs, holder, untilMs }: Marking,
): Promise<void> {
  const distinct = sortDistinct(buckets);
  for (let from = 0; from < distinct.length; from += MARKS_PER_STATEMENT_MAX) {
    const chunk = distinct.slice(from, from + MARKS_PER_STATEMENT_MAX);
    await executor.query(MARK_DIRTY, [
      chunk.map((bucket) => bucket.organization),
      chunk.map((bucket) => TIER_WIDTH_MS[bucket.tier]),
      chunk.map((bucket) => bucket.bucketStartMs),
      chunk.map((bucket) => settleMs[bucket.tier]),
      nowMs,
      holder,
      untilMs,
    ]);
  }
}

async function release(executor: Pick<SqlExecutor, 'query'>, claim: Claim): Promise<void> {
  const keys = keysOf(claim);
  if (keys === null) return;
  await executor.query(RELEASE_CLAIM, [...keys.owner, keys.starts, claim.version.toString()]);
}

interface ClaimKeys {
  readonly owner: readonly [OrganizationId, number];
  readonly starts: readonly number[];
  readonly marks: readonly string[];
}

/** Parallel arrays, in the order in which everybody locks; null when the claim holds nothing. */
function keysOf(claim: Claim): ClaimKeys | null {
  const [first] = claim.buckets;
  if (first === undefined) return null;
  const sorted = claim.buckets.toSorted((a, b) => a.bucketStartMs - b.bucketStartMs);
  return {
    owner: [first.organization, TIER_WIDTH_MS[first.tier]],
    starts: sorted.map((bucket) => bucket.bucketStartMs),
    marks: sorted.map((bucket) => bucket.mark.toString()),
  };
}

/** As `COLLATE "C"` sorts what is plain ASCII. */
function sortedSet(fingerprints: readonly string[]): readonly string[] {
  return [...new Set(fingerprints)].sort();
}

function toClaimParameters(options: ClaimOptions): readonly unknown[] {
  assertThat(options.maxBuckets > 0, 'a claim asks for at least one bucket');
  assertThat(options.leaseMs > 0, 'a lease lasts at least a millisecond');
  const { nowMs, closedThroughMs, leaseMs, maxBuckets, measures } = options;
  return [nowMs, closedThroughMs, leaseMs, maxBuckets, sortedSet(measures)];
}

function toClaim(rows: readonly ClaimedRow[], measures: readonly string[]): Claim | null {
  const [first] = rows;
  if (first === undefined) return null;
  const tier = toTier(toSafeInteger(first.tier_width_ms));
  const buckets = rows.map((row) => ({
    tier,
    organization: row.organization,
    bucketStartMs: toSafeInteger(row.bucket_start_ms),
    mark: BigInt(row.mark),
  }));
  buckets.sort((a, b) => a.bucketStartMs - b.bucketStartMs);
  return { version: BigInt(first.claim_version), buckets, measures };
}

function toTier(widthMs: number): Tier {
  const tier = TIERS.find((candidate) => TIER_WIDTH_MS[candidate] === widthMs);
  assertThat(tier !== undefined, `a tier of ${widthMs} ms exists`);
  return tier;
}

function toPartitionProgress(row: ProgressRow): PartitionProgress {
  return {
    topic: row.topic,
    partition: row.partition,
    nextOffset: toSafeInteger(row.next_offset),
    arrivedThroughMs: toSafeInteger(row.arrived_through_ms),
  };
}

/** One entry a partition, the farthest of each value, in the order in which every caller locks them. */
function mergeProgress(progress: readonly PartitionProgress[]): readonly PartitionProgress[] {
  const sorted = progress.toSorted((a, b) => compareText(a.topic, b.topic) || a.partition - b.partition);
  const merged: PartitionProgress[] = [];
  for (const entry of sorted) {
    const last = merged.at(-1);
    if (last === undefined || last.topic !== entry.topic || last.partition !== entry.partition) {
      merged.push(entry);
      continue;
    }
    merged[merged.length - 1] = {
      ...last,
      nextOffset: Math.max(last.nextOffset, entry.nextOffset),
      arrivedThroughMs: Math.max(last.arrivedThroughMs, entry.arrivedThroughMs),
    };
  }
  return merged;
}

/** Each bucket once, in the order in which every marker locks them. */
function sortDistinct(buckets: readonly DirtyBucket[]): readonly DirtyBucket[] {
  return buckets.toSorted(compareBuckets).filter((bucket, index, sorted) => {
    const previous = sorted[index - 1];
    return previous === undefined || compareBuckets(previous, bucket) !== 0;
  });
}

function compareBuckets(a: DirtyBucket, b: DirtyBucket): number {
  return (
    compareText(a.organization, b.organization) ||
    TIER_WIDTH_MS[a.tier] - TIER_WIDTH_MS[b.tier] ||
    a.bucketStartMs - b.bucketStartMs
  );
}

/** By code unit, so the same on every machine. */
function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
