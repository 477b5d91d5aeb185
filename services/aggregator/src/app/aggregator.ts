/** The aggregator as a running thing: one consumer of the events topic with a driver per partition, and one rollup worker. */
import type { Measure, SubjectFact } from '@tidemark/core';
import type { AssignedPartition, Bus, Consumer, ConsumerOptions } from '@tidemark/bus';
import type { PipelineState } from '@tidemark/catalog';
import { declareTopics, EVENTS_TOPIC } from '@tidemark/contracts';
import { drivePartition, PartitionHalted } from './partition-driver.ts';
import type { DriverDependencies, DriverOptions } from './partition-driver.ts';
import { createProgressRecorder } from './progress-recorder.ts';
import { runRollupWorker } from './rollup-worker.ts';
import type { RollupWorkerDependencies } from './rollup-worker.ts';

export const AGGREGATOR_GROUP = 'tidemark.aggregator';

export interface AggregatorDependencies extends Omit<DriverDependencies, 'progress'> {
  readonly bus: Bus;
  readonly pipeline: PipelineState;
  readonly rollups: RollupWorkerDependencies['rollups'];
  readonly subjects: RollupWorkerDependencies['subjects'];
  readonly measures: readonly Measure[];
  readonly ownMeasures: RollupWorkerDependencies['ownMeasures'];
  readonly facts: readonly SubjectFact[];
  readonly onRecomputed: RollupWorkerDependencies['onRecomputed'];
  readonly onRollupFailed: () => void;
  /** The process must stop and be started again: going on would be wrong or useless. */
  readonly onFatal: (error: Error) => void;
}

export interface AggregatorOptions extends DriverOptions {
  readonly partitions: number;
  readonly allowedLatenessMs: number;
}

export interface Aggregator {
  /** Partitions owned now. */
  owned(): readonly number[];
  /** Whether the partition is this process's, also while it has stopped for a fault. */
  isAssigned(partition: number): boolean;
  /**
   * For readiness: rejects with the reason while one of the owned partitions has stopped for a fault that going on would make
   * worse. The others go on; the partition is tried again by its next owner, or after a restart.
   */
  assertGoing(): Promise<void>;
  /** Ends the batch under way or abandons it, leaves the group, ends the recomputation under way. Idempotent. */
  close(): Promise<void>;
}

/** Resolves when the consumer has joined. @throws bus-unavailable, catalog-unavailable, warehouse-unavailable */
export async function startAggregator(
  dependencies: AggregatorDependencies,
  options: AggregatorOptions,
): Promise<Aggregator> {
  const { bus, pipeline, clock, log, onFatal } = dependencies;
  await bus.ensureTopics(declareTopics(options.partitions));
  await reportEveryPartition(dependencies, options);
  const progress = createProgressRecorder({ pipeline, clock, log });
  const running = new Map<AssignedPartition, Promise<void>>();
  const halted = new Map<AssignedPartition, string>();
  const assigned = new Set<AssignedPartition>();
  const stopping = new AbortController();

  function drive(partition: AssignedPartition): void {
    assigned.add(partition);
    partition.lost.addEventListener('abort', () => assigned.delete(partition), { once: true });
    const loop = drivePartition(partition, { ...dependencies, progress }, options)
      .catch((error: unknown) => {
        if (!(error instanceof PartitionHalted)) return onFatal(toError(error));
        log.fatal(
          { err: error, partition: partition.partition },
          'a partition has stopped; the others go on',
        );
        halted.set(partition, error.message);
        partition.lost.addEventListener('abort', () => halted.delete(partition), { once: true });
      })
      .finally(() => running.delete(partition));
    running.set(partition, loop);
  }

  const consuming: ConsumerOptions = {
    group: AGGREGATOR_GROUP,
    topics: [EVENTS_TOPIC],
    onAssigned: drive,
    onRevoked: async (partitions) => {
      await Promise.all(partitions.map((partition) => running.get(partition) ?? Promise.resolve()));
    },
    onFatal,
  };
  const consumer: Consumer = await bus.consume(consuming).catch(async (error: unknown) => {
    await progress.close();
    throw error;
  });
  const workerDependencies: RollupWorkerDependencies = {
    ...dependencies,
    onFailed: dependencies.onRollupFailed,
  };
  const worker = runRollupWorker(workerDependencies, options, stopping.signal).catch((error: unknown) =>
    onFatal(toError(error)),
  );

  let closing: Promise<void> | undefined;
  return {
    owned: () => [...running.keys()].map((partition) => partition.partition),
    isAssigned: (number) => [...assigned].some(({ partition }) => partition === number),
    assertGoing: async () => {
      const [reason] = halted.values();
      if (reason !== undefined) throw new Error(reason);
    },
    close() {
      closing ??= (async () => {
        stopping.abort();
        await consumer.close();
        await Promise.all(running.values());
        await worker;
        await progress.close();
      })();
      return closing;
    },
  };
}

/** A partition that never reported would hold the watermark back unseen: each is known from the start, with nothing stored. */
async function reportEveryPartition({ pipeline }: AggregatorDependencies, { partitions }: AggregatorOptions) {
  await pipeline.recordProgress(
    Array.from({ length: partitions }, (_, partition) => ({
      topic: EVENTS_TOPIC,
      partition,
      nextOffset: 0,
      arrivedThroughMs: 0,
    })),
  );
}

function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
