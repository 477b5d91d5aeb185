import type { Bus } from '@tidemark/bus';
import type { Catalog } from '@tidemark/catalog';
import { AppError, MINUTE_MS, SECOND_MS } from '@tidemark/core';
import type { Clock, Measure, SubjectFact } from '@tidemark/core';
import { EVENTS_TOPIC } from '@tidemark/contracts';
import { verifyBuckets } from '@tidemark/query';
import type { Logger, Telemetry } from '@tidemark/runtime';
import {
  createDeadLetterStore,
  createEventStore,
  createLetterBooks,
  createRollupStore,
  createSubjectStore,
  EVENTS_TOKENS_REMEMBERED,
} from '@tidemark/warehouse';
import type { WarehouseExecutor } from '@tidemark/warehouse';
import { startAggregator } from './app/aggregator.ts';
import { createOwnMeasures } from './app/own-measures.ts';
import type { Aggregator, AggregatorOptions } from './app/aggregator.ts';
import { runAuditor } from './app/auditor.ts';
import type { AuditorOptions } from './app/auditor.ts';
import { runLetterKeeper } from './app/letter-keeper.ts';

const INSERT_TIMEOUT_MS = 30 * SECOND_MS;
const LOOKUP_TIMEOUT_MS = MINUTE_MS;
/** Of a question of the auditor to all of raw, and of one about rollups: an audit takes what is left over. */
const AUDIT_TIMEOUT_MS = MINUTE_MS;
const AUDIT_COMPARE_TIMEOUT_MS = 10 * SECOND_MS;

/** How long an insert may be on its way and run, generously: its time-out, the client's grace, a stop between check and send. */
const TOKEN_LIFE_SECONDS = 60;

/** The ports of either profile. */
export interface AggregatorPorts {
  readonly bus: Bus;
  readonly warehouse: WarehouseExecutor;
  readonly catalog: Catalog;
  readonly measures: readonly Measure[];
  /** What is kept of subjects. */
  readonly facts: readonly SubjectFact[];
  readonly clock: Clock;
  readonly log: Logger;
  readonly telemetry: Telemetry;
  readonly random: () => number;
  /** The process must end and be started again. */
  readonly onFatal: (error: Error) => void;
}

/**
 * Starts the aggregator over whichever adapters the ports are, with the keeper of dead letters and the auditor beside it. Migrations
 * must have run.
 */
export async function assembleAggregator(
  ports: AggregatorPorts,
  options: AggregatorOptions & Pick<AuditorOptions, 'auditIntervalMs'>,
): Promise<Aggregator> {
  assertTokensLast(options);
  const aggregator = await startPipeline(ports, options);
  const stopping = new AbortController();
  const beside = [
    keepLetters(ports, stopping.signal),
    audit(ports, options, aggregator, stopping.signal),
  ].map((running) => running.catch((error: unknown) => ports.onFatal(toError(error))));
  return {
    ...aggregator,
    async close() {
      stopping.abort();
      await Promise.all([...beside, aggregator.close()]);
    },
  };
}

function startPipeline(ports: AggregatorPorts, options: AggregatorOptions): Promise<Aggregator> {
  const { bus, warehouse, catalog, measures, facts, clock, log, telemetry, random, onFatal } = ports;
  return startAggregator(
    {
      bus,
      pipeline: catalog.pipeline,
      ledger: catalog.ledger,
      events: createEventStore(warehouse, {
        insertTimeoutMs: INSERT_TIMEOUT_MS,
        queryTimeoutMs: LOOKUP_TIMEOUT_MS,
      }),
      rollups: createRollupStore(warehouse),
      subjects: createSubjectStore(warehouse),
      measures,
      ownMeasures: createOwnMeasures({ definitions: catalog.definitions, log }),
      facts,
      clock,
      log,
      random,
      onFatal,
      onBatch: ({ conflict, ...outcomes }) => {
        for (const [outcome, count] of Object.entries(outcomes)) {
          telemetry.increment('tidemark_aggregator_events_total', count, { outcome });
        }
        telemetry.increment('tidemark_aggregator_conflicts_total', conflict);
      },
      onRetry: (step) => telemetry.increment('tidemark_aggregator_retries_total', 1, { step }),
      onStep: (step, durationMs) =>
        telemetry.observe('tidemark_aggregator_step_duration_seconds', durationMs / SECOND_MS, { step }),
      onRecomputed: (claim, durationMs) => {
        const tier = claim.buckets[0]?.tier ?? 'none';
        telemetry.increment('tidemark_aggregator_buckets_recomputed_total', claim.buckets.length, { tier });
        telemetry.observe('tidemark_aggregator_recompute_duration_seconds', durationMs / SECOND_MS, { tier });
      },
      onRollupFailed: () => telemetry.increment('tidemark_aggregator_recompute_failures_total'),
    },
    options,
  );
}

function keepLetters(ports: AggregatorPorts, stop: AbortSignal): Promise<void> {
  const { bus, warehouse, clock, log, telemetry, random, onFatal } = ports;
  return runLetterKeeper(
    {
      bus,
      letters: createDeadLetterStore(warehouse, { queryTimeoutMs: LOOKUP_TIMEOUT_MS }),
      clock,
      log,
      random,
      onKept: (letters) => telemetry.increment('tidemark_aggregator_letters_kept_total', letters),
      onRetry: () => telemetry.increment('tidemark_aggregator_retries_total', 1, { step: 'keep-letters' }),
      onFatal,
    },
    stop,
  );
}

function audit(
  ports: AggregatorPorts,
  options: AuditorOptions,
  aggregator: Pick<Aggregator, 'isAssigned'>,
  stop: AbortSignal,
): Promise<void> {
  const { bus, catalog, measures, clock, log, telemetry, random } = ports;
  // A question under way is given up when the process stops: nothing waits for an audit.
  const warehouse: WarehouseExecutor = {
    ...ports.warehouse,
    query: (statement) => ports.warehouse.query({ ...statement, signal: stop }),
  };
  const events = createEventStore(warehouse, {
    insertTimeoutMs: INSERT_TIMEOUT_MS,
    queryTimeoutMs: AUDIT_TIMEOUT_MS,
  });
  const rollups = createRollupStore(warehouse);
  const { pipeline, ledger } = catalog;
  const verified = { pipeline, events, rollups, measures, eventsTopic: EVENTS_TOPIC };
  return runAuditor(
    {
      ledger,
      bus,
      pipeline,
      events,
      letters: createLetterBooks(warehouse, { queryTimeoutMs: AUDIT_TIMEOUT_MS }),
      verify: (sample) => verifyBuckets(verified, { ...sample, timeoutMs: AUDIT_COMPARE_TIMEOUT_MS }),
      clock,
      log,
      telemetry,
      random,
      isOwner: () => aggregator.isAssigned(0),
    },
    options,
    stop,
  );
}

function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/** @throws invalid-config when the engine would forget the token of an insert that may still be on its way */
function assertTokensLast({ partitions, batchWaitMs }: AggregatorOptions): void {
  const inserts = partitions * (SECOND_MS / batchWaitMs) * TOKEN_LIFE_SECONDS;
  if (inserts <= EVENTS_TOKENS_REMEMBERED) return;
  throw new AppError(
    'invalid-config',
    `${partitions} partitions with a batch each ${batchWaitMs} ms make up to ${Math.round(inserts)} inserts in ${TOKEN_LIFE_SECONDS} s; the warehouse remembers ${EVENTS_TOKENS_REMEMBERED}: raise TIDEMARK_AGGREGATOR_BATCH_WAIT_MS`,
  );
}
