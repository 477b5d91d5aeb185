/**
 * Recomputes closed, dirty buckets from raw. Any number of workers may run: each claims buckets, and what two of them do to the
 * same bucket the version of their claims puts in order.
 */
import { completeThroughMs, isAppError, MINUTE_MS, SECOND_MS } from '@tidemark/core';
import type { AppError, Clock, Measure, SubjectFact } from '@tidemark/core';
import type { Claim, PipelineState } from '@tidemark/catalog';
import { EVENTS_TOPIC } from '@tidemark/contracts';
import type { EventStore, RecomputeOptions, RollupStore, SubjectStore } from '@tidemark/warehouse';
import type { Logger } from '@tidemark/runtime';
import { bucketsOf } from '../domain/marks.ts';
import type { OwnMeasures } from './own-measures.ts';

/** How long a worker rests when nothing is due. */
const ROLLUP_IDLE_MS = 500;
/**
 * After this a claim may be taken over: how long the buckets of a killed worker wait. A recomputation that takes longer may be done
 * twice, which the versions of the claims make harmless.
 */
export const ROLLUP_LEASE_MS = 30 * SECOND_MS;
const ROLLUP_TIMEOUT_MS = 2 * MINUTE_MS;
/** Of a bucket claimed alone, after failures: it outlasts the time-out, so that others have their turn when it fails again. */
const ROLLUP_ALONE_LEASE_MS = ROLLUP_TIMEOUT_MS + ROLLUP_LEASE_MS;
/** Buckets recomputed in one statement; half of those that failed after a failure, doubled again after a success. */
const ROLLUP_BUCKETS_MAX = 256;
/** How long another release may hold its own measures (a roll-out, a roll-back) before ours are adopted again. */
const ADOPT_AGAIN_MS = 5 * MINUTE_MS;
const FAILURE_PAUSE_MS = 2 * SECOND_MS;
/** Minutes marked at once when every rollup is made anew. */
const REMARK_MINUTES = 5_000;

export interface RollupWorkerDependencies {
  readonly pipeline: Omit<PipelineState, 'holdDirty' | 'markDirtyNow' | 'countDirtyWithin'>;
  readonly rollups: Pick<RollupStore, 'recompute' | 'greatestVersion'>;
  readonly events: Pick<EventStore, 'allMinutes'>;
  readonly subjects: Pick<SubjectStore, 'absorb'>;
  readonly measures: readonly Measure[];
  /** Those of an organization's own metrics, asked for after each claim. */
  readonly ownMeasures: OwnMeasures;
  /** What is kept of subjects: adopted as measures are, and kept when the minutes that tell of it are recomputed. */
  readonly facts: readonly SubjectFact[];
  readonly clock: Clock;
  readonly log: Logger;
  readonly onRecomputed: (claim: Claim, durationMs: number) => void;
  readonly onFailed: () => void;
}

export interface RollupWorkerOptions {
  readonly allowedLatenessMs: number;
}

/**
 * Makes the measures and facts of this release those that are kept, and marks every bucket dirty when one is declared that was never kept. A question about it is answered from raw
 * until it is confirmed (which is after every mark is durable), and bucket by bucket from what is kept as it is made.
 */
async function adoptMeasures(dependencies: RollupWorkerDependencies): Promise<void> {
  const { pipeline, rollups, events, clock, log } = dependencies;
  const fingerprints = fingerprintsOf(dependencies);
  await pipeline.raiseVersion(await rollups.greatestVersion());
  const unconfirmed = await pipeline.adoptMeasures(fingerprints);
  if (unconfirmed.length === 0) return;
  let marked = 0;
  for await (const minutes of events.allMinutes()) {
    for (let start = 0; start < minutes.length; start += REMARK_MINUTES) {
      await pipeline.markDirty(bucketsOf(minutes.slice(start, start + REMARK_MINUTES)), clock.nowMs());
    }
    marked += minutes.length;
  }
  await pipeline.confirmMeasures(unconfirmed);
  log.info(
    { measures: unconfirmed.length, minutes: marked },
    'new measures: rollups will be made for what is stored',
  );
}

/** Runs until the signal aborts; resolves after the recomputation under way has ended. */
export async function runRollupWorker(
  dependencies: RollupWorkerDependencies,
  options: RollupWorkerOptions,
  stop: AbortSignal,
): Promise<void> {
  const { clock, log } = dependencies;
  let bucketsMax = ROLLUP_BUCKETS_MAX;
  let adoptAtMs = clock.nowMs();
  while (!stop.aborted) {
    try {
      if (clock.nowMs() >= adoptAtMs) {
        await adoptMeasures(dependencies);
        adoptAtMs = Number.POSITIVE_INFINITY;
      }
      const claim = await claimDue(dependencies, options, bucketsMax);
      if (claim === null) {
        if (adoptAtMs === Number.POSITIVE_INFINITY && !(await areOursAdopted(dependencies))) {
          log.warn(
            { adoptAgainMs: ADOPT_AGAIN_MS },
            'another release has adopted other measures: no rollups are made here',
          );
          adoptAtMs = clock.nowMs() + ADOPT_AGAIN_MS;
        }
        await clock.sleep(ROLLUP_IDLE_MS, stop);
        continue;
      }
      const error = await recompute(dependencies, claim);
      if (error === null) {
        bucketsMax = Math.min(ROLLUP_BUCKETS_MAX, bucketsMax * 2);
        continue;
      }
      bucketsMax = Math.max(1, Math.floor(claim.buckets.length / 2));
      dependencies.onFailed();
      log.warn(
        { err: error, bucketsMax, first: claim.buckets[0] },
        'a rollup failed; its buckets stay dirty and are answered from raw',
      );
      await giveBack(dependencies, claim, error);
    } catch (error) {
      if (!isAppError(error)) throw error;
      dependencies.onFailed();
      log.warn({ err: error }, 'the rollup worker cannot go on now; it tries again');
    }
    await clock.sleep(FAILURE_PAUSE_MS, stop);
  }
}

