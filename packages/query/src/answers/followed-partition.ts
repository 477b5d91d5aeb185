import type { BusRecord, PartitionBounds } from '@tidemark/bus';
import { parseFlush } from '@tidemark/contracts';
import { type OrganizationId, SECOND_MS } from '@tidemark/core';
import { FlushIndex } from './flush-index.ts';
import type { Flush } from './port.ts';

/**
 * Where an index begins: at a multiple of this many records, so that processes started about the same time begin alike and find each
 * other's answers; and so many records are read at a start.
 */
const BEGIN_STEP_RECORDS = 10_000;
/** Without an end of the log that was asked for this recently, and reached, nothing is known. */
const CURRENT_MS = 5 * SECOND_MS;

/** One partition of the flushes, as far as it has been taken in. */
export class FollowedPartition {
  readonly #entriesMax: number;
  readonly #waiting = new Set<() => void>();
  /** Null: not begun, or to be begun anew. */
  #index: FlushIndex | null = null;
  #position = 0;
  #end = { offset: Number.POSITIVE_INFINITY, askedAtMs: 0 };
  /** Everything that was in the log at this instant has been taken in. */
  #currentAtMs = Number.NEGATIVE_INFINITY;

  /** @param entriesMax of its index */
  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax;
  }

  /** The next record to take in. */
  get position(): number {
    return this.#position;
  }

  get hasBegun(): boolean {
    return this.#index !== null;
  }

  /** Goes on where it was, if the log still holds that; else begins anew. Returns where to read. */
  begin({ startOffset, endOffset }: PartitionBounds, askedAtMs: number): number {
    if (this.#index === null || this.#position < startOffset || this.#position > endOffset) {
      const step = Math.floor(endOffset / BEGIN_STEP_RECORDS) * BEGIN_STEP_RECORDS;
      this.#position = Math.max(startOffset, step);
      this.#currentAtMs = Number.NEGATIVE_INFINITY;
      this.#index = new FlushIndex(this.#position, { entriesMax: this.#entriesMax });
    }
    this.noteEnd(endOffset, askedAtMs);
    return this.#position;
  }

  /** To be begun anew. */
  abandon(): void {
    this.#index = null;
    this.#currentAtMs = Number.NEGATIVE_INFINITY;
  }

  /** Records that were dropped unread, or that say nothing, may have touched anything. Null when it is no (new) flush. */
  take({ offset, value }: BusRecord): Flush | null {
    const index = this.#index;
    if (index === null || offset < this.#position) return null;
    if (offset > this.#position) index.takeUnknown(offset - 1);
    this.#position = offset + 1;
    const flush = parseFlush(value);
    if (flush === null) {
      index.takeUnknown(offset);
      return null;
    }
    index.take(flush.organization, offset, flush.buckets);
    return { organization: flush.organization, minutesMs: flush.buckets };
  }

  /** After some records were taken in. */
  progressed(): void {
    if (this.#index === null || this.#position < this.#end.offset) return;
    this.#currentAtMs = Math.max(this.#currentAtMs, this.#end.askedAtMs);
    this.#wake();
  }

  /** Where the log ended when it was asked at that instant. */
  noteEnd(offset: number, askedAtMs: number): void {
    this.#end = { offset, askedAtMs };
    this.progressed();
  }

  /** Null: not known. */
  markOf(
    organization: OrganizationId,
    range: readonly [fromMs: number, toMs: number],
    nowMs: number,
  ): number | null {
    return this.isCurrent(nowMs) ? (this.#index?.markOf(organization, ...range) ?? null) : null;
  }

  isCurrent(nowMs: number): boolean {
    return nowMs - this.#currentAtMs <= CURRENT_MS;
  }

  /** Resolves when the offset has been reached, or the signal aborts. */
  async reached(offset: number, signal: AbortSignal): Promise<void> {
    while (this.#position < offset && !signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#waiting.add(resolve);
        signal.addEventListener('abort', () => this.#wake(), { once: true });
      });
    }
  }

  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resolve of waiting) resolve();
  }
}
