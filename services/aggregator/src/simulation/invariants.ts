/** What must hold at every moment, and what must hold when all is over. The first breach ends the simulation. */
import type { BatchAccount, DirtyBucket, Outcomes, PartitionProgress } from '@tidemark/catalog';
import type { CommittedOffset } from '@tidemark/bus';
import { deadLetterId, EVENTS_TOPIC } from '@tidemark/contracts';
import type { SimulatedBooks } from './books.ts';
import type { SimulatedPipeline } from './catalog.ts';
import { ARRIVAL_JITTER_MS } from './producers.ts';
import type { RawRow } from './raw.ts';
import { bucketKey, bucketsOfRow } from './rollups.ts';
import type { BucketTable } from './rollups.ts';
import type { Truth } from './truth.ts';

/** What the checks look at. */
export interface Stores {
  readonly truth: Truth;
  readonly pipeline: SimulatedPipeline;
  readonly books: SimulatedBooks;
  readonly buckets: BucketTable;
  readonly deadLetters: ReadonlySet<string>;
}

export class Invariants {
  /** Null while everything holds. */
  breach: string | null = null;
  private watched: Stores | null = null;
  private readonly onBreach: (what: string) => void;
  private readonly rows = new Map<number, Map<number, RawRow>>();
  private readonly checkedThrough = new Map<number, number>();
  /** The sequence of the newest row in each bucket. */
  private readonly newest = new Map<string, number>();

  constructor(onBreach: (what: string) => void) {
    this.onBreach = onBreach;
  }

  /** The stores tell the invariants what happens, so they come later. */
  watch(stores: Stores): void {
    this.watched = stores;
  }

  private get stores(): Stores {
    if (this.watched === null) throw new Error('Assertion failed: the invariants watch nothing yet');
    return this.watched;
  }

  report(what: string): void {
    if (this.breach !== null) return;
    this.breach = what;
    this.onBreach(what);
  }

  /** Raw has lost the partition's rows from the offset on, which is not the pipeline's fault; in the end they must be there again. */
  forgive(partition: number, offset: number): void {
    const rows = this.rows.get(partition);
    for (const known of rows?.keys() ?? []) if (known >= offset) rows?.delete(known);
  }

  /** I2: each event once, the first of its identity, as it was sent. */
  onVisible(row: RawRow): void {
    const { partition, offset } = row;
    const rows = this.rows.get(partition) ?? new Map<number, RawRow>();
    this.rows.set(partition, rows);
    if (rows.has(offset)) this.report(`I2: offset ${partition}/${offset} is in raw twice`);
    rows.set(offset, row);
    for (const bucket of bucketsOfRow(row)) this.newest.set(bucketKey(bucket), row.sequence);
    const expected = this.stores.truth.of(partition)[offset];
    if (expected === undefined) this.report(`I2: raw holds ${partition}/${offset}, which the log does not`);
    else if (expected.fate !== 'stored')
      this.report(`I2: ${partition}/${offset} is in raw and should be ${expected.fate}`);
    else if (expected.dataText !== row.dataText)
      this.report(`I2: ${partition}/${offset} is in raw with other content`);
  }

  /** I10: raw has answered for the bucket so far, so what stands in for it must have seen as much. */
  onCleared(bucket: DirtyBucket): void {
    if (this.stores.buckets.hasSeen(bucket, this.newest.get(bucketKey(bucket)) ?? 0)) return;
    this.report(
      `I10: the mark of the ${bucket.tier} bucket of ${bucket.bucketStartMs} is cleared, and its rollup lacks a row of raw`,
    );
  }

  /** I5: a committed offset never goes back, and whatever lies before it is durable, marked and in the books. */
  onCommit(partition: number, from: CommittedOffset | null, to: CommittedOffset): void {
    const before = from?.offset ?? 0;
    if (to.offset < before)
      this.report(`I5: ${partition} was committed at ${before} and now at ${to.offset}`);
    this.assertSettled(partition, to.offset, 'I5');
    const accounted = this.stores.books.of(partition)?.through ?? 0;
    if (accounted < to.offset)
      this.report(`I3: ${partition} is committed at ${to.offset}, the books end at ${accounted}`);
  }

