/** The faults rest, everything is taken and stored: what is there is compared with what was promised. */
import { EVENTS_TOPIC, type LedgerAnswer } from '@tidemark/contracts';
import { MINUTE_MS, DAY_MS } from '@tidemark/core';
import { waitUntil } from '@tidemark/testkit/cluster';
import { checkTotals, foldBuckets, SUMMED_METRICS } from './check-answers.ts';
import { checkLetterStore } from './check-letters.ts';
import type { LogCheck } from './check-log.ts';
import { checkTiersRead } from './check-rollups.ts';
import { RowCheck } from './check-rows.ts';
import { checkFinally, rangeOf, untilRolledUp } from './final-checks.ts';
import type { Findings } from './findings.ts';
import { checkBooks } from './ledger.ts';
import type { Load } from './load.ts';
import type { Oracle } from './oracle.ts';
import type { Probes } from './probes.ts';
import type { Questions } from './questions.ts';
import { readEventLog, readLetterTopic } from './read-log.ts';
import type { Receipts } from './receipts.ts';
import type { Rejects } from './rejects.ts';
import { ORGANIZATION_NAMES } from './slots.ts';
import { countStoredRows, readStoredLetters, readStoredRows } from './stored-rows.ts';
import type { Stores, System } from './system.ts';
import { LIVENESS_MS_MAX, untilAnswered } from './until-answered.ts';

export interface CheckpointOptions {
  readonly system: System;
  readonly oracle: Oracle;
  readonly rejects: Rejects;
  readonly receipts: Receipts;
  readonly load: Pick<Load, 'pause' | 'pending' | 'sendWaits'>;
  readonly questions: Questions;
  readonly probes: Pick<Probes, 'committedSeen'>;
  readonly findings: Findings;
  readonly logCheck: LogCheck;
  /** See `FinalCheckOptions`. */
  readonly daysVerifiedMax: number;
  /** Of the last checkpoint: everything is checked then. What is expected is read anew, from the disk, when all is quiet. */
  readonly expectedFinally: (() => Promise<Oracle>) | null;
}

export interface CheckpointFigures {
  /** Null: it did not come to rest. */
  readonly settledAfterMs: number | null;
  /** From then on; null: not waited for, or not made in time. */
  readonly rolledUpAfterMs: number | null;
  readonly rows: number;
  readonly hasLedger: boolean;
}

export async function runCheckpoint(on: CheckpointOptions): Promise<CheckpointFigures> {
  on.load.pause();
  const isFinal = on.expectedFinally !== null;
  const settledAfterMs = await untilSettled(on);
  if (settledAfterMs !== null && isFinal) await on.load.sendWaits();
  if (settledAfterMs === null || (isFinal && (await untilSettled(on)) === null))
    return { settledAfterMs: null, rolledUpAfterMs: null, rows: 0, hasLedger: false };
  const oracle = (await on.expectedFinally?.()) ?? on.oracle;
  await checkAnswers(on, oracle, false);
  let rolledUpAfterMs: number | null = null;
  if (isFinal) {
    rolledUpAfterMs = await untilRolledUp({ ...on, oracle });
    if (rolledUpAfterMs !== null) await checkAnswers(on, oracle, true);
    await checkFinally({ ...on, oracle });
  }
  const books = await readBooks(on);
  const rows = await on.system.inspect((stores) => checkStores(on, oracle, stores, isFinal));
  for (const [organization, one] of books.entries()) if (one !== null) checkLedger(on, one, organization);
  return { settledAfterMs, rolledUpAfterMs, rows, hasLedger: !books.includes(null) };
}

