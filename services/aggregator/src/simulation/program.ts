/** What runs in a simulated process: the real driver of each partition it owns, and the real worker of rollups. */
import { AppError, DAY_MS, isAppError, SECOND_MS } from '@tidemark/core';
import type { Clock } from '@tidemark/core';
import type { AssignedPartition, Bus } from '@tidemark/bus';
import type { Ledger, PartitionProgress, PipelineState } from '@tidemark/catalog';
import type { EventStore, RollupStore } from '@tidemark/warehouse';
import type { Logger } from '@tidemark/runtime';
import { drivePartition, PartitionHalted } from '../app/partition-driver.ts';
import type { ProgressRecorder } from '../app/progress-recorder.ts';
import { runRollupWorker } from '../app/rollup-worker.ts';
import type { Member } from './group.ts';
import type { SimulatedProcess } from './process.ts';
import type { Random } from './random.ts';

/** What a process reaches: everything it can do is done through these. */
export interface Ports {
  readonly bus: Pick<Bus, 'publish'>;
  readonly events: EventStore;
  readonly pipeline: PipelineState;
  readonly ledger: Ledger;
  readonly rollups: RollupStore;
}

/** A fault planted into the driver by what stands between it and the stores. */
export type Spoil = (
  ports: Ports,
  spell: AssignedPartition,
  clock: Clock,
) => {
  readonly ports: Ports;
  readonly spell: AssignedPartition;
};

export interface ProgramOptions {
  readonly batchRecordsMax: number;
  /** Small ones fill up, and the oldest is forgotten. */
  readonly dedupeBlockCapacity: number;
  readonly spoil: Spoil | null;
  readonly log: Logger;
  readonly random: Random;
  readonly onHalted: (partition: number, reason: string) => void;
  /** A bug: something was thrown that no port throws. */
  readonly onFailed: (error: unknown) => void;
}

const BATCH_WAIT_MS = 2 * SECOND_MS;
const ALLOWED_LATENESS_MS = 1 * SECOND_MS;
export const SIMULATED_LATENESS_MS = ALLOWED_LATENESS_MS;
/** A worker that looks for work less often leaves more steps of a simulation to what it is for. */
const WORKER_REST_FACTOR = 4;
const PROGRESS_RETRY_MS = 1 * SECOND_MS;

export class Program implements Member {
  readonly process: SimulatedProcess;
  private readonly ports: Ports;
  private readonly options: ProgramOptions;
  private readonly progress: ProgressRecorder;
  private readonly running = new Set<Promise<void>>();

  constructor(process: SimulatedProcess, ports: Ports, options: ProgramOptions) {
    this.process = process;
    this.ports = ports;
    this.options = options;
    this.progress = recordAtOnce(ports.pipeline, process.clock);
  }

  own(assigned: AssignedPartition): void {
    const { spoil, log, random, batchRecordsMax, dedupeBlockCapacity, onHalted, onFailed } = this.options;
    const { clock } = this.process;
    const { ports, spell } = spoil?.(this.ports, assigned, clock) ?? { ports: this.ports, spell: assigned };
    const running = drivePartition(
      spell,
      {
        ...ports,
        progress: this.progress,
        clock,
        log,
        random: () => random.next(),
        onBatch: () => undefined,
        onRetry: () => undefined,
        onStep: () => undefined,
      },
      {
        batchRecordsMax,
        batchWaitMs: BATCH_WAIT_MS,
        unreadableRecordsMax: 100,
        dedupeWindowMs: DAY_MS,
        dedupeBlocksMax: 2,
        dedupeBlockCapacity,
      },
    )
      .catch((error: unknown) => {
        if (error instanceof PartitionHalted) onHalted(spell.partition, error.message);
        else onFailed(error);
      })
      .finally(() => this.running.delete(running));
    this.running.add(running);
  }

  async idle(): Promise<void> {
    await Promise.all(this.running);
  }

  startWorker(): void {
    const { events, pipeline, rollups } = this.ports;
    const { clock } = this.process;
    runRollupWorker(
      {
        events,
        pipeline,
        rollups,
        // Keeping facts twice, or in any order, changes nothing: there is nothing to find out by a simulation.
        subjects: { absorb: () => Promise.resolve() },
        measures: [],
        ownMeasures: { of: () => Promise.resolve([]), giveUp: () => Promise.resolve() },
        facts: [],
        clock: {
          nowMs: () => clock.nowMs(),
          sleep: (ms, signal) => clock.sleep(ms * WORKER_REST_FACTOR, signal),
        },
        log: this.options.log,
        onRecomputed: () => undefined,
        onFailed: () => undefined,
      },
      { allowedLatenessMs: ALLOWED_LATENESS_MS },
      new AbortController().signal,
    ).catch(this.options.onFailed);
  }
}

/** Writes what is newest as soon as the last write has ended: the real one waits first, which the simulation needs no steps for. */
function recordAtOnce(pipeline: Pick<PipelineState, 'recordProgress'>, clock: Clock): ProgressRecorder {
  const pending = new Map<number, PartitionProgress>();
  let writing: Promise<void> | null = null;
  const write = async (): Promise<void> => {
    while (pending.size > 0) {
      const batch = [...pending];
      try {
        await pipeline.recordProgress(batch.map(([, entry]) => entry));
        for (const [partition, entry] of batch)
          if (pending.get(partition) === entry) pending.delete(partition);
      } catch (error) {
        if (!isAppError(error)) throw error;
        await clock.sleep(PROGRESS_RETRY_MS);
      }
    }
    writing = null;
  };
  return {
    record(entry) {
      pending.set(entry.partition, entry);
      writing ??= write();
    },
    close: () => Promise.reject(new AppError('internal', 'a simulated process never closes its recorder')),
  };
}
