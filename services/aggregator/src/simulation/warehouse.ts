/**
 * The warehouse, simulated as ClickHouse behaves (measured by killing it): an insert is one part and all or nothing; its token is
 * written to the log of tokens BEFORE the part, so a crash between the two leaves a token without rows; a second insert under
 * the id of a running one is refused; whoever has sent an insert may be long gone when it lands.
 */
import { AppError, SECOND_MS } from '@tidemark/core';
import type { EventBatch, EventRow } from '@tidemark/warehouse';
import type { Machine, Reply } from './process.ts';
import { Raw } from './raw.ts';
import type { RawRow } from './raw.ts';

export interface WarehouseObserver {
  onVisible(row: RawRow): void;
}

export interface WarehouseTraits {
  /** False for a planted fault: an insert does not know of another one that runs. */
  readonly isFenced: boolean;
  /** For a planted fault: of an insert that a crash cuts off, the first row becomes visible alone. */
  readonly isTornByCrash: boolean;
}

interface RunningInsert {
  readonly batch: EventBatch;
  readonly token: string;
  readonly reply: Reply<void>;
  isLogged: boolean;
  isOver: boolean;
}

/** Of events that the table does not take, whoever sends them. */
export const UNSTORABLE_TYPE = 'test.unstorable';

const DOWN_MS = 3 * SECOND_MS;
/** Longer than the longest insert here is on its way and runs, shorter than the longest pause of a process. */
export const TOKEN_MEMORY_MS = 75 * SECOND_MS;

export class SimulatedWarehouse {
  readonly raw = new Raw();
  private readonly machine: Machine;
  private readonly observer: WarehouseObserver;
  private readonly traits: WarehouseTraits;
  /** When each was written. */
  private readonly tokens = new Map<string, number>();
  private readonly running = new Set<RunningInsert>();
  private upAtMs = 0;
  private quietAtMs = 0;

  constructor(machine: Machine, traits: WarehouseTraits, observer: WarehouseObserver) {
    this.machine = machine;
    this.traits = traits;
    this.observer = observer;
  }

  get isDown(): boolean {
    return this.machine.scheduler.nowMs < this.upAtMs;
  }

  /** No insert is on its way or runs. */
  get isQuiet(): boolean {
    return this.running.size === 0 && this.machine.scheduler.nowMs > this.quietAtMs;
  }

  /** An insert has been sent and will arrive so much later. */
  expectInsert(arrivalMs: number): void {
    this.quietAtMs = Math.max(this.quietAtMs, this.machine.scheduler.nowMs + arrivalMs);
  }

  isInsertRunning(partition: number): boolean {
    for (const insert of this.running) if (insert.batch.partition === partition) return this.traits.isFenced;
    return false;
  }

  /** Takes no statements for a while. */
  beAway(): void {
    const { scheduler, random } = this.machine;
    this.upAtMs = scheduler.nowMs + random.between(1, DOWN_MS);
  }

  /** Killed: what ran is cut off anywhere. The clients learn that the connection broke. */
  crash(): void {
    const { random } = this.machine;
    for (const insert of this.running) {
      insert.isOver = true;
      const isDropped = !insert.isLogged && this.isRemembered(insert.token);
      const reached = insert.isLogged ? 1 : random.between(0, isDropped ? 0 : 2);
      if (reached >= 1) this.remember(insert.token);
      this.machine.scheduler.explain(() => `insert ${insert.token} got as far as ${reached} of 2`);
      if (reached === 2 && this.traits.isTornByCrash) this.makeVisible(tornApart(insert.batch));
      else if (reached === 2) this.makeVisible(insert.batch);
      insert.reply(new AppError('insert-in-doubt', 'the connection broke'));
    }
    this.running.clear();
    this.beAway();
  }

  /** The request has arrived. */
  insert(batch: EventBatch, token: string, reply: Reply<void>): void {
    const { scheduler, faults } = this.machine;
    const refusal = this.refusalOf(batch);
    scheduler.explain(() => `insert ${token}${refusal === null ? '' : `: ${refusal.message}`}`);
    if (refusal !== null) {
      reply(refusal);
      return;
    }
    const insert: RunningInsert = { batch, token, reply, isLogged: false, isOver: false };
    this.running.add(insert);
    scheduler.in(faults.writingMs(), 0, 'an insert is logged', () => {
      if (insert.isOver) return;
      if (this.isRemembered(token)) {
        scheduler.explain(() => `insert ${token} is dropped: the token is known`);
        this.end(insert);
        return;
      }
      this.remember(token);
      insert.isLogged = true;
      scheduler.in(faults.writingMs(), 0, 'an insert lands', () => {
        if (insert.isOver) return;
        this.makeVisible(batch);
        this.end(insert);
      });
    });
  }

  private remember(token: string): void {
    this.tokens.set(token, this.machine.scheduler.nowMs);
  }

  private isRemembered(token: string): boolean {
    const atMs = this.tokens.get(token);
    return atMs !== undefined && this.machine.scheduler.nowMs - atMs <= TOKEN_MEMORY_MS;
  }

  /** Null when the rows are acceptable. */
  refusalOfRows(rows: readonly EventRow[]): AppError | null {
    const bad = rows.find((row) => row.type === UNSTORABLE_TYPE);
    return bad === undefined ? null : new AppError('insert-refused', `the row ${bad.id} is unacceptable`);
  }

  private refusalOf(batch: EventBatch): AppError | null {
    if (this.isDown) return new AppError('warehouse-unavailable', 'no connection');
    if (this.isInsertRunning(batch.partition))
      return new AppError('insert-in-doubt', 'a query with this id is already running');
    if (this.machine.faults.hasTooManyParts()) return new AppError('warehouse-unavailable', 'too many parts');
    return this.refusalOfRows(batch.rows);
  }

  private end(insert: RunningInsert): void {
    insert.isOver = true;
    this.running.delete(insert);
    insert.reply(undefined);
  }

  private makeVisible({ partition, rows }: EventBatch): void {
    this.machine.scheduler.explain(() => `in raw: ${partition}/${rows.map((row) => row.offset).join()}`);
    for (const row of rows) this.observer.onVisible(this.raw.add(partition, row));
  }
}

function tornApart(batch: EventBatch): EventBatch {
  return { ...batch, rows: batch.rows.slice(0, 1) };
}