/** Everybody up, everything taken, everything stored. */
async function untilSettled({
  system,
  load,
  questions,
  findings,
}: CheckpointOptions): Promise<number | null> {
  const startedAtMs = performance.now();
  findings.checked('I7');
  let state: Readonly<Record<string, unknown>> = {};
  try {
    await waitUntil(
      async () => {
        const unsettled = system.processes.filter((one) => !one.isSettled).map(({ name }) => name);
        state = { unsettled, pending: load.pending };
        if (unsettled.length > 0 || load.pending > 0) return false;
        const status = await questions.status();
        state = { ...state, status };
        return status?.['lag'] === 0;
      },
      { what: 'everything to be stored', deadlineMs: LIVENESS_MS_MAX },
    );
    return Math.round(performance.now() - startedAtMs);
  } catch (error) {
    findings.violated('I7', 'it did not come to rest', { error: String(error), ...state });
    return null;
  }
}

/** @param isRolledUp the rollups of all closed buckets are made, so some must be read */
async function checkAnswers(on: CheckpointOptions, oracle: Oracle, isRolledUp: boolean): Promise<void> {
  const { questions, findings } = on;
  const range = { metrics: SUMMED_METRICS, ...rangeOf(oracle.days()) };
  for (const organization of ORGANIZATION_NAMES.keys()) {
    const minutes = oracle.minutes(organization);
    if (minutes.size === 0) continue;
    for (const [granularity, widthMs] of [
      ['minute', MINUTE_MS],
      ['day', DAY_MS],
    ] as const) {
      const query = { ...range, granularity };
      const ask = () => questions.ask(organization, query);
      const answer = await untilAnswered(ask, findings, { organization, query });
      if (answer === null) continue;
      checkTotals(answer, foldBuckets(minutes, widthMs), organization, findings);
      if (isRolledUp) checkTiersRead(answer, organization, findings);
    }
  }
}

/** Everybody is up: books that cannot be had are no books. Null, and a violation, for an organization without. */
async function readBooks({ questions, findings }: CheckpointOptions) {
  const books: (LedgerAnswer | null)[] = [];
  for (const organization of ORGANIZATION_NAMES.keys()) {
    const one = await untilAnswered(() => questions.books(organization), findings, { organization });
    if (one === null) findings.violated('I3', 'the books cannot be read', { organization });
    books.push(one);
  }
  return books;
}

function checkLedger(
  { logCheck, receipts, rejects, system, findings }: CheckpointOptions,
  books: LedgerAnswer,
  organization: number,
): void {
  const log = logCheck.totals(organization);
  const least = receipts.least(organization, system.ingest, system.catalog);
  const rejectsSent = rejects.outcomes(organization).size;
  checkBooks(books, { log, least, rejectsSent }, organization, findings);
}

async function checkStores(
  { findings, logCheck, system, probes }: CheckpointOptions,
  oracle: Oracle,
  { warehouse, bus }: Stores,
  isFinal: boolean,
): Promise<number> {
  const rows = new RowCheck(oracle, findings);
  const bounds = await bus.bounds(EVENTS_TOPIC);
  const endOffset = Math.max(0, ...bounds.map((partition) => partition.endOffset));
  const pages = readStoredRows(warehouse, { endOffset, withContent: isFinal });
  for await (const page of pages) for (const row of page) rows.take(row);
  const count = await countStoredRows(warehouse);
  if (count !== rows.rows)
    findings.violated('I2', 'raw has rows beyond the log', { count, withinTheLog: rows.rows });

  const letters = await readLetterTopic(bus);
  const { deadOffsets } = letters;
  await readEventLog(
    bus,
    (partition) => logCheck.nextOffset(partition),
    (record) => logCheck.take(record, rows, deadOffsets.get(record.partition) ?? new Set()),
  );
  for (const place of system.poisoned()) {
    findings.checked('I1');
    if (deadOffsets.get(place.partition)?.has(place.offset) !== true)
      findings.violated('I1', 'a record that is no event is not in the dead letters', { ...place });
  }
  if (isFinal) checkLetterStore(letters, await readStoredLetters(warehouse), findings);
  for (const [partition, committed] of probes.committedSeen()) {
    findings.checked('I5');
    const end = logCheck.nextOffset(partition);
    if (committed > end) findings.violated('I5', 'committed beyond the log', { partition, committed, end });
  }
  rows.finish((slot) => logCheck.isDead(slot));
  return rows.rows;
}
