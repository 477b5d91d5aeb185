import { assertThat, type Clock } from '@tidemark/core';
import { partitionLost } from './bus-errors.ts';
import type { AssignedPartition, BusRecord, CommittedOffset, PartitionBounds } from './port.ts';
import { type Wakeup, waitUntil } from './waiting.ts';

/** Kafka's default limit (`offset.metadata.max.bytes`) is 4,096; both adapters refuse a little earlier. */
const METADATA_BYTES_MAX = 4_000;

/** Where a spell takes its records from: a fetch buffer (Kafka) or the log itself (LMDB). */
export interface RecordSource {
  /** Moves what is at hand into `into`, within the limits (one record always fits); returns the bytes moved. */
  take(into: BusRecord[], limits: { readonly records: number; readonly bytes: number }): number;
  seek(offset: number): void;
}

export interface SpellOptions {
  readonly topic: string;
  readonly partition: number;
  readonly committed: CommittedOffset | null;
  readonly clock: Clock;
  readonly source: RecordSource;
  /** Notified whenever the source may have more. */
  readonly wakeup: Wakeup;
  /** A read also ends when it holds this many bytes. */
  readonly maxReadBytes: number;
  /** Durable on return; called one at a time. `isHeld` turns false with the loss. */
  readonly writeCommit: (committed: CommittedOffset, spell: Spell) => Promise<void>;
  readonly readBounds: () => Promise<PartitionBounds>;
}

/** What both adapters' ownership of a partition shares: ends once, refuses everything afterwards. */
export class Spell implements AssignedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly committed: CommittedOffset | null;
  readonly #options: SpellOptions;
  readonly #lost = new AbortController();
  #commits: Promise<void> = Promise.resolve();

  constructor(options: SpellOptions) {
    this.topic = options.topic;
    this.partition = options.partition;
    this.committed = options.committed;
    this.#options = options;
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  async read(options: {
    readonly maxRecords: number;
    readonly maxWaitMs: number;
  }): Promise<readonly BusRecord[]> {
    assertThat(options.maxRecords > 0, `maxRecords is ${options.maxRecords}; at least 1 is expected`);
    this.assertHeld();
    const { clock, source, wakeup, maxReadBytes } = this.#options;
    const taken: BusRecord[] = [];
    let bytes = 0;
    await waitUntil({
      clock,
      wakeup,
      maxWaitMs: options.maxWaitMs,
      signal: this.lost,
      attempt: () => {
        if (this.lost.aborted) return true;
        bytes += source.take(taken, {
          records: options.maxRecords - taken.length,
          bytes: maxReadBytes - bytes,
        });
        return taken.length >= options.maxRecords || bytes >= maxReadBytes;
      },
    });
    this.assertHeld();
    return taken;
  }

  seek(offset: number): void {
    assertThat(Number.isSafeInteger(offset) && offset >= 0, `cannot seek to offset ${offset}`);
    this.assertHeld();
    this.#options.source.seek(offset);
  }

  commit(committed: CommittedOffset): Promise<void> {
    const bytes = Buffer.byteLength(committed.metadata);
    assertThat(
      bytes <= METADATA_BYTES_MAX,
      `commit metadata of ${bytes} bytes; at most ${METADATA_BYTES_MAX} fit`,
    );
    const write = async (): Promise<void> => {
      this.assertHeld();
      await this.#options.writeCommit(committed, this);
    };
    const outcome = this.#commits.then(write);
    this.#commits = outcome.then(
      () => undefined,
      () => undefined,
    );
    return outcome;
  }

  async bounds(): Promise<PartitionBounds> {
    this.assertHeld();
    const bounds = await this.#options.readBounds();
    this.assertHeld();
    return bounds;
  }

  /** Ends the spell. Idempotent. */
  end(): void {
    this.#lost.abort();
  }

  /** Resolves when no commit of this spell is under way any more. */
  async commitsSettled(): Promise<void> {
    await this.#commits;
  }

  /** @throws partition-lost */
  assertHeld(): void {
    if (this.lost.aborted) throw partitionLost(this.topic, this.partition);
  }
}
