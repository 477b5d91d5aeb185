/**
 * What happens to the records of one partition during one spell of ownership, as a pure state machine: `nextCommand` says what to
 * do, the driver does it, `evolve` takes the outcome. No I/O, no clock, no randomness here, so every schedule of crashes and
 * lost replies can be played against it.
 *
 *   recover -> read -> [find-own] -> find-stored -> [bury] -> [intend -> insert] -> mark -> announce -> account -> commit -> read ...
 *                                                     ^                 |-- in doubt --> verify --> there: mark, absent: insert again
 *                                                     '-----------------'-- refused ---> probe a row of ours, then halves until the poison is found
 *
 * Why a crash at any point is harmless:
 * - An insert is written down (`intend`, in the metadata of the group's offset) before it is sent. Who owns the partition next looks
 *   whether it has landed; if not, it makes the same batch of the same offsets again and sends it under the same token, so that
 *   of the two inserts, the old one perhaps still on its way, one lands.
 * - Success is believed only of a token that is tried for the first time. The engine may remember a token whose rows a crash has
 *   taken; so after a retry the rows are counted, and when there are none, another token is used.
 * - Minutes are marked dirty after their rows are in raw, the books (`account`) are kept after that, and the offset is committed last. A
 *   new owner begins where the books end, finds its own rows in raw (`find-own`), and does the rest again: each step may be
 *   repeated. What raw has lost since it was committed (a restored backup) is read again from the log.
 * - Dead letters are durable before the books name them, and keyed by coordinate, so burying twice is burying once.
 *
 * Whatever fails for a passing reason is tried again by the driver after a pause; the state stays as it is.
 */
import { assertNever, assertThat } from '@tidemark/core';
import type { BusRecord } from '@tidemark/bus';
import { batchPrefix, formBatch, touchedMinutes } from './batch.ts';
import type { Poison, TouchedMinute } from './batch.ts';
import { intentOf, isIntended, isMoreThanWritten, sortOut } from './batch-work.ts';
import type { Intent, Work } from './batch-work.ts';
import type { Command, Outcome, Recovered } from './partition-messages.ts';
import { narrow, startSearch } from './poison-search.ts';
import type { Search } from './poison-search.ts';

export interface MachineLimits {
  /** A batch of more records than this of which none is readable stops the partition instead of draining it into dead letters. */
  readonly unreadableRecordsMax: number;
}

/**
 * Tokens that were answered with success and stored nothing, after which the engine is not believed any more. An engine that dies again
 * and again while it stores one batch leaves one each time, and every later owner has to pass them all.
 */
const PHANTOMS_MAX = 20;

/** What recovery has found out about offsets ahead; all of it lies behind after a few batches. */
interface Known {
  readonly accountedThrough: number;
  readonly storedThrough: number;
  readonly vouchedThrough: number;
  readonly replay: Intent | null;
}

/** Read and not yet part of a batch. */
interface Ahead {
  readonly known: Known;
  readonly rest: readonly BusRecord[];
}

export type State =
  | { readonly phase: 'recovering' }
  | ({ readonly phase: 'reading' } & Ahead)
  | { readonly phase: 'halted'; readonly reason: string }
  | ({ readonly phase: WorkPhase; readonly work: Work } & Ahead)
  | ({ readonly phase: 'finding-stored'; readonly work: Work; readonly own: ReadonlySet<string> } & Ahead)
  | ({ readonly phase: 'burying'; readonly work: Work; readonly poison: readonly Poison[] } & Ahead)
  | ({
      readonly phase: 'verifying';
      readonly work: Work;
      /** The engine has said that it stored the rows. */
      readonly isClaimed: boolean;
    } & Ahead)
  | ({ readonly phase: 'searching'; readonly work: Work; readonly search: Search } & Ahead);

type WorkPhase =
  | 'finding-own'
  | 'intending'
  | 'inserting'
  | 'marking'
  | 'announcing'
  | 'accounting'
  | 'committing';

export const initialState: State = { phase: 'recovering' };

/**
 * Where reading begins: where the books end, or earlier where raw lacks what the books say, or where a batch was written down and never
 * committed. Also of one whose rows have landed the minutes may not be marked yet, whatever the books say: they do not change
 * while raw is made whole again.
 */
