/** A record that could not become a row, kept with everything needed to find out why, fix it and send it again. */
import { ERROR_CODES, parseOrganizationId, type ErrorCode, type OrganizationId } from '@tidemark/core';
import { isCount, parseObject } from './flush.ts';

export interface DeadLetter {
  /** Null when the record does not say whose it is; only operators see such letters. */
  readonly organization: OrganizationId | null;
  /** Where the record stands. */
  readonly coordinate: { readonly topic: string; readonly partition: number; readonly offset: number };
  readonly code: ErrorCode;
  readonly detail: string;
  /** 1 for the first refusal, more after replays. */
  readonly attempt: number;
  readonly arrivedAtMs: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The bytes of the record's value. */
  readonly value: Buffer;
}

/**
 * The key under which a letter is published: its coordinate, so that a replayed batch writes the same letter again rather than
 * another. Topic names hold no colon (Kafka permits `a-zA-Z0-9._-`).
 */
export function deadLetterKey(coordinate: DeadLetter['coordinate']): string {
  return `${coordinate.topic}:${coordinate.partition}:${coordinate.offset}`;
}

export function encodeDeadLetter(letter: DeadLetter): Buffer {
  return Buffer.from(JSON.stringify({ ...letter, value: letter.value.toString('base64') }), 'utf8');
}

/** Null when the value is not a dead letter. Never throws. */
export function parseDeadLetter(value: Buffer): DeadLetter | null {
  const letter = parseObject(value);
  if (letter === null) return null;
  const { code, detail, attempt, arrivedAtMs, value: encoded } = letter;
  const coordinate = parseCoordinate(letter['coordinate']);
  const headers = parseHeaders(letter['headers']);
  const organization =
    typeof letter['organization'] === 'string' ? parseOrganizationId(letter['organization']) : null;
  if (letter['organization'] !== null && organization === null) return null;
  if (coordinate === null || headers === null || typeof code !== 'string' || !isErrorCode(code)) return null;
  if (typeof detail !== 'string' || !isCount(attempt) || !isCount(arrivedAtMs) || typeof encoded !== 'string')
    return null;
  const bytes = Buffer.from(encoded, 'base64');
  return { organization, coordinate, code, detail, attempt, arrivedAtMs, headers, value: bytes };
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERROR_CODES, code);
}

function parseCoordinate(value: unknown): DeadLetter['coordinate'] | null {
  if (typeof value !== 'object' || value === null) return null;
  const { topic, partition, offset } = value as Record<string, unknown>;
  return typeof topic === 'string' && isCount(partition) && isCount(offset)
    ? { topic, partition, offset }
    : null;
}

function parseHeaders(value: unknown): Readonly<Record<string, string>> | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  return Object.values(value).every((text) => typeof text === 'string')
    ? (value as Record<string, string>)
    : null;
}
