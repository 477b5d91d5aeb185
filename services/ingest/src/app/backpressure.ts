/** Refuses what the pipeline cannot keep up with: all of it beyond a bound of the log, and what exceeds a fair share before that. */
import type { Bus } from '@tidemark/bus';
import type { Ledger, PipelineState } from '@tidemark/catalog';
import { EVENTS_TOPIC } from '@tidemark/contracts';
import { AppError, isAppError, SECOND_MS, type Clock, type OrganizationId } from '@tidemark/core';
import type { Logger, Telemetry } from '@tidemark/runtime';
import {
  initialFairShare,
  observeFlow,
  SAMPLE_STALE_MS,
  type Flow,
  type FlowSample,
} from '../domain/fair-share.ts';
import { measureBacklog, sumLags, type StoredOffsets } from '../domain/log-progress.ts';
import { refill, secondsUntilRefilled, type RefillRate, type TokenBucket } from '../domain/token-bucket.ts';
import { createAcceptedByAll } from './accepted-by-all.ts';

export interface BackpressureLimits {
  /** Events in the log and not stored yet, beyond which nothing more is taken. */
  readonly backlogRecordsMax: number;
  /** Time to drain the backlog, beyond which organizations are held to fair shares. */
  readonly fairBacklogMs: number;
}

export const DEFAULT_BACKPRESSURE_LIMITS: BackpressureLimits = {
  backlogRecordsMax: 50_000_000,
  fairBacklogMs: 10 * SECOND_MS,
};

const SAMPLE_INTERVAL_MS = SECOND_MS;
/** A log that is full takes its time to drain. */
const BACKLOG_RETRY_AFTER_SECONDS = 10;
/** A hint for longer than limits usually last would keep senders away for nothing. */
const FAIR_RETRY_AFTER_SECONDS_MAX = 60;

export interface BackpressureDependencies {
  readonly bus: Pick<Bus, 'bounds'>;
  readonly pipeline: Pick<PipelineState, 'progress'>;
  readonly ledger: Pick<Ledger, 'days'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly telemetry: Telemetry;
  readonly limits: BackpressureLimits;
}

export interface Backpressure {
  /** Call before reading a body. @throws overloaded, rate-limited */
  assertRoom(organization: OrganizationId): void;
  /** Call before publishing. A batch larger than what is left passes, and is paid for by the next. @throws rate-limited */
  take(organization: OrganizationId, events: number): void;
  /** Call when events are durable. */
  noteAccepted(organization: OrganizationId, events: number): void;
  /** Ends the sampling. Idempotent. */
  close(): Promise<void>;
}

