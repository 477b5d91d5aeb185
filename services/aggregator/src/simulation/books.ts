/** The ledger of the catalog, simulated: what became of every offset, counted once. */
import type { BatchAccount, PartitionProgress } from '@tidemark/catalog';

export interface Books {
  /** The first offset accounted for. */
  since: number;
  through: number;
  skipped: number;
}

export interface BooksObserver {
  /** An account that counts. */
  onAccount(account: BatchAccount): void;
}

export class SimulatedBooks {
  private readonly observer: BooksObserver;
  private readonly recordProgress: (progress: readonly PartitionProgress[]) => void;
  private readonly byPartition = new Map<number, Books>();

  constructor(observer: BooksObserver, recordProgress: (progress: readonly PartitionProgress[]) => void) {
    this.observer = observer;
    this.recordProgress = recordProgress;
  }

  of(partition: number): Readonly<Books> | null {
    return this.byPartition.get(partition) ?? null;
  }

  /** Returns how far the books go afterwards. */
  account(account: BatchAccount): number {
    const { topic, partition, from, next, arrivedThroughMs } = account;
    const books = this.byPartition.get(partition);
    if (books !== undefined && from < books.through) return books.through;
    if (books === undefined) this.byPartition.set(partition, { since: from, through: next, skipped: 0 });
    else {
      books.skipped += from - books.through;
      books.through = next;
    }
    this.observer.onAccount(account);
    this.recordProgress([{ topic, partition, nextOffset: next, arrivedThroughMs }]);
    return next;
  }
}