export function startOf(outcome: Recovered): number {
  const { accountedThrough, committed, storedThrough, vouchedThrough, startOffset, intent } = outcome;
  const wanted = Math.min(
    accountedThrough ?? committed,
    storedThrough < vouchedThrough ? storedThrough : Number.POSITIVE_INFINITY,
    intent?.from ?? Number.POSITIVE_INFINITY,
  );
  return Math.max(startOffset, wanted);
}

/**
 * Whether batches before the one that is to be made again would take its place in what is written down: its insert, perhaps still on
 * its way, must be dead before that.
 */
export function isReplayDisplaced(outcome: Recovered): boolean {
  const replay = pendingReplay(outcome);
  return replay !== null && startOf(outcome) < replay.from;
}

export function nextCommand(state: State): Command {
  switch (state.phase) {
    case 'recovering':
      return { kind: 'recover' };
    case 'reading':
      return { kind: 'read' };
    case 'finding-own':
      return { kind: 'find-own', batch: state.work.batch };
    case 'finding-stored':
      return { kind: 'find-stored', batch: state.work.batch };
    case 'burying':
      return { kind: 'bury', poison: state.poison };
    case 'intending':
      return { kind: 'intend', intent: intentOf(state.work) };
    case 'inserting':
      return { kind: 'insert', work: state.work };
    case 'verifying':
      return { kind: 'verify', work: state.work };
    case 'searching': {
      if (state.search.isOurs) return { kind: 'probe-own' };
      const rows = state.search.open.at(-1);
      assertThat(rows !== undefined, 'a search has something to try');
      return { kind: 'probe', rows };
    }
    case 'marking':
      return { kind: 'mark', minutes: minutesOf(state.work) };
    case 'announcing':
      return { kind: 'announce', minutes: minutesOf(state.work), batch: state.work.batch };
    case 'accounting':
      return { kind: 'account', work: state.work, from: accountFrom(state) };
    case 'committing':
      return { kind: 'commit', work: state.work };
    case 'halted':
      return { kind: 'halt', reason: state.reason };
    default:
      return assertNever(state);
  }
}

/** An outcome that does not fit the phase is a bug of the driver. */
export function evolve(state: State, outcome: Outcome, limits: MachineLimits): State {
  switch (state.phase) {
    case 'recovering':
      return outcome.kind === 'recovered' ? afterRecovery(outcome) : mismatch(state, outcome);
    case 'reading':
      return outcome.kind === 'records'
        ? afterRead(state.known, [...state.rest, ...outcome.records], limits)
        : mismatch(state, outcome);
    case 'finding-own':
      return outcome.kind === 'own-found'
        ? { ...state, phase: 'finding-stored', own: outcome.keys }
        : mismatch(state, outcome);
    case 'finding-stored':
      return outcome.kind === 'stored-found'
        ? afterFinding(state, sortOut(state.work, state.own, outcome.contents))
        : mismatch(state, outcome);
    case 'burying':
      return outcome.kind === 'buried' ? toInsert(state, state.work) : mismatch(state, outcome);
    case 'intending':
      return outcome.kind === 'intended' ? afterIntent(state, state.work) : mismatch(state, outcome);
    case 'inserting':
      return afterInsert(state, outcome);
    case 'verifying':
      return outcome.kind === 'verified' ? afterVerify(state, outcome.rowCount) : mismatch(state, outcome);
    case 'searching':
      return outcome.kind === 'probed' ? afterProbe(state, outcome) : mismatch(state, outcome);
    case 'marking':
      return outcome.kind === 'marked' ? { ...state, phase: 'announcing' } : mismatch(state, outcome);
    case 'announcing':
      return outcome.kind === 'announced' ? { ...state, phase: 'accounting' } : mismatch(state, outcome);
    case 'accounting':
      return outcome.kind === 'accounted' ? afterAccount(state, outcome.through) : mismatch(state, outcome);
    case 'committing':
      return outcome.kind === 'committed'
        ? afterRead(state.known, state.rest, limits)
        : mismatch(state, outcome);
    case 'halted':
      return mismatch(state, outcome);
    default:
      return assertNever(state);
  }
}

function pendingReplay({ intent, intentRows }: Recovered): Intent | null {
  return intent !== null && intentRows === intent.present ? intent : null;
}

