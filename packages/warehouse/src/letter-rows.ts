/** Rows of dead letters, and how the engine reads them. */
import type { ErrorCode, OrganizationId } from '@tidemark/core';
import { letterVersion, type DeadLetterState, type LetterStanding } from './letter-state.ts';

export interface StoredLetter extends LetterStanding {
  /** Unique, and always of the same arrival: see `DeadLetter.id` of `@tidemark/contracts`. */
  readonly id: string;
  /** Null when the record does not say whose it is. */
  readonly organization: OrganizationId | null;
  readonly stage: 'ingest' | 'aggregator';
  readonly code: ErrorCode;
  readonly detail: string;
  /** Of the event, as far as it could be read; '' otherwise. */
  readonly eventType: string;
  readonly eventSource: string;
  readonly eventId: string;
  readonly arrivedAtMs: number;
  readonly attempt: number;
  /** Of the record; {} when there was none. */
  readonly headers: Readonly<Record<string, string>>;
  /** As it was sent, or the value of the record. */
  readonly value: Buffer;
  /** When the state was set; the letter's arrival while it is open. */
  readonly changedAtMs: number;
}

/** A letter without what is long in it. */
export type LetterHead = Omit<StoredLetter, 'headers' | 'value'>;

export const SHOWN_COLUMNS = `id, organization, stage, code, detail, event_type, event_source, event_id,
  toUnixTimestamp64Milli(arrived_at) AS arrived, attempt, state, toUnixTimestamp64Milli(changed_at) AS changed,
  toUnixTimestamp64Milli(replay_since) AS replay_began, replay_source, replay_id`;

export interface ShownRow {
  readonly [column: string]: unknown;
  readonly id: string;
  readonly organization: string;
  readonly stage: StoredLetter['stage'];
  readonly code: ErrorCode;
  readonly detail: string;
  readonly event_type: string;
  readonly event_source: string;
  readonly event_id: string;
  readonly arrived: string;
  readonly attempt: number;
  readonly state: DeadLetterState;
  readonly changed: string;
  /** '0' while nothing was replayed. */
  readonly replay_began: string;
  readonly replay_source: string;
  readonly replay_id: string;
}

export type WholeRow = ShownRow & { readonly headers: string; readonly value: string };

/**
 * Texts of an event may hold half a character (`"\ud800"`), which the engine refuses: a letter is kept whatever it says. Headers are
 * JSON in a text, where such halves stay escaped.
 */
export function encodeRow(letter: StoredLetter): string {
  const { replay } = letter;
  return JSON.stringify({
    organization: letter.organization ?? '',
    id: letter.id,
    stage: letter.stage,
    code: letter.code,
    detail: wellFormed(letter.detail),
    event_type: wellFormed(letter.eventType),
    event_source: wellFormed(letter.eventSource),
    event_id: wellFormed(letter.eventId),
    arrived_at: new Date(letter.arrivedAtMs).toISOString(),
    attempt: letter.attempt,
    headers: JSON.stringify(letter.headers),
    value: letter.value.toString('base64'),
    state: letter.state,
    changed_at: new Date(letter.changedAtMs).toISOString(),
    replay_since: new Date(replay?.sinceMs ?? 0).toISOString(),
    replay_source: wellFormed(replay?.source ?? ''),
    replay_id: wellFormed(replay?.id ?? ''),
    version: letterVersion(letter),
  });
}

/** Halves become U+FFFD. */
function wellFormed(text: string): string {
  return Buffer.from(text, 'utf8').toString('utf8');
}

export function toHead(row: ShownRow): LetterHead {
  const sinceMs = Number(row.replay_began);
  return {
    id: row.id,
    organization: row.organization === '' ? null : (row.organization as OrganizationId),
    stage: row.stage,
    code: row.code,
    detail: row.detail,
    eventType: row.event_type,
    eventSource: row.event_source,
    eventId: row.event_id,
    arrivedAtMs: Number(row.arrived),
    attempt: row.attempt,
    state: row.state,
    changedAtMs: Number(row.changed),
    replay: sinceMs === 0 ? null : { sinceMs, source: row.replay_source, id: row.replay_id },
  };
}

export function toLetter(row: WholeRow): StoredLetter {
  return {
    ...toHead(row),
    headers: JSON.parse(row.headers) as Readonly<Record<string, string>>,
    value: Buffer.from(row.value, 'base64'),
  };
}
