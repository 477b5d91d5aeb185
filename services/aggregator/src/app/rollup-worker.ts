/**
 * Recomputes closed, dirty buckets from raw. Any number of workers may run: each claims buckets, and what two of them do to the
 * same bucket the version of their claims puts in order.
 */
import { completeThroughMs, isAppError, MINUTE_MS, SECOND_MS } from '@tidemark/core';
import type { Clock, Measure } from '@tidemark/core';
import type { Claim, PipelineState } from '@tidemark/catalog';
import { EVENTS_TOPIC } from '@tidemark/contracts';
import type { EventStore, RollupStore } from '@tidemark/warehouse';
import type { Logger } from '@tidemark/runtime';
import { bucketsOf } from '../domain/marks.ts';

/** How long a worker rests when nothing is due. */
export const ROLLUP_IDLE_MS = 500;
/**
 * After this a claim may be taken over: how long the buckets of a killed worker wait. A recomputation that takes longer may be done
 * twice, which the versions of the claims make harmless.
 */
export const ROLLUP_LEASE_MS = 30 * SECOND_MS;
const ROLLUP_TIMEOUT_MS = 2 * MINUTE_MS;
/** Buckets recomputed in one statement; halved after a failure, doubled again after a success. */
const ROLLUP_BUCKETS_MAX = 256;
const FAILURE_PAUSE_MS = 2 * SECOND_MS;
/** Minutes marked at once when every rollup is made anew. */
const REMARK_MINUTES = 5_000;

export interface RollupWorkerDependencies {
  readonly pipeline: PipelineState;
  readonly rollups: RollupStore;
  readonly events: Pick<EventStore, 'allMinutes'>;
  readonly measures: readonly Measure[];
  readonly clock: Clock;
  readonly log: Logger;
  readonly onRecomputed: (claim: Claim, durationMs: number) => void;
  readonly onFailed: () => void;
}

export interface RollupWorkerOptions {
  readonly allowedLatenessMs: number;
}

/**
 * Marks every bucket dirty when a measure is declared that rollups were never made of. A question about it is answered from raw
 * until the measure is confirmed (which is after every mark is durable), and bucket by bucket from rollups as they are made.
 */
async function markForNewMeasures({
  pipeline,
  events,
  measures,
  clock,
  log,
}: RollupWorkerDependencies): Promise<void> {
  const fingerprints = fingerprintsOf(measures);
  await pipeline.adoptMeasures(fingerprints, clock.nowMs());
  const unknown = await pipeline.unknownMeasures(fingerprints);
  if (unknown.length === 0) return;
  const minutes = await events.allMinutes();
  for (let start = 0; start < minutes.length; start += REMARK_MINUTES) {
    await pipeline.markDirty(bucketsOf(minutes.slice(start, start + REMARK_MINUTES)), clock.nowMs());
  }
  await pipeline.confirmMeasures(unknown);
  log.info(
    { measures: unknown.length, minutes: minutes.length },
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
  let isAdopted = false;
  while (!stop.aborted) {
    try {
      if (!isAdopted) await markForNewMeasures(dependencies);
      isAdopted = true;
      const claim = await claimDue(dependencies, options, bucketsMax);
      if (claim === null) {
        await clock.sleep(ROLLUP_IDLE_MS, stop);
        continue;
      }
      await recompute(dependencies, claim);
      bucketsMax = Math.min(ROLLUP_BUCKETS_MAX, bucketsMax * 2);
    } catch (error) {
      if (!isAppError(error)) throw error;
      dependencies.onFailed();
      bucketsMax = Math.max(1, Math.floor(bucketsMax / 2));
      log.warn(
        { err: error, bucketsMax },
        'a rollup failed; its buckets stay dirty and are answered from raw',
      );
      await clock.sleep(FAILURE_PAUSE_MS, stop);
    }
  }
}

async function claimDue(
  { pipeline, clock, measures }: RollupWorkerDependencies,
  { allowedLatenessMs }: RollupWorkerOptions,
  maxBuckets: number,
): Promise<Claim | null> {
  const progress = await pipeline.progress(EVENTS_TOPIC);
  const closedThroughMs = completeThroughMs(
    progress.map((partition) => partition.arrivedThroughMs),
    allowedLatenessMs,
  );
  if (closedThroughMs === null) return null;
  return pipeline.claimDirty({
    closedThroughMs,
    nowMs: clock.nowMs(),
    leaseMs: ROLLUP_LEASE_MS,
    maxBuckets,
    measures: fingerprintsOf(measures),
  });
}

async function recompute(
  { pipeline, rollups, measures, clock, onRecomputed }: RollupWorkerDependencies,
  claim: Claim,
) {
  const first = claim.buckets[0];
  if (first === undefined) return;
  const startedAtMs = clock.nowMs();
  try {
    await rollups.recompute({
      organization: first.organization,
      tier: first.tier,
      bucketStartsMs: claim.buckets.map((bucket) => bucket.bucketStartMs),
      measures,
      version: claim.version,
      timeoutMs: ROLLUP_TIMEOUT_MS,
    });
  } catch (error) {
    await pipeline.releaseClaim(claim);
    throw error;
  }
  await pipeline.clearDirty(claim);
  onRecomputed(claim, clock.nowMs() - startedAtMs);
}

function fingerprintsOf(measures: readonly Measure[]): readonly string[] {
  return measures.map((measure) => measure.fingerprint);
}
