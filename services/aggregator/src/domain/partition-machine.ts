/**
 * What happens to the records of one partition during one spell of ownership, as a pure state machine: `nextCommand` says what to
 * do, the driver does it, `evolve` takes the outcome. No I/O, no clock, no randomness here, so every schedule of crashes and
 * lost replies can be played against it.
 *
 *   recover -> read -> find-stored -> [bury] -> insert -> mark -> announce -> commit -> read ...
 *                                        ^        |-- in doubt --> verify --> (stored) mark | (absent) insert again
 *                                        '--------'-- refused ---> probe a row of ours, then halves until the poison is found
 *
 * Order that makes a crash at any point harmless:
 * - rows carry their offset, so `recover` sees from raw how far the partition is stored, whatever was committed; a commit says how
 *   far raw had come, so that rows which raw has lost since (a power cut, a restored backup) are noticed and read again;
 * - minutes are marked dirty after their rows are in raw and before the offset is committed; `recover` marks again what lies between
 *   the committed offset and the stored one;
 * - dead letters are durable before the offset is committed, and keyed by coordinate, so burying twice is burying once.
 *
 * Whatever fails for a passing reason is tried again by the driver after a pause; the state stays as it is.
 */
import { assertNever, assertThat } from '@tidemark/core';
import type { BusRecord } from '@tidemark/bus';
import { formBatch, batchPrefix, touchedMinutes } from './batch.ts';
import type { Batch, Candidate, Poison, TouchedMinute } from './batch.ts';

/** A batch of at least this many records of which none is readable stops the partition. */
const UNREADABLE_BATCH_RECORDS = 100;

export type Command =
  | { readonly kind: 'recover' }
  | { readonly kind: 'read' }
  | { readonly kind: 'find-stored'; readonly candidates: readonly Candidate[] }
  | { readonly kind: 'bury'; readonly poison: readonly Poison[] }
  | { readonly kind: 'insert'; readonly rows: readonly Candidate[] }
  /** A row that must be acceptable: if it is not, the fault is ours and nobody's data is poison. */
  | { readonly kind: 'probe-own' }
  | { readonly kind: 'probe'; readonly rows: readonly Candidate[] }
  | { readonly kind: 'verify'; readonly from: number; readonly to: number }
  | { readonly kind: 'mark'; readonly minutes: readonly TouchedMinute[] }
  | {
      readonly kind: 'announce';
      readonly minutes: readonly TouchedMinute[];
      readonly nextOffset: number;
      readonly arrivedThroughMs: number;
    }
  | { readonly kind: 'commit'; readonly offset: number }
  | { readonly kind: 'halt'; readonly reason: string };

export type Outcome =
  | {
      readonly kind: 'recovered';
      /** What the group has committed; 0 when nothing. */
      readonly nextOffset: number;
      /** Behind the greatest offset in raw; 0 when raw has none of the partition. */
      readonly storedThrough: number;
      /** Of the log, as the bus knows it. */
      readonly endOffset: number;
      /** False: the log holds another record at the offset of the last row in raw. */
      readonly isSameLog: boolean;
      /** Minutes of the rows stored at or beyond the committed offset. */
      readonly unmarked: readonly TouchedMinute[];
    }
  | { readonly kind: 'records'; readonly records: readonly BusRecord[] }
  | { readonly kind: 'stored-found'; readonly keys: ReadonlySet<string> }
  | { readonly kind: 'buried' }
  | { readonly kind: 'inserted' }
  | { readonly kind: 'insert-refused'; readonly detail: string }
  | { readonly kind: 'insert-in-doubt' }
  | { readonly kind: 'probed'; readonly acceptable: boolean; readonly detail: string }
  | { readonly kind: 'verified'; readonly rowCount: number }
  | { readonly kind: 'marked' }
  | { readonly kind: 'announced' }
  | { readonly kind: 'committed' };

interface Work {
  readonly batch: Batch;
  /** What is neither stored already nor poison. */
  readonly rows: readonly Candidate[];
  readonly duplicateCount: number;
  readonly refused: readonly Poison[];
  /** Records read beyond the batch, for the next one. */
  readonly rest: readonly BusRecord[];
}

/** Halves that are still to be tried for poison, after a row of ours was found acceptable. */
interface Search {
  readonly isOurs: boolean;
  readonly open: readonly (readonly Candidate[])[];
  readonly found: readonly Poison[];
}

