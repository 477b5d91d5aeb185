/** A record that could not become a row, kept with everything needed to find out why, fix it and send it again. */
import { createHash } from 'node:crypto';
import { ERROR_CODES, parseOrganizationId, type ErrorCode, type OrganizationId } from '@tidemark/core';
import { isCount, parseObject } from './flush.ts';

/** Of the value of a letter, which travels as base64 within the bus' bound of a record; no event of ingest is larger. */
export const DEAD_LETTER_VALUE_BYTES_MAX = 600 * 1024;

export interface DeadLetter {
  /** Names the letter for ever: `deadLetterId` of a record, `rejectedLetterId` of what ingest refused. */
  readonly id: string;
  /** Null when the record does not say whose it is; only operators see such letters. */
  readonly organization: OrganizationId | null;
  /** Who gave it up: ingest before it was on the bus, the aggregator after. */
  readonly stage: 'ingest' | 'aggregator';
  readonly code: ErrorCode;
  readonly detail: string;
  /** 1 for the first refusal, more after replays. */
  readonly attempt: number;
  readonly arrivedAtMs: number;
  /** Of the event, as far as they could be read; '' otherwise. */
  readonly eventType: string;
  readonly eventSource: string;
  readonly eventId: string;
  /** Of the record; {} of what ingest refused. */
  readonly headers: Readonly<Record<string, string>>;
  /** The bytes of the record's value, or the item as it was sent. */
  readonly value: Buffer;
}

/** Of a record: its coordinate, so that a replayed batch writes the same letter again. Topic names hold no colon (Kafka permits `a-zA-Z0-9._-`). */
export function deadLetterId(coordinate: {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}): string {
  return `${coordinate.topic}:${coordinate.partition}:${coordinate.offset}`;
}

const REJECTED_HASH_HEX_DIGITS = 32;

/** Of what ingest refused: by what was sent, when, and why. Copies within one request are one letter; sent again later, it is another. */
export function rejectedLetterId(
  {
    organization,
    code,
    arrivedAtMs,
  }: Pick<DeadLetter, 'code' | 'arrivedAtMs'> & {
    readonly organization: OrganizationId;
  },
  item: Uint8Array,
): string {
  // The JSON text ends where the item begins, so no two pairs of them give the same bytes.
  const hash = createHash('sha256')
    .update(JSON.stringify([organization, code, arrivedAtMs]))
    .update(item)
    .digest('hex');
  return `ingest:${hash.slice(0, REJECTED_HASH_HEX_DIGITS)}`;
}

export function encodeDeadLetter(letter: DeadLetter): Buffer {
  return Buffer.from(JSON.stringify({ ...letter, value: letter.value.toString('base64') }), 'utf8');
}

/** Null when the value is not a dead letter. Never throws. */
export function parseDeadLetter(value: Buffer): DeadLetter | null {
  const letter = parseObject(value);
  if (letter === null) return null;
  const { id, stage, code, detail, attempt, arrivedAtMs, value: encoded } = letter;
  const { eventType, eventSource, eventId } = letter;
  const headers = parseHeaders(letter['headers']);
  const organization =
    typeof letter['organization'] === 'string' ? parseOrganizationId(letter['organization']) : null;
  if (letter['organization'] !== null && organization === null) return null;
  if (typeof id !== 'string' || (stage !== 'ingest' && stage !== 'aggregator')) return null;
  if (typeof eventType !== 'string' || typeof eventSource !== 'string' || typeof eventId !== 'string')
    return null;
  if (headers === null || typeof code !== 'string' || !isErrorCode(code)) return null;
  if (typeof detail !== 'string' || !isCount(attempt) || !isCount(arrivedAtMs) || typeof encoded !== 'string')
    return null;
  const bytes = Buffer.from(encoded, 'base64');
  const event = { eventType, eventSource, eventId };
  return { id, organization, stage, code, detail, attempt, arrivedAtMs, ...event, headers, value: bytes };
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERROR_CODES, code);
}

function parseHeaders(value: unknown): Readonly<Record<string, string>> | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  return Object.values(value).every((text) => typeof text === 'string')
    ? (value as Record<string, string>)
    : null;
}