function afterRecovery(outcome: Recovered): State {
  const { committed, accountedThrough, storedThrough, vouchedThrough, endOffset, intent, intentRows } =
    outcome;
  const reason = faultOfLog(outcome);
  if (reason !== null) return { phase: 'halted', reason };
  if (intent !== null && intentRows !== intent.present && intentRows !== intent.present + intent.rows) {
    return { phase: 'halted', reason: halfWritten(intent, intentRows) };
  }
  assertThat(endOffset >= storedThrough, 'raw does not reach beyond the log');
  const known: Known = {
    accountedThrough: accountedThrough ?? committed,
    storedThrough,
    vouchedThrough,
    replay: pendingReplay(outcome),
  };
  return { phase: 'reading', known, rest: [] };
}

/** Null when the log can be the one that raw was made from. */
function faultOfLog({
  isSameLog,
  storedThrough,
  committed,
  accountedThrough,
  endOffset,
}: Recovered): string | null {
  if (!isSameLog) {
    return `offset ${storedThrough - 1} of the log is not the record that raw holds under it: the topic was made anew`;
  }
  const reached = [
    ['raw holds rows', storedThrough],
    ['the group has committed', committed],
    ['the books are kept', accountedThrough ?? 0],
  ] as const;
  const beyond = reached.find(([, through]) => through > endOffset);
  if (beyond === undefined) return null;
  return `${beyond[0]} up to offset ${beyond[1] - 1}, but the log ends at ${endOffset}: the topic was made anew or has lost its end`;
}

function afterRead(known: Known, records: readonly BusRecord[], limits: MachineLimits): State {
  const first = records[0];
  if (first === undefined) return { phase: 'reading', known, rest: [] };
  const length = batchLength(known, records);
  if (length === 0) return { phase: 'reading', known, rest: records };
  const batch = formBatch(records.slice(0, length));
  if (batch.records.length > limits.unreadableRecordsMax && batch.poison.length === batch.records.length) {
    const detail = batch.poison[0]?.detail ?? '';
    return {
      phase: 'halted',
      reason: `none of the ${batch.records.length} records from offset ${batch.from} is readable (${detail})`,
    };
  }
  const written = isWithin(known.replay, batch.from) ? known.replay : null;
  const work: Work = {
    batch,
    present: [],
    rows: [],
    copies: [],
    refused: [],
    written,
    isDoubted: written !== null || batch.from < known.vouchedThrough,
    phantoms: 0,
  };
  const ahead = { known, rest: records.slice(length) };
  return written !== null || batch.from < known.storedThrough
    ? { phase: 'finding-own', work, ...ahead }
    : { phase: 'finding-stored', work, own: NONE, ...ahead };
}

const NONE: ReadonlySet<string> = new Set();

/**
 * How many of the records make the next batch; 0 when more must be read first. A batch that is replayed is exactly the one that was
 * written down; any other is a prefix that one insert may carry and that does not reach over an offset from which on something
 * else is known.
 */
function batchLength(known: Known, records: readonly BusRecord[]): number {
  const { replay } = known;
  const first = records[0]?.offset ?? 0;
  if (replay !== null && isWithin(replay, first)) {
    const end = records.findIndex((record) => record.offset > replay.to);
    if (end !== -1) return end;
    return records.at(-1)?.offset === replay.to ? records.length : 0;
  }
  const limits = [known.accountedThrough, known.storedThrough, known.vouchedThrough, replay?.from ?? 0];
  const limit = Math.min(...limits.filter((offset) => offset > first));
  const end = records.findIndex((record) => record.offset >= limit);
  return batchPrefix(end === -1 ? records : records.slice(0, end));
}

function isWithin(intent: Intent | null, offset: number): boolean {
  return intent !== null && offset >= intent.from && offset <= intent.to;
}

function afterFinding(ahead: Ahead, work: Work): State {
  return work.batch.poison.length > 0
    ? { phase: 'burying', work, poison: work.batch.poison, ...aheadOf(ahead) }
    : toInsert(ahead, work);
}

