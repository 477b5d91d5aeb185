import type { Bus } from '@tidemark/bus';
import type { Catalog } from '@tidemark/catalog';
import { MINUTE_MS, SECOND_MS } from '@tidemark/core';
import type { Clock, Measure } from '@tidemark/core';
import type { Logger, Telemetry } from '@tidemark/runtime';
import { createEventStore, createRollupStore } from '@tidemark/warehouse';
import type { WarehouseExecutor } from '@tidemark/warehouse';
import { startAggregator } from './app/aggregator.ts';
import type { Aggregator, AggregatorOptions } from './app/aggregator.ts';

const INSERT_TIMEOUT_MS = 30 * SECOND_MS;
const LOOKUP_TIMEOUT_MS = MINUTE_MS;

/** The ports of either profile. */
export interface AggregatorPorts {
  readonly bus: Bus;
  readonly warehouse: WarehouseExecutor;
  readonly catalog: Catalog;
  readonly measures: readonly Measure[];
  readonly clock: Clock;
  readonly log: Logger;
  readonly telemetry: Telemetry;
  readonly random: () => number;
  /** The process must end and be started again. */
  readonly onFatal: (error: Error) => void;
}

/** Starts the aggregator over whichever adapters the ports are. Migrations must have run. */
export async function assembleAggregator(
  ports: AggregatorPorts,
  options: AggregatorOptions,
): Promise<Aggregator> {
  const { bus, warehouse, catalog, measures, clock, log, telemetry, random, onFatal } = ports;
  return startAggregator(
    {
      bus,
      pipeline: catalog.pipeline,
      events: createEventStore(warehouse, {
        insertTimeoutMs: INSERT_TIMEOUT_MS,
        queryTimeoutMs: LOOKUP_TIMEOUT_MS,
      }),
      rollups: createRollupStore(warehouse),
      measures,
      clock,
      log,
      random,
      onFatal,
      onBatch: ({ stored, duplicate, dead }) => {
        for (const [outcome, count] of Object.entries({ stored, duplicate, dead })) {
          telemetry.increment('tidemark_aggregator_events_total', count, { outcome });
        }
      },
      onRetry: (step) => telemetry.increment('tidemark_aggregator_retries_total', 1, { step }),
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
