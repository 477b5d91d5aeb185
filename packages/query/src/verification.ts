/**
 * Holds rollups against raw while the pipeline runs, and tells what is wrong from what is only on its way.
 *
 * Rows are in raw before their buckets are marked, marks precede progress, and a mark is cleared after its rollup is made (see
 * `pipeline.ts`). So a bucket that differs is wrong only if nothing of it is on its way: it has no mark, and no row of it lies at or
 * beyond the progress, where marks may still be missing. Progress is read before the marks: a row before it has been marked by then.
 *
 * What remains is compared once more. A row may have been marked and rolled up between the two reads of a comparison, and left no trace; then
 * the second comparison finds other figures, or agreement. A difference that is word for word the same, with nothing of the bucket
 * on its way both times, is none of these: the rollup lacks rows that nobody will add, or holds what raw does not.
 */
import { AppError, TIER_WIDTH_MS, tierBucketStartMs } from '@tidemark/core';
import type { Measure, OrganizationId, Tier } from '@tidemark/core';
import { DIFFERENCES_SHOWN_MAX } from '@tidemark/warehouse';
import type { EventStore, RollupDifference, RollupStore } from '@tidemark/warehouse';
import { type QueryPipeline, rolledUpMeasures } from './pipeline.ts';

/**
 * Buckets of one comparison, which the store cuts by their rows: a day of each of the finer tiers, since what a statement costs however
 * few rows it reads is more than the rows of many buckets do.
 */
const BUCKETS_PER_COMPARISON: Readonly<Record<Tier, number>> = { '1m': 1_440, '15m': 96, '1d': 4 };
/** Widest range of one call: a month of minutes. */
export const BUCKETS_PER_VERIFICATION_MAX = 44_640;

/** The part of the catalog's pipeline state that this needs (structurally a subset of it). */
export interface VerifiedPipeline extends Pick<QueryPipeline, 'dirtyBuckets' | 'unknownMeasures'> {
  /** Of every partition of the topic. @throws catalog-unavailable */
  progress(topic: string): Promise<readonly { readonly partition: number; readonly nextOffset: number }[]>;
}

export interface VerificationDependencies {
  readonly pipeline: VerifiedPipeline;
  readonly events: Pick<EventStore, 'minutesWithin' | 'minutesFrom'>;
  readonly rollups: Pick<RollupStore, 'bucketsWithin' | 'compare'>;
  /** Those that rollups are made of. What is not confirmed is answered from raw, so it is not looked at. */
  readonly measures: readonly Measure[];
  readonly eventsTopic: string;
}

export interface VerificationOptions {
  readonly organization: OrganizationId;
  readonly tier: Tier;
  /** Buckets that begin within [fromMs, toMs). */
  readonly fromMs: number;
  readonly toMs: number;
  /** Only those that end at or before this instant. */
  readonly closedThroughMs: number;
  /** Of each statement. */
  readonly timeoutMs: number;
}

export interface Verification {
  /** Buckets with rows in raw or in rollups of which nothing was on its way: all of each was compared, or enough to find a difference. */
  readonly checkedBuckets: number;
  /** Buckets that were marked, or had rows whose mark may be missing yet. */
  readonly skippedDirty: number;
  /** At most `DIFFERENCES_SHOWN_MAX`. */
  readonly differences: readonly RollupDifference[];
  /** There were so many differences that the comparison ended with them: what is neither checked nor skipped was not looked at. */
  readonly isTruncated: boolean;
}

/**
 * Where the rollups of closed, clean buckets are not what raw gives. Changes nothing; safe at any time.
 *
 * @throws query-too-expensive for more than `BUCKETS_PER_VERIFICATION_MAX` buckets; warehouse-unavailable; query-timeout; catalog-unavailable
 */
export async function verifyBuckets(
  dependencies: VerificationDependencies,
  options: VerificationOptions,
): Promise<Verification> {
  const range = closedRange(options);
  const measures = await confirmedAmong(dependencies, options.organization, dependencies.measures);
  if (measures.length === 0 || range.fromMs >= range.toMs) {
    return { checkedBuckets: 0, skippedDirty: 0, differences: [], isTruncated: false };
  }
  const starts = await bucketsWithRows(dependencies, options, range, measures);
  const marked = new Set(await dirtyWithin(dependencies, options, range));
  const disturbed = new Set(starts.filter((start) => marked.has(start)));
  const isDisturbed = (start: number) => disturbed.has(start);
  const compare = (buckets: readonly number[]) =>
    compareInChunks(buckets, options.tier, async (some) => {
      const { organization, tier, timeoutMs } = options;
      const undisturbed = some.filter((start) => !isDisturbed(start));
      const asked = { organization, tier, bucketStartsMs: undisturbed, measures, timeoutMs };
      const found = undisturbed.length === 0 ? [] : await dependencies.rollups.compare(asked);
      if (found.length > 0)
        for (const start of await onTheirWay(dependencies, options, range)) disturbed.add(start);
      return { compared: undisturbed, found, kept: found.filter((one) => !isDisturbed(one.bucketStartMs)) };
    });
  const first = await compare(starts);
  const same = new Set(first.differences.map(keyOf));
  const second = await compare([...new Set(first.differences.map(({ bucketStartMs }) => bucketStartMs))]);
  const stillConfirmed = new Set(
    (await confirmedAmong(dependencies, options.organization, measures)).map(
      (measure) => measure.fingerprint,
    ),
  );
  return {
    checkedBuckets: first.compared.filter((start) => !isDisturbed(start)).length,
    skippedDirty: starts.filter(isDisturbed).length,
    differences: second.differences.filter(
      (difference) =>
        same.has(keyOf(difference)) &&
        stillConfirmed.has(difference.measure) &&
        !isDisturbed(difference.bucketStartMs),
    ),
    isTruncated: first.isTruncated || second.isTruncated,
  };
}

