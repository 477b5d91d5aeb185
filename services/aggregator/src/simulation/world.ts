/** A world drawn from a seed: processes of the aggregator, what they are connected to, and what must hold of all of it. */
import { completeThroughMs, SECOND_MS } from '@tidemark/core';
import { EVENTS_TOPIC } from '@tidemark/contracts';
import { createSilentLog } from '../app/testing.ts';
import { SimulatedBooks } from './books.ts';
import { SimulatedBus } from './bus.ts';
import { createSimulatedLedger, createSimulatedPipelineState } from './catalog-clients.ts';
import { SimulatedPipeline } from './catalog.ts';
import { drawFaultRates, Faults } from './faults.ts';
import type { FaultRates } from './faults.ts';
import { Group } from './group.ts';
import { Invariants } from './invariants.ts';
import { SimulatedProcess } from './process.ts';
import type { Machine } from './process.ts';
import { Producers } from './producers.ts';
import { Program, SIMULATED_LATENESS_MS } from './program.ts';
import type { Ports, Spoil } from './program.ts';
import { Random } from './random.ts';
import { BucketTable } from './rollups.ts';
import { Scheduler } from './scheduler.ts';
import type { Trace } from './scheduler.ts';
import { Truth } from './truth.ts';
import { createSimulatedEvents, createSimulatedRollups } from './warehouse-clients.ts';
import { SimulatedWarehouse } from './warehouse.ts';
import type { WarehouseTraits } from './warehouse.ts';

export interface WorldOptions {
  readonly seed: number;
  readonly trace?: Trace;
  /** A fault planted into the driver, to be found. */
  readonly spoil?: Spoil;
  readonly traits?: Partial<WarehouseTraits>;
  /** In place of what the seed draws. */
  readonly rates?: Partial<FaultRates>;
  /** Partitions may stop; otherwise that is a breach. */
  readonly mayHalt?: boolean;
}

export interface Halt {
  readonly partition: number;
  readonly reason: string;
  /** Of the partition, in raw at that moment. */
  readonly rowCount: number;
}

/** Half a minute before midnight, so that most logs cross it: no insert may span two days. */
export const STARTS_AT_MS = Date.UTC(2026, 0, 15, 23, 59, 30);
const STREAM = { world: 1, log: 2 } as const;
const PARTITIONS_MAX = 3;
const PROCESSES_MAX = 3;
const RESTART_MS = 8 * SECOND_MS;
const RECORDS_AT_ONCE_MAX = 6;
const NEXT_RECORDS_MS = 4 * SECOND_MS;

const log = createSilentLog();

export class World {
  readonly random: Random;
  readonly scheduler: Scheduler;
  readonly machine: Machine;
  readonly invariants: Invariants;
  readonly warehouse: SimulatedWarehouse;
  readonly bus: SimulatedBus;
  readonly group: Group;
  readonly alive = new Set<SimulatedProcess>();
  /** Partitions that have stopped, once for each owner that has found it must. */
  readonly halts: Halt[] = [];
  private readonly options: WorldOptions;
  private readonly pipeline: SimulatedPipeline;
  private readonly books: SimulatedBooks;
  private readonly buckets = new BucketTable();
  private readonly truth: Truth;
  private readonly producers: Producers;
  private readonly faults: Faults;
  private readonly batchRecordsMax: number;
  private readonly dedupeBlockCapacity: number;
  private readonly workers: number;
  /** Those of the processes that make rollups too. */
  private readonly working = new Set<SimulatedProcess>();
  private unsent: number;
  private started = 0;

  constructor(options: WorldOptions) {
    const { seed, trace, traits, rates } = options;
    const random = new Random(seed, STREAM.world);
    this.options = options;
    this.random = random;
    this.scheduler = new Scheduler(random, STARTS_AT_MS, trace ?? null);
    this.faults = new Faults(random, { ...drawFaultRates(random), ...rates });
    this.machine = { scheduler: this.scheduler, random, faults: this.faults };
    const partitions = random.between(1, PARTITIONS_MAX);
    this.batchRecordsMax = random.between(3, 8);
    this.dedupeBlockCapacity = random.pick([8, 1_024]);
    this.workers = random.chance(0.5) ? random.between(1, 2) : 0;
    this.unsent = partitions * random.between(12, 32);
    this.truth = new Truth(partitions);
    this.producers = new Producers(new Random(seed, STREAM.log), partitions);
    const invariants = new Invariants((what) => this.scheduler.note(0, what));
    this.invariants = invariants;
    const pipeline = new SimulatedPipeline(invariants);
    this.pipeline = pipeline;
    this.books = new SimulatedBooks(invariants, (progress) => pipeline.recordProgress(progress));
    this.warehouse = new SimulatedWarehouse(
      this.machine,
      { isFenced: true, isTornByCrash: false, ...traits },
      invariants,
    );
    this.bus = new SimulatedBus(this.machine, partitions, invariants);
    this.group = new Group(this.machine, this.bus);
    const { truth, books, buckets, bus } = this;
    invariants.watch({ truth, pipeline, books, buckets, deadLetters: bus.deadLetters });
  }