/** Begins to sample at once; before the first sample, and without one of the last `SAMPLE_STALE_MS`, nobody is refused. */
export function createBackpressure(dependencies: BackpressureDependencies): Backpressure {
  const { clock, log, telemetry, limits } = dependencies;
  const stopping = new AbortController();
  const accepted = createAcceptedByAll(dependencies.ledger);
  let fairShare = initialFairShare;
  let flows = new Map<OrganizationId, Flow>();
  /** Of the limited organizations. */
  let buckets = new Map<OrganizationId, TokenBucket>();
  let isFailing = false;
  let before: Parameters<typeof measureBacklog>[2] = null;

  function note(organization: OrganizationId, acceptedEvents: number, refusedRequests: number): void {
    const flow = flows.get(organization) ?? { acceptedEvents: 0, refusedRequests: 0 };
    flows.set(organization, {
      acceptedEvents: flow.acceptedEvents + acceptedEvents,
      refusedRequests: flow.refusedRequests + refusedRequests,
    });
  }

  async function sample(): Promise<void> {
    const bounds = await dependencies.bus.bounds(EVENTS_TOPIC);
    const stored = await readProgress(dependencies);
    const { partitions, madeAnew } = measureBacklog(bounds, stored, before);
    for (const [partition, formerOffset] of madeAnew) {
      if (before?.madeAnew.has(partition) === true) continue;
      log.error({ partition, formerOffset }, 'progress is beyond the end of the log: it was made anew');
    }
    before = { stored, madeAnew };
    const acceptedByAll = await accepted.sinceLast(clock.nowMs());
    fairShare = observeFlow(
      fairShare,
      { atMs: clock.nowMs(), partitions, flows, acceptedByAll },
      limits.fairBacklogMs,
    );
    flows = new Map();
    buckets = new Map([...buckets].filter(([organization]) => fairShare.limits.has(organization)));
    telemetry.set('tidemark_ingest_backlog_records', sumLags(partitions).backlogRecords);
    telemetry.set('tidemark_ingest_unknown_partitions', madeAnew.size);
    telemetry.set('tidemark_ingest_backlog_drain_seconds', drainSeconds(fairShare.samples));
    telemetry.set('tidemark_ingest_limited_organizations', fairShare.limits.size);
  }

  async function trySample(): Promise<void> {
    try {
      await sample();
      isFailing = false;
    } catch (error) {
      if (!isAppError(error)) throw error;
      telemetry.increment('tidemark_ingest_catalog_failures_total', 1, { task: 'backlog' });
      if (!isFailing) log.warn({ err: error }, 'the backlog is not known; what was known lasts for a while');
      isFailing = true;
    }
  }

  const running = (async () => {
    while (!stopping.signal.aborted) {
      await trySample();
      await clock.sleep(SAMPLE_INTERVAL_MS, stopping.signal);
    }
  })();

  function newestSample(): FlowSample | null {
    const newest = fairShare.samples.at(-1);
    return newest !== undefined && clock.nowMs() - newest.atMs <= SAMPLE_STALE_MS ? newest : null;
  }

  /** @throws rate-limited while the organization has used up its share */
  function assertShare(organization: OrganizationId): void {
    const rate = rateOf(organization);
    if (rate === null) return;
    const bucket = bucketOf(organization, rate);
    if (bucket.tokens > 0) return;
    note(organization, 0, 1);
    telemetry.increment('tidemark_ingest_backpressure_refusals_total', 1, { reason: 'fair-share' });
    throw new AppError(
      'rate-limited',
      `the pipeline is behind; the fair share of this organization is ${Math.floor(rate.perSecond)} events a second now`,
      { retryAfterSeconds: Math.min(FAIR_RETRY_AFTER_SECONDS_MAX, secondsUntilRefilled(bucket, rate)) },
    );
  }

  function rateOf(organization: OrganizationId): RefillRate | null {
    const perSecond = newestSample() === null ? undefined : fairShare.limits.get(organization);
    return perSecond === undefined ? null : { perSecond, burst: Math.max(1, perSecond) };
  }

  /** A new one is full: a second's worth. */
  function bucketOf(organization: OrganizationId, rate: RefillRate): TokenBucket {
    const nowMs = clock.nowMs();
    return refill(buckets.get(organization) ?? { tokens: rate.burst, atMs: nowMs }, rate, nowMs);
  }

  return {
    assertRoom(organization) {
      const newest = newestSample();
      if (newest !== null && sumLags(newest.partitions).backlogRecords > limits.backlogRecordsMax) {
        telemetry.increment('tidemark_ingest_backpressure_refusals_total', 1, { reason: 'backlog' });
        const detail = `more than ${limits.backlogRecordsMax} events wait to be stored`;
        throw new AppError('overloaded', detail, { retryAfterSeconds: BACKLOG_RETRY_AFTER_SECONDS });
      }
      assertShare(organization);
    },
    take(organization, events) {
      if (events === 0) return;
      assertShare(organization);
      const rate = rateOf(organization);
      if (rate === null) return;
      const { tokens, atMs } = bucketOf(organization, rate);
      buckets.set(organization, { tokens: tokens - events, atMs });
    },
    noteAccepted(organization, events) {
      if (events > 0) note(organization, events, 0);
    },
    async close() {
      stopping.abort();
      await running;
    },
  };
}

async function readProgress({ pipeline }: BackpressureDependencies): Promise<StoredOffsets> {
  const progress = await pipeline.progress(EVENTS_TOPIC);
  return new Map(progress.map(({ partition, nextOffset }) => [partition, nextOffset]));
}

function drainSeconds(samples: readonly FlowSample[]): number {
  const [oldest] = samples;
  const newest = samples.at(-1);
  if (oldest === undefined || newest === undefined) return 0;
  const { backlogRecords, storedRecords: storedNow } = sumLags(newest.partitions);
  if (backlogRecords === 0) return 0;
  const storedRecords = storedNow - sumLags(oldest.partitions).storedRecords;
  if (storedRecords === 0) return Number.POSITIVE_INFINITY;
  return (backlogRecords * (newest.atMs - oldest.atMs)) / SECOND_MS / storedRecords;
}
