/** The audit of rollups: now and then some buckets are made again from raw and compared. */
import type { Ledger, PipelineState } from '@tidemark/catalog';
import { EVENTS_TOPIC } from '@tidemark/contracts';
import { completeThroughMs, DAY_MS, HOUR_MS } from '@tidemark/core';
import type { Clock, OrganizationId, Tier } from '@tidemark/core';
import type { Logger, Telemetry } from '@tidemark/runtime';

/** Differences told of one tier. */
const DIFFERENCES_TOLD_MAX = 10;

/** Buckets of one tier that begin within [fromMs, toMs). */
export interface RollupSample {
  readonly organization: OrganizationId;
  readonly tier: Tier;
  readonly fromMs: number;
  readonly toMs: number;
  /** Buckets that end later are still open, and not compared. */
  readonly closedThroughMs: number;
}

export interface Verification {
  readonly checkedBuckets: number;
  readonly differences: readonly {
    readonly measure: string;
    readonly bucketStartMs: number;
    readonly columns: readonly string[];
    readonly raw: string;
    readonly rollup: string;
  }[];
  /** There are so many differences that not all buckets were compared. */
  readonly isTruncated: boolean;
}

export interface RollupAuditDependencies {
  readonly ledger: Pick<Ledger, 'days'>;
  readonly pipeline: Pick<PipelineState, 'progress' | 'markDirty'>;
  /** `verifyBuckets` of the query engine, in bounded time. */
  readonly verify: (sample: RollupSample) => Promise<Verification>;
  readonly clock: Clock;
  /** [0, 1): what is looked at. */
  readonly random: () => number;
  readonly log: Logger;
  readonly telemetry: Pick<Telemetry, 'increment'>;
}

export interface RollupAuditOptions {
  readonly allowedLatenessMs: number;
  /** Days of arrival that are chosen from: [fromDayMs, toDayMs). */
  readonly fromDayMs: number;
  readonly toDayMs: number;
}

/**
 * Compares one hour of minutes, one day of quarters and that day of one organization with raw; only buckets that are closed and clean.
 * A bucket that differs is marked dirty, so it is answered from raw at once and made again.
 *
 * @param organizations with events in the books
 */
export async function auditRollups(
  dependencies: RollupAuditDependencies,
  organizations: readonly OrganizationId[],
  options: RollupAuditOptions,
): Promise<void> {
  const { ledger, pipeline, random } = dependencies;
  const organization = organizations[Math.floor(random() * organizations.length)];
  if (organization === undefined) return;
  const progress = await pipeline.progress(EVENTS_TOPIC);
  const arrivals = progress.map(({ arrivedThroughMs }) => arrivedThroughMs);
  const closedThroughMs = completeThroughMs(arrivals, options.allowedLatenessMs);
  if (closedThroughMs === null) return;
  const days = await ledger.days(EVENTS_TOPIC, organization, options.fromDayMs, options.toDayMs);
  const newestFirst = days
    .filter(({ stored, dayMs }) => stored > 0 && dayMs < closedThroughMs)
    .toSorted((a, b) => b.dayMs - a.dayMs);
  // Most events happen on the day they arrive. Squared: new days, whose buckets are made now, are looked at more often than old ones.
  const dayMs = newestFirst[Math.floor(random() ** 2 * newestFirst.length)]?.dayMs;
  if (dayMs === undefined) return;
  const hours = Math.ceil((Math.min(dayMs + DAY_MS, closedThroughMs) - dayMs) / HOUR_MS);
  const hourMs = dayMs + Math.floor(random() * hours) * HOUR_MS;
  const sample = { organization, closedThroughMs };
  await compare(dependencies, { ...sample, tier: '1m', fromMs: hourMs, toMs: hourMs + HOUR_MS });
  await compare(dependencies, { ...sample, tier: '15m', fromMs: dayMs, toMs: dayMs + DAY_MS });
  await compare(dependencies, { ...sample, tier: '1d', fromMs: dayMs, toMs: dayMs + DAY_MS });
}

async function compare(
  { pipeline, verify, clock, log, telemetry }: RollupAuditDependencies,
  sample: RollupSample,
): Promise<void> {
  const { organization, tier } = sample;
  const { checkedBuckets, differences, isTruncated } = await verify(sample);
  telemetry.increment('tidemark_audit_buckets_checked_total', checkedBuckets, { tier });
  if (differences.length === 0) return;
  telemetry.increment('tidemark_audit_rollup_differences_total', differences.length, { tier });
  const starts = [...new Set(differences.map(({ bucketStartMs }) => bucketStartMs))];
  log.error(
    {
      organization,
      tier,
      buckets: starts.length,
      count: differences.length,
      isTruncated,
      // Without their dimensions, whose values are what users sent.
      evidence: differences
        .slice(0, DIFFERENCES_TOLD_MAX)
        .map(({ measure, bucketStartMs, columns, raw, rollup }) => ({
          measure,
          bucket: new Date(bucketStartMs).toISOString(),
          columns,
          raw,
          rollup,
        })),
    },
    'rollups differ from raw; their buckets are made again',
  );
  await pipeline.markDirty(
    starts.map((bucketStartMs) => ({ tier, organization, bucketStartMs })),
    clock.nowMs(),
  );
}