export type State =
  | { readonly phase: 'recovering' }
  | { readonly phase: 'reading' }
  | { readonly phase: 'finding'; readonly work: Work }
  | { readonly phase: 'burying'; readonly work: Work; readonly poison: readonly Poison[] }
  | { readonly phase: 'inserting'; readonly work: Work }
  | { readonly phase: 'verifying'; readonly work: Work }
  | { readonly phase: 'searching'; readonly work: Work; readonly search: Search }
  | { readonly phase: 'marking'; readonly then: Progress }
  | { readonly phase: 'announcing'; readonly then: Progress }
  | { readonly phase: 'committing'; readonly then: Progress }
  | { readonly phase: 'halted'; readonly reason: string };

interface Progress {
  readonly minutes: readonly TouchedMinute[];
  readonly nextOffset: number;
  readonly arrivedThroughMs: number;
  readonly rest: readonly BusRecord[];
  readonly tally: Tally;
}

/** What became of the records of a batch; sums to their number. */
export interface Tally {
  readonly stored: number;
  readonly duplicate: number;
  readonly dead: number;
}

const NOTHING: Tally = { stored: 0, duplicate: 0, dead: 0 };

export const initialState: State = { phase: 'recovering' };

export function nextCommand(state: State): Command {
  switch (state.phase) {
    case 'recovering':
      return { kind: 'recover' };
    case 'reading':
      return { kind: 'read' };
    case 'finding':
      return { kind: 'find-stored', candidates: state.work.batch.candidates };
    case 'burying':
      return { kind: 'bury', poison: state.poison };
    case 'inserting':
      return { kind: 'insert', rows: state.work.rows };
    case 'verifying':
      return { kind: 'verify', from: state.work.batch.from, to: state.work.batch.to };
    case 'searching': {
      if (state.search.isOurs) return { kind: 'probe-own' };
      const rows = state.search.open.at(-1);
      assertThat(rows !== undefined, 'a search has something to try');
      return { kind: 'probe', rows };
    }
    case 'marking':
      return { kind: 'mark', minutes: state.then.minutes };
    case 'announcing': {
      const { minutes, nextOffset, arrivedThroughMs } = state.then;
      return { kind: 'announce', minutes, nextOffset, arrivedThroughMs };
    }
    case 'committing':
      return { kind: 'commit', offset: state.then.nextOffset };
    case 'halted':
      return { kind: 'halt', reason: state.reason };
    default:
      return assertNever(state);
  }
}

/** An outcome that does not fit the phase is a bug of the driver. */
export function evolve(state: State, outcome: Outcome): State {
  switch (state.phase) {
    case 'recovering':
      return outcome.kind === 'recovered' ? afterRecovery(outcome) : mismatch(state, outcome);
    case 'reading':
      return outcome.kind === 'records' ? afterRead(outcome.records) : mismatch(state, outcome);
    case 'finding':
      return outcome.kind === 'stored-found'
        ? afterFinding(state.work, outcome.keys)
        : mismatch(state, outcome);
    case 'burying':
      return outcome.kind === 'buried' ? toInsert(state.work) : mismatch(state, outcome);
    case 'inserting':
      return afterInsert(state, outcome);
    case 'verifying':
      return outcome.kind === 'verified'
        ? afterVerify(state.work, outcome.rowCount)
        : mismatch(state, outcome);
    case 'searching':
      return outcome.kind === 'probed'
        ? afterProbe(state.work, state.search, outcome)
        : mismatch(state, outcome);
    case 'marking':
      return outcome.kind === 'marked' ? { phase: 'announcing', then: state.then } : mismatch(state, outcome);
    case 'announcing':
      return outcome.kind === 'announced'
        ? { phase: 'committing', then: state.then }
        : mismatch(state, outcome);
    case 'committing':
      return outcome.kind === 'committed' ? afterRead(state.then.rest) : mismatch(state, outcome);
    case 'halted':
      return mismatch(state, outcome);
    default:
      return assertNever(state);
  }
}

/** What the batch that is being committed came to; null in every other phase. */
export function tallyOf(
  state: State,
): (Tally & { readonly nextOffset: number; readonly arrivedThroughMs: number }) | null {
  if (state.phase !== 'committing') return null;
  const { tally, nextOffset, arrivedThroughMs } = state.then;
  return { ...tally, nextOffset, arrivedThroughMs };
}

function afterRecovery(outcome: Extract<Outcome, { kind: 'recovered' }>): State {
  const { nextOffset, storedThrough, endOffset, isSameLog } = outcome;
  if (!isSameLog) {
    return {
      phase: 'halted',
      reason: `offset ${storedThrough - 1} of the log is not the record that raw holds under it: the topic was made anew`,
    };
  }
  if (storedThrough > endOffset) {
    return {
      phase: 'halted',
      reason: `raw holds offset ${storedThrough - 1}, but the log ends at ${endOffset}: the topic was made anew or has lost its end`,
    };
  }
  if (storedThrough <= nextOffset) return { phase: 'reading' };
  return {
    phase: 'marking',
    then: {
      minutes: outcome.unmarked,
      nextOffset: storedThrough,
      arrivedThroughMs: 0,
      rest: [],
      tally: NOTHING,
    },
  };
}

