/** One batch on its way: which of its records become rows, and what became of all of them. */
import { assertThat } from '@tidemark/core';
import type { OrganizationId } from '@tidemark/core';
import type { BatchAccount, Outcomes } from '@tidemark/catalog';
import type { Batch, Candidate, Copy, Poison } from './batch.ts';

/** What is written down before an insert: who owns the partition next must finish exactly this before anything else. */
export interface Intent {
  /** Offsets of the batch, both included. */
  readonly from: number;
  readonly to: number;
  /** Rows of the insert. */
  readonly rows: number;
  /** Rows within the range that raw held before. */
  readonly present: number;
}

export interface FoundCopy {
  readonly offset: number;
  readonly organization: OrganizationId;
  /** It says something else than what is kept. */
  readonly isConflict: boolean;
}

export interface Work {
  readonly batch: Batch;
  /** Candidates that raw holds already, under the offsets of this very batch. */
  readonly present: readonly Candidate[];
  /** What is neither in raw nor poison. */
  readonly rows: readonly Candidate[];
  /** All of the batch: those of one another, and those of events stored before. */
  readonly copies: readonly FoundCopy[];
  /** Poison that only the warehouse found. */
  readonly refused: readonly Poison[];
  /**
   * What is written down of this range: by an earlier owner, who was seen not to have stored it and whose insert may still be on its
   * way, or by this one.
   */
  readonly written: Intent | null;
  /** An insert with this batch's token may have been tried before, so only reading back tells whether rows are there. */
  readonly isDoubted: boolean;
  /** Tokens that the engine remembers although their rows are not there. */
  readonly phantoms: number;
}

export function intentOf({ batch, rows, present }: Work): Intent {
  return { from: batch.from, to: batch.to, rows: rows.length, present: present.length };
}

/** Whether this insert is written down already. */
export function isIntended(work: Work): boolean {
  const intent = intentOf(work);
  const { written } = work;
  if (written === null || written.from !== intent.from || written.to !== intent.to) return false;
  return written.rows === intent.rows && written.present === intent.present;
}

/**
 * Whether an earlier owner has left out rows that we have not: the warehouse has refused them. Until it is known which, what is written
 * down must stand, for it is what its insert, perhaps still on its way, will be measured by.
 */
export function isMoreThanWritten({ written, rows }: Work): boolean {
  return written !== null && rows.length > written.rows;
}

/**
 * The same for the same rows of the same offsets, whoever inserts them: the engine drops the second one. After a phantom it must be
 * another one.
 */
export function insertToken(topic: string, partition: number, { batch, rows, phantoms }: Work): string {
  return `${topic}:${partition}:${batch.from}-${batch.to}:${rows.length}:${phantoms}`;
}

/**
 * @param own identities' keys of the batch's own rows in raw
 * @param stored content of the events stored outside the batch, by identity key
 */
export function sortOut(work: Work, own: ReadonlySet<string>, stored: ReadonlyMap<string, number>): Work {
  const present: Candidate[] = [];
  const rows: Candidate[] = [];
  const kept = new Map(stored);
  const earlier: Copy[] = [];
  for (const candidate of work.batch.candidates) {
    const { key, content, offset, event } = candidate;
    if (!own.has(key) && stored.has(key)) {
      earlier.push({ key, content, offset, organization: event.organization });
      continue;
    }
    kept.set(key, content);
    (own.has(key) ? present : rows).push(candidate);
  }
  const copies = [...earlier, ...work.batch.copies].map((copy) => ({
    offset: copy.offset,
    organization: copy.organization,
    isConflict: isOther(kept.get(copy.key) ?? 0, copy.content),
  }));
  return { ...work, present, rows, copies };
}

/** Rows of releases that kept no content say 0: nothing is known of them. */
function isOther(kept: number, content: number): boolean {
  return kept !== 0 && kept !== content;
}

/**
 * What became of the records of the batch, each once.
 * @param from the first offset that the books lack: of the batch, or within it where a stale owner has kept them up to there
 */
export function toAccount(topic: string, partition: number, work: Work, from: number): BatchAccount {
  const { batch } = work;
  const isLacking = ({ offset }: { readonly offset: number }) => offset >= from;
  const sums = new Map<OrganizationId | null, { -readonly [K in keyof Outcomes]: Outcomes[K] }>();
  const of = (organization: OrganizationId | null) => {
    const known = sums.get(organization);
    if (known !== undefined) return known;
    const fresh = { organization, stored: 0, duplicate: 0, conflict: 0, dead: 0 };
    sums.set(organization, fresh);
    return fresh;
  };
  for (const row of [...work.present, ...work.rows].filter(isLacking)) of(row.event.organization).stored += 1;
  for (const copy of work.copies.filter(isLacking)) {
    const sum = of(copy.organization);
    sum.duplicate += 1;
    if (copy.isConflict) sum.conflict += 1;
  }
  const dead = [...batch.poison, ...work.refused].filter((poison) => isLacking(poison.record));
  for (const poison of dead) of(poison.organization).dead += 1;
  const outcomes = [...sums.values()];
  const accounted = outcomes.reduce((sum, one) => sum + one.stored + one.duplicate + one.dead, 0);
  const records = batch.records.filter(isLacking).length;
  assertThat(
    accounted === records,
    `${accounted} of ${records} records of offsets ${from} to ${batch.to} are accounted for`,
  );
  return {
    topic,
    partition,
    from,
    next: batch.to + 1,
    dayMs: batch.dayMs,
    arrivedThroughMs: batch.arrivedThroughMs,
    outcomes,
    deadOffsets: dead.map((poison) => poison.record.offset).sort((a, b) => a - b),
  };
}