  /** I3: the books say of each offset what became of it, once. */
  onAccount({ partition, from, next, outcomes, deadOffsets }: BatchAccount): void {
    const books = this.stores.books.of(partition);
    if (books === null || books.skipped > 0 || books.since !== 0)
      this.report(`I3: the books of ${partition} have a gap before ${from}`);
    const expected = this.stores.truth.outcomes(partition, from, next);
    const counted = outcomes.filter(({ stored, duplicate, dead }) => stored + duplicate + dead > 0);
    const isRight =
      counted.length === expected.size && counted.every((one) => isSame(one, expected.get(one.organization)));
    if (!isRight)
      this.report(
        `I3: the books say of ${partition}/${from} to ${next - 1} ${JSON.stringify(counted)}, and it is ${JSON.stringify([...expected.values()])}`,
      );
    const dead = this.deadWithin(partition, from, next);
    if (dead.join() !== deadOffsets.join())
      this.report(
        `I3: the dead of ${partition}/${from} to ${next - 1} are ${dead.join()}, not ${deadOffsets.join()}`,
      );
    this.assertSettled(partition, next, 'I3');
  }

  /** Whatever had arrived by then, but for the jitter of arrivals, is stored. */
  onProgress({ partition, arrivedThroughMs }: PartitionProgress): void {
    const log = this.stores.truth.of(partition);
    let offset = this.checkedThrough.get(partition) ?? 0;
    for (; offset < log.length; offset += 1) {
      const expected = log[offset];
      if (expected !== undefined && expected.arrivedAtMs <= arrivedThroughMs - 2 * ARRIVAL_JITTER_MS)
        this.assertSettledAt(partition, offset, 'watermark');
    }
  }

  /** When everything has been stored and every closed bucket recomputed. */
  assertWhole(partition: number): void {
    const { truth, books } = this.stores;
    const end = truth.of(partition).length;
    this.checkedThrough.set(partition, 0);
    this.assertSettled(partition, end, 'I1');
    const through = books.of(partition)?.through ?? 0;
    if (through !== end) this.report(`I3: the books of ${partition} end at ${through} of ${end}`);
    const dead = this.stores.deadLetters;
    const expected = this.deadWithin(partition, 0, end);
    const prefix = `${EVENTS_TOPIC}:${partition}:`;
    const kept = [...dead].filter((id) => id.startsWith(prefix));
    if (kept.length !== expected.length)
      this.report(`I3: ${partition} has ${kept.length} dead letters of ${expected.length}`);
    for (const row of this.rows.get(partition)?.values() ?? []) this.assertMarked(row, 'I4');
  }

  private assertSettled(partition: number, through: number, rule: string): void {
    const from = this.checkedThrough.get(partition) ?? 0;
    for (let offset = from; offset < through; offset += 1) this.assertSettledAt(partition, offset, rule);
    if (through > from) this.checkedThrough.set(partition, through);
  }

  private assertSettledAt(partition: number, offset: number, rule: string): void {
    const expected = this.stores.truth.of(partition)[offset];
    if (expected === undefined) {
      this.report(`${rule}: ${partition}/${offset} is not in the log yet`);
      return;
    }
    if (expected.fate === 'dead') {
      if (!this.stores.deadLetters.has(deadLetterId({ topic: EVENTS_TOPIC, partition, offset })))
        this.report(`${rule}: the dead letter of ${partition}/${offset} is missing`);
      return;
    }
    if (expected.fate !== 'stored') return;
    const row = this.rows.get(partition)?.get(offset);
    if (row === undefined) this.report(`${rule}: ${partition}/${offset} is not in raw`);
    else this.assertMarked(row, rule);
  }

  /** I4: a bucket is marked, or its rollup has seen the row. */
  private assertMarked(row: RawRow, rule: string): void {
    const { pipeline, buckets } = this.stores;
    for (const bucket of bucketsOfRow(row)) {
      if (pipeline.isDirty(bucket) || buckets.hasSeen(bucket, row.sequence)) continue;
      this.report(
        `${rule}: ${row.partition}/${row.offset} is missing in the ${bucket.tier} rollup of ${bucket.bucketStartMs}, which is not marked`,
      );
    }
  }

  private deadWithin(partition: number, from: number, next: number): readonly number[] {
    const offsets: number[] = [];
    for (const [index, { fate }] of this.stores.truth.of(partition).slice(from, next).entries())
      if (fate === 'dead') offsets.push(from + index);
    return offsets;
  }
}

function isSame(a: Outcomes, b: Outcomes | undefined): boolean {
  return (
    b !== undefined &&
    a.stored === b.stored &&
    a.duplicate === b.duplicate &&
    a.conflict === b.conflict &&
    a.dead === b.dead
  );
}