function afterRead(records: readonly BusRecord[]): State {
  const length = batchPrefix(records);
  if (length === 0) return { phase: 'reading' };
  const batch = formBatch(records.slice(0, length));
  if (batch.recordCount >= UNREADABLE_BATCH_RECORDS && batch.poison.length === batch.recordCount) {
    const detail = batch.poison[0]?.detail ?? '';
    return {
      phase: 'halted',
      reason: `none of the ${batch.recordCount} records from offset ${batch.from} is readable (${detail})`,
    };
  }
  const work: Work = {
    batch,
    rows: [],
    duplicateCount: batch.duplicateCount,
    refused: [],
    rest: records.slice(length),
  };
  return { phase: 'finding', work };
}

function afterFinding(work: Work, stored: ReadonlySet<string>): State {
  const rows = work.batch.candidates.filter((candidate) => !stored.has(candidate.key));
  const next: Work = {
    ...work,
    rows,
    duplicateCount: work.batch.duplicateCount + work.batch.candidates.length - rows.length,
  };
  return work.batch.poison.length > 0
    ? { phase: 'burying', work: next, poison: work.batch.poison }
    : toInsert(next);
}

function toInsert(work: Work): State {
  return work.rows.length === 0 ? toMark(work) : { phase: 'inserting', work };
}

function toMark(work: Work): State {
  return {
    phase: 'marking',
    then: {
      minutes: touchedMinutes(work.rows),
      nextOffset: work.batch.to + 1,
      arrivedThroughMs: work.batch.arrivedThroughMs,
      rest: work.rest,
      tally: {
        stored: work.rows.length,
        duplicate: work.duplicateCount,
        dead: work.batch.poison.length + work.refused.length,
      },
    },
  };
}

function afterInsert(state: Extract<State, { phase: 'inserting' }>, outcome: Outcome): State {
  const { work } = state;
  switch (outcome.kind) {
    case 'inserted':
      return toMark(work);
    case 'insert-in-doubt':
      return { phase: 'verifying', work };
    case 'insert-refused':
      return { phase: 'searching', work, search: { isOurs: true, open: [work.rows], found: [] } };
    default:
      return mismatch(state, outcome);
  }
}

function afterVerify(work: Work, rowCount: number): State {
  if (rowCount === work.rows.length) return toMark(work);
  if (rowCount === 0) return { phase: 'inserting', work };
  const { from, to } = work.batch;
  return {
    phase: 'halted',
    reason: `offsets ${from} to ${to} should hold ${work.rows.length} rows or none, but hold ${rowCount}`,
  };
}

function afterProbe(work: Work, search: Search, outcome: Extract<Outcome, { kind: 'probed' }>): State {
  if (search.isOurs) {
    if (outcome.acceptable) return { phase: 'searching', work, search: { ...search, isOurs: false } };
    return { phase: 'halted', reason: `the warehouse refuses every row (${outcome.detail})` };
  }
  const rows = search.open.at(-1) ?? [];
  let open = search.open.slice(0, -1);
  let found = search.found;
  const only = rows.length === 1 ? rows[0] : undefined;
  if (!outcome.acceptable && only !== undefined)
    found = [...found, refusedRow(work.batch, only, outcome.detail)];
  else if (!outcome.acceptable) {
    const half = Math.ceil(rows.length / 2);
    open = [...open, rows.slice(half), rows.slice(0, half)];
  }
  if (open.length > 0) return { phase: 'searching', work, search: { isOurs: false, open, found } };
  if (found.length === 0) {
    return {
      phase: 'halted',
      reason: `the rows from offset ${work.batch.from} are refused together but none of them alone (${outcome.detail})`,
    };
  }
  const bad = new Set(found.map((poison) => poison.record.offset));
  return {
    phase: 'burying',
    poison: found,
    work: {
      ...work,
      rows: work.rows.filter((row) => !bad.has(row.offset)),
      refused: [...work.refused, ...found],
    },
  };
}

function refusedRow(batch: Batch, row: Candidate, detail: string): Poison {
  const record = batch.records.find((candidate) => candidate.offset === row.offset);
  assertThat(record !== undefined, `offset ${row.offset} belongs to the batch`);
  return { record, organization: row.event.organization, code: 'event-not-storable', detail };
}

function mismatch(state: State, outcome: Outcome): never {
  throw new Error(`Assertion failed: outcome ${outcome.kind} in phase ${state.phase}`);
}