  get isBroken(): boolean {
    return this.invariants.breach !== null;
  }

  get isAllSent(): boolean {
    return this.unsent === 0;
  }

  /** Processes start, and producers begin to send. */
  open(): void {
    // As `startAggregator` does: every partition is known from the start.
    for (const partition of this.partitions())
      this.pipeline.recordProgress([{ topic: EVENTS_TOPIC, partition, nextOffset: 0, arrivedThroughMs: 0 }]);
    for (let count = this.random.between(2, PROCESSES_MAX); count > 0; count -= 1) this.start();
    this.produce();
  }

  /** Nothing goes wrong any more; what is under way still is. */
  calm(): void {
    this.scheduler.note(0, 'calm');
    this.faults.stop();
  }

  partitions(): readonly number[] {
    return Array.from({ length: this.bus.partitions }, (_, partition) => partition);
  }

  /** Everything is stored and committed, nothing is on its way, and every bucket that has closed is recomputed. */
  isWhole(): boolean {
    for (const partition of this.partitions()) if (this.lagOf(partition) > 0) return false;
    if (!this.warehouse.isQuiet) return false;
    // What stands still has yet to do what it was about to.
    for (const process of this.alive) if (!process.isRunning) return false;
    if (this.workers === 0) return true;
    const arrived = this.pipeline.progress().map((entry) => entry.arrivedThroughMs);
    const closedThroughMs = completeThroughMs(arrived, SIMULATED_LATENESS_MS);
    return closedThroughMs !== null && !this.pipeline.hasClosedMarks(closedThroughMs);
  }

  lagOf(partition: number): number {
    const committed = this.bus.committed(partition)?.offset ?? 0;
    const accounted = this.books.of(partition)?.through ?? 0;
    return this.bus.endOffset(partition) - Math.min(committed, accounted);
  }

  private start(): void {
    this.started += 1;
    const process = new SimulatedProcess(this.started, this.machine, (killed) => {
      this.alive.delete(killed);
      this.working.delete(killed);
      this.group.silent(killed);
      const restartMs = this.random.between(200, RESTART_MS);
      this.scheduler.in(restartMs, killed.number, 'is started again', () => this.start());
    });
    this.alive.add(process);
    const program = new Program(process, this.portsOf(process), {
      batchRecordsMax: this.batchRecordsMax,
      dedupeBlockCapacity: this.dedupeBlockCapacity,
      spoil: this.options.spoil ?? null,
      log,
      random: this.random,
      onHalted: (partition, reason) => this.halted(partition, reason),
      onFailed: (error) => this.invariants.report(`failed: ${describe(error)}`),
    });
    if (this.working.size < this.workers) {
      this.working.add(process);
      program.startWorker();
    }
    this.group.join(program);
  }

  private portsOf(process: SimulatedProcess): Ports {
    const { machine, warehouse } = this;
    return {
      bus: this.bus.publisherOf(process),
      events: createSimulatedEvents(process, machine, warehouse),
      pipeline: createSimulatedPipelineState(process, this.pipeline),
      ledger: createSimulatedLedger(process, this.books),
      rollups: createSimulatedRollups(process, machine, warehouse, this.buckets),
    };
  }

  private halted(partition: number, reason: string): void {
    this.halts.push({ partition, reason, rowCount: this.warehouse.raw.of(partition).length });
    this.scheduler.note(0, reason);
    if (this.options.mayHalt !== true) this.invariants.report(`halted: ${reason}`);
  }

  /** A few records at a time, until all are in the log. */
  private produce(): void {
    const { random, scheduler } = this;
    for (let count = random.between(1, RECORDS_AT_ONCE_MAX); count > 0 && this.unsent > 0; count -= 1) {
      const produced = this.producers.next(scheduler.nowMs);
      this.unsent -= 1;
      this.truth.append(produced);
      this.bus.append(produced.partition, produced.record);
    }
    if (this.unsent > 0)
      scheduler.in(random.between(1, NEXT_RECORDS_MS), 0, 'producers', () => this.produce());
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
