/**
 * Cursors: where a page of groups ended. The next page holds what ranks behind that place, so groups that come in between neither push
 * others out of it nor are shown twice; one whose rank changes may be met on two pages or on none.
 *
 * A cursor belongs to its question, and keeps the instant of the first page: relative ranges mean the same on all pages.
 */
import { createHash } from 'node:crypto';
import type { Report } from './faults.ts';
import { CURSOR_LENGTH_MAX } from './limits.ts';

const VERSION = 1;

/** A place in the ranking. */
export interface RankPlace {
  /** As the ranking wrote it; null for groups without a value. */
  readonly rank: string | null;
  readonly group: readonly string[];
}

export interface Cursor extends RankPlace {
  /** When the first page was asked. */
  readonly nowMs: number;
}

/** @returns opaque to everybody else */
export function writeCursor({ nowMs, rank, group }: Cursor, question: string): string {
  return Buffer.from(JSON.stringify([VERSION, question, nowMs, rank, group])).toString('base64url');
}

export interface ReadCursor extends Cursor {
  /** `questionHash` of the question it continues. */
  readonly question: string;
}

/** Null when there is none, or no readable one (reported). */
export function readCursor(text: string | undefined, report: Report): ReadCursor | null {
  if (text === undefined) return null;
  const parts = text.length > CURSOR_LENGTH_MAX ? null : partsOf(text);
  if (parts === null) {
    report('/cursor', 'is no cursor: expected the nextCursor of an answer, unchanged');
    return null;
  }
  const [version, question, nowMs, rank, group] = parts;
  if (version !== VERSION) {
    report('/cursor', 'was written by another release: ask for the first page again');
    return null;
  }
  const isReadable =
    typeof question === 'string' &&
    Number.isSafeInteger(nowMs) &&
    (rank === null || typeof rank === 'string') &&
    Array.isArray(group) &&
    group.every((value) => typeof value === 'string');
  if (isReadable) return { question, nowMs: Number(nowMs), rank, group };
  report('/cursor', 'is no cursor: expected the nextCursor of an answer, unchanged');
  return null;
}

function partsOf(text: string): unknown[] | null {
  try {
    const parts: unknown = JSON.parse(Buffer.from(text, 'base64url').toString());
    return Array.isArray(parts) ? parts : null;
  } catch {
    return null;
  }
}

/** Equal for the pages of one question: of everything that a resolved one asks but the size of a page and the place in the ranking. */
export function questionHash(resolved: {
  readonly limit: number;
  readonly after: Cursor | null;
  readonly nowMs: number;
}): string {
  const question = { ...resolved, limit: null, after: null, nowMs: null };
  return createHash('sha256').update(JSON.stringify(question)).digest('base64url');
}