function toInsert(ahead: Ahead, work: Work): State {
  if (work.rows.length === 0) return { phase: 'marking', work, ...aheadOf(ahead) };
  if (isMoreThanWritten(work)) return toSearch(ahead, work, { isRefused: false });
  return { phase: isIntended(work) ? 'inserting' : 'intending', work, ...aheadOf(ahead) };
}

function afterIntent(ahead: Ahead, work: Work): State {
  return { phase: 'inserting', work: { ...work, written: intentOf(work) }, ...aheadOf(ahead) };
}

function toSearch(ahead: Ahead, work: Work, options: { readonly isRefused: boolean }): State {
  return { phase: 'searching', work, search: startSearch(work.rows, options), ...aheadOf(ahead) };
}

function aheadOf({ known, rest }: Ahead): Ahead {
  return { known, rest };
}

function afterInsert(state: Extract<State, { phase: WorkPhase }>, outcome: Outcome): State {
  const { work } = state;
  const ahead = aheadOf(state);
  switch (outcome.kind) {
    case 'inserted':
      return work.isDoubted
        ? { phase: 'verifying', work, isClaimed: true, ...ahead }
        : { phase: 'marking', work, ...ahead };
    case 'insert-in-doubt':
      return { phase: 'verifying', work, isClaimed: false, ...ahead };
    case 'raw-lost':
      return { phase: 'recovering' };
    case 'insert-refused':
      return toSearch(ahead, work, { isRefused: true });
    default:
      return mismatch(state, outcome);
  }
}

function afterVerify(state: Extract<State, { phase: 'verifying' }>, rowCount: number): State {
  const { work, isClaimed } = state;
  const ahead = aheadOf(state);
  const intent = intentOf(work);
  if (rowCount === intent.present + intent.rows) return { phase: 'marking', work, ...ahead };
  if (rowCount !== intent.present) return { phase: 'halted', reason: halfWritten(intent, rowCount) };
  if (!isClaimed) return { phase: 'inserting', work: { ...work, isDoubted: true }, ...ahead };
  const phantoms = work.phantoms + 1;
  if (phantoms > PHANTOMS_MAX) {
    return {
      phase: 'halted',
      reason: `the warehouse says ${phantoms} times that it has stored offsets ${intent.from} to ${intent.to}, and has no row of them`,
    };
  }
  return { phase: 'inserting', work: { ...work, isDoubted: true, phantoms }, ...ahead };
}

/** Before it, a stale owner may have kept the books already, cut in another way. */
function accountFrom({ known, work }: Extract<State, { phase: WorkPhase }>): number {
  const { from, to } = work.batch;
  return known.accountedThrough > from && known.accountedThrough <= to ? known.accountedThrough : from;
}

function afterAccount(state: Extract<State, { phase: WorkPhase }>, through: number): State {
  const known = { ...state.known, accountedThrough: through };
  return { ...state, phase: through <= state.work.batch.to ? 'accounting' : 'committing', known };
}

function halfWritten({ from, to, rows, present }: Intent, found: number): string {
  return `offsets ${from} to ${to} should hold ${present} or ${present + rows} rows, but hold ${found}: an insert was half-written`;
}

function afterProbe(
  state: Extract<State, { phase: 'searching' }>,
  probed: Extract<Outcome, { kind: 'probed' }>,
): State {
  const { work } = state;
  const ahead = aheadOf(state);
  const next = narrow(state.search, work.batch, probed);
  switch (next.kind) {
    case 'searching':
      return { ...state, search: next.search };
    case 'acceptable':
      return { phase: 'intending', work, ...ahead };
    case 'no-poison':
      return { phase: 'halted', reason: next.reason };
    case 'found': {
      const { found } = next;
      const bad = new Set(found.map((poison) => poison.record.offset));
      const rows = work.rows.filter((row) => !bad.has(row.offset));
      const rest: Work = { ...work, rows, refused: [...work.refused, ...found] };
      return { phase: 'burying', poison: found, work: rest, ...ahead };
    }
    default:
      return assertNever(next);
  }
}

function minutesOf(work: Work): readonly TouchedMinute[] {
  return touchedMinutes(work.present.length === 0 ? work.rows : [...work.present, ...work.rows]);
}

function mismatch(state: State, outcome: Outcome): never {
  throw new Error(`Assertion failed: outcome ${outcome.kind} in phase ${state.phase}`);
}