function areOursAdopted(dependencies: RollupWorkerDependencies): Promise<boolean> {
  return dependencies.pipeline.areAdopted(fingerprintsOf(dependencies));
}

async function claimDue(
  dependencies: RollupWorkerDependencies,
  { allowedLatenessMs }: RollupWorkerOptions,
  maxBuckets: number,
): Promise<Claim | null> {
  const { pipeline, clock } = dependencies;
  const progress = await pipeline.progress(EVENTS_TOPIC);
  const closedThroughMs = completeThroughMs(
    progress.map((partition) => partition.arrivedThroughMs),
    allowedLatenessMs,
  );
  if (closedThroughMs === null) return null;
  return pipeline.claimDirty({
    closedThroughMs,
    nowMs: clock.nowMs(),
    leaseMs: maxBuckets === 1 ? ROLLUP_ALONE_LEASE_MS : ROLLUP_LEASE_MS,
    maxBuckets,
    measures: fingerprintsOf(dependencies),
  });
}

/** Null when the buckets are clean now, else why they are not. @throws the catalog's AppErrors */
async function recompute(dependencies: RollupWorkerDependencies, claim: Claim): Promise<AppError | null> {
  const { pipeline, subjects, facts, clock, onRecomputed } = dependencies;
  const first = claim.buckets[0];
  if (first === undefined) return null;
  const startedAtMs = clock.nowMs();
  const buckets = {
    organization: first.organization,
    tier: first.tier,
    bucketStartsMs: claim.buckets.map((bucket) => bucket.bucketStartMs),
    timeoutMs: ROLLUP_TIMEOUT_MS,
  };
  try {
    await makeRollups(dependencies, { ...buckets, version: claim.version });
    // A closed minute without a mark is read from nowhere else: see `packages/query/src/subjects/sources.ts`.
    if (first.tier === '1m') await subjects.absorb({ ...buckets, facts });
  } catch (error) {
    if (isAppError(error)) return error;
    throw error;
  }
  await pipeline.clearDirty(claim);
  onRecomputed(claim, clock.nowMs() - startedAtMs);
  return null;
}

/**
 * What an organization declares for itself may cost more than there is, or find a fault of ours. It shall neither hold up the rollups of
 * others nor end the process: what fails by itself, where the packs' measures do not, is given up BEFORE the marks are cleared.
 */
async function makeRollups(
  { rollups, measures, ownMeasures, log }: RollupWorkerDependencies,
  buckets: Omit<RecomputeOptions, 'measures'>,
): Promise<void> {
  const { organization } = buckets;
  const own = (await ownMeasures.of(organization)).filter(isNotAmong(measures));
  try {
    await rollups.recompute({ ...buckets, measures: [...measures, ...own] });
    return;
  } catch (error) {
    const isOfOne = buckets.bucketStartsMs.length === 1 && !isAppError(error, 'warehouse-unavailable');
    if (own.length === 0 || (isAppError(error) && !isOfOne)) throw error;
    log.warn({ err: error, organization }, 'rollups failed; own metrics are tried one by one');
  }
  await rollups.recompute({ ...buckets, measures });
  for (const measure of own) {
    try {
      await rollups.recompute({ ...buckets, measures: [measure] });
    } catch (error) {
      if (isAppError(error, 'warehouse-unavailable')) throw error;
      log.warn({ err: error, organization, measure: measure.fingerprint }, 'an own metric fails');
      await ownMeasures.giveUp(organization, measure);
    }
  }
}

/** A bucket that fails alone keeps its lease: given back at once it would be the first in line again, and no other would come up. */
async function giveBack(
  { pipeline }: RollupWorkerDependencies,
  claim: Claim,
  error: AppError,
): Promise<void> {
  const isAlone = claim.buckets.length === 1;
  if (isAlone && error.code !== 'warehouse-unavailable') return;
  await pipeline.releaseClaim(claim);
}

/** An own metric may be kept in what a pack's is kept in. */
function isNotAmong(measures: readonly Measure[]): (measure: Measure) => boolean {
  const known = new Set(measures.map(({ fingerprint }) => fingerprint));
  return ({ fingerprint }) => !known.has(fingerprint);
}

function fingerprintsOf({ measures, facts }: RollupWorkerDependencies): readonly string[] {
  return [...measures, ...facts].map(({ fingerprint }) => fingerprint);
}
