/** What the partition machine asks its driver to do, and what it is told of the outcome. */
import type { BusRecord } from '@tidemark/bus';
import type { Batch, Candidate, Poison, TouchedMinute } from './batch.ts';
import type { Intent, Work } from './batch-work.ts';

export type Command =
  | { readonly kind: 'recover' }
  | { readonly kind: 'read' }
  /** Which of the candidates raw holds under the batch's own offsets. */
  | { readonly kind: 'find-own'; readonly batch: Batch }
  /** Which of the candidates raw holds under other offsets. */
  | { readonly kind: 'find-stored'; readonly batch: Batch }
  | { readonly kind: 'bury'; readonly poison: readonly Poison[] }
  | { readonly kind: 'intend'; readonly intent: Intent }
  | { readonly kind: 'insert'; readonly work: Work }
  /** A row that must be acceptable: if it is not, the fault is ours and nobody's data is poison. */
  | { readonly kind: 'probe-own' }
  | { readonly kind: 'probe'; readonly rows: readonly Candidate[] }
  | { readonly kind: 'verify'; readonly work: Work }
  | { readonly kind: 'mark'; readonly minutes: readonly TouchedMinute[] }
  | { readonly kind: 'announce'; readonly minutes: readonly TouchedMinute[]; readonly batch: Batch }
  /** Of the offsets from `from` on. */
  | { readonly kind: 'account'; readonly work: Work; readonly from: number }
  /** Drops the intent. */
  | { readonly kind: 'commit'; readonly work: Work }
  | { readonly kind: 'halt'; readonly reason: string };

export interface Recovered {
  readonly kind: 'recovered';
  /** What the group has committed; 0 when nothing. */
  readonly committed: number;
  /** Where the books end; null when none were ever kept of this partition. */
  readonly accountedThrough: number | null;
  /** Behind the last row of raw when the last commit was made: raw has held rows up to here. */
  readonly vouchedThrough: number;
  /** What was written down and not committed, and how many rows raw has within its range, read before `storedThrough`. */
  readonly intent: Intent | null;
  readonly intentRows: number;
  /** Behind the greatest offset in raw; 0 when raw has none of the partition. */
  readonly storedThrough: number;
  /** Of the log, as the bus knows it. */
  readonly startOffset: number;
  readonly endOffset: number;
  /** False: the log holds another record at the offset of the last row in raw. */
  readonly isSameLog: boolean;
}

export type Outcome =
  | Recovered
  | { readonly kind: 'records'; readonly records: readonly BusRecord[] }
  | { readonly kind: 'own-found'; readonly keys: ReadonlySet<string> }
  /** What raw keeps of each, by identity key. */
  | { readonly kind: 'stored-found'; readonly contents: ReadonlyMap<string, number> }
  | { readonly kind: 'buried' }
  | { readonly kind: 'intended' }
  | { readonly kind: 'inserted' }
  | { readonly kind: 'insert-refused'; readonly detail: string }
  | { readonly kind: 'insert-in-doubt' }
  /** Nothing was sent: rows that raw has held are gone (a backup was brought back). */
  | { readonly kind: 'raw-lost' }
  | { readonly kind: 'probed'; readonly acceptable: boolean; readonly detail: string }
  | { readonly kind: 'verified'; readonly rowCount: number }
  | { readonly kind: 'marked' }
  | { readonly kind: 'announced' }
  /** Where the books end now. */
  | { readonly kind: 'accounted'; readonly through: number }
  | { readonly kind: 'committed' };