interface Range {
  readonly fromMs: number;
  readonly toMs: number;
}

/** From the first start of a bucket to the end of the last closed one. */
function closedRange({ tier, fromMs, toMs, closedThroughMs }: VerificationOptions): Range {
  const width = TIER_WIDTH_MS[tier];
  const ceiling = (ms: number) => tierBucketStartMs(tier, ms + width - 1);
  const range = {
    fromMs: ceiling(fromMs),
    toMs: Math.min(ceiling(toMs), tierBucketStartMs(tier, closedThroughMs)),
  };
  const buckets = (range.toMs - range.fromMs) / width;
  if (buckets > BUCKETS_PER_VERIFICATION_MAX) {
    throw new AppError(
      'query-too-expensive',
      `The range holds ${buckets} buckets of ${tier}; at most ${BUCKETS_PER_VERIFICATION_MAX} are verified at once`,
    );
  }
  return range;
}

async function confirmedAmong(
  { pipeline }: VerificationDependencies,
  organization: OrganizationId,
  measures: readonly Measure[],
): Promise<readonly Measure[]> {
  const confirmed = await rolledUpMeasures(
    pipeline,
    organization,
    measures.map((measure) => measure.fingerprint),
  );
  return measures.filter((measure) => confirmed.has(measure.fingerprint));
}

/** Starts, ascending. */
async function bucketsWithRows(
  { events, rollups }: VerificationDependencies,
  { organization, tier }: VerificationOptions,
  range: Range,
  measures: readonly Measure[],
): Promise<readonly number[]> {
  const eventTypes = [...new Set(measures.flatMap((measure) => measure.eventTypes))];
  const minutes = await events.minutesWithin({ organization, ...range, eventTypes });
  const rolledUp = await rollups.bucketsWithin(organization, tier, range.fromMs, range.toMs);
  const starts = new Set([...minutes.map((minute) => tierBucketStartMs(tier, minute)), ...rolledUp]);
  return [...starts].toSorted((a, b) => a - b);
}

function dirtyWithin(
  { pipeline }: VerificationDependencies,
  { organization, tier }: VerificationOptions,
  range: Range,
): Promise<readonly number[]> {
  return pipeline.dirtyBuckets(organization, tier, range.fromMs, range.toMs);
}

interface Compared {
  readonly compared: readonly number[];
  readonly differences: readonly RollupDifference[];
  readonly isTruncated: boolean;
}

/** One comparison: what it was asked of, what it found, and what of that is not on its way. */
type CompareSome = (starts: readonly number[]) => Promise<{
  readonly compared: readonly number[];
  readonly found: readonly RollupDifference[];
  readonly kept: readonly RollupDifference[];
}>;

/** Until there are as many differences as are shown. */
async function compareInChunks(
  starts: readonly number[],
  tier: Tier,
  compareSome: CompareSome,
): Promise<Compared> {
  const compared: number[] = [];
  const differences: RollupDifference[] = [];
  const size = BUCKETS_PER_COMPARISON[tier];
  for (let at = 0; at < starts.length; at += size) {
    if (differences.length >= DIFFERENCES_SHOWN_MAX) return { compared, differences, isTruncated: true };
    const some = await compareChunk(starts.slice(at, at + size), compareSome);
    const shown = some.differences.slice(0, DIFFERENCES_SHOWN_MAX - differences.length);
    differences.push(...shown);
    if (some.isTruncated || shown.length < some.differences.length) {
      compared.push(...new Set(shown.map(({ bucketStartMs }) => bucketStartMs)));
      return { compared, differences, isTruncated: true };
    }
    compared.push(...some.compared);
  }
  return { compared, differences, isTruncated: false };
}

/**
 * An answer that is full may lack buckets behind those it tells of. If some of these are on their way, the others are asked for again;
 * each time there are fewer.
 */
async function compareChunk(starts: readonly number[], compareSome: CompareSome): Promise<Compared> {
  while (true) {
    const { compared, found, kept } = await compareSome(starts);
    const isFull = found.length >= DIFFERENCES_SHOWN_MAX;
    if (!isFull || kept.length === found.length) return { compared, differences: kept, isTruncated: isFull };
  }
}

/** Buckets with a mark, and those with rows that may lack theirs. */
async function onTheirWay(
  dependencies: VerificationDependencies,
  options: VerificationOptions,
  range: Range,
): Promise<readonly number[]> {
  const { pipeline, events, eventsTopic: topic } = dependencies;
  const progress = await pipeline.progress(topic);
  const starts = [...(await dirtyWithin(dependencies, options, range))];
  for (const { partition, nextOffset } of progress) {
    for (const { organization, minuteMs } of await events.minutesFrom({ topic, partition }, nextOffset)) {
      if (organization === options.organization) starts.push(tierBucketStartMs(options.tier, minuteMs));
    }
  }
  return starts;
}

function keyOf(difference: RollupDifference): string {
  const { measure, bucketStartMs, dimensions, columns, raw, rollup } = difference;
  return JSON.stringify([measure, bucketStartMs, dimensions, columns, raw, rollup]);
}
