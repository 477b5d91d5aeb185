import { AppError } from '@tidemark/core';
import type { LetterCursor, LetterHead, StoredLetter } from '@tidemark/warehouse';
import { eventOfLetter } from '../domain/letter-event.ts';
import { toInstant } from './ranges.ts';

export function toHead(letter: LetterHead) {
  return {
    id: letter.id,
    organization: letter.organization,
    stage: letter.stage,
    code: letter.code,
    detail: letter.detail,
    eventType: orNull(letter.eventType),
    eventSource: orNull(letter.eventSource),
    eventId: orNull(letter.eventId),
    arrivedAt: toInstant(letter.arrivedAtMs),
    attempt: letter.attempt,
    state: letter.state,
    changedAt: toInstant(letter.changedAtMs),
    replay: toReplay(letter.replay),
  };
}

function toReplay(replay: LetterHead['replay']) {
  return replay === null ? null : { since: toInstant(replay.sinceMs), source: replay.source, id: replay.id };
}

export function toLetter(letter: StoredLetter) {
  const found = eventOfLetter(letter);
  return {
    ...toHead(letter),
    headers: { ...letter.headers },
    ...(found === null ? { valueBase64: letter.value.toString('base64') } : { event: found.event }),
  };
}

function orNull(text: string): string | null {
  return text === '' ? null : text;
}

export function encodeCursor({ arrivedAtMs, id }: LetterCursor): string {
  return Buffer.from(JSON.stringify([arrivedAtMs, id])).toString('base64url');
}

/** @throws invalid-request when the text is no cursor of ours */
export function decodeCursor(text: string | undefined): LetterCursor | null {
  if (text === undefined) return null;
  const [arrivedAtMs, id] = parseArray(Buffer.from(text, 'base64url').toString('utf8'));
  if (typeof arrivedAtMs === 'number' && Number.isSafeInteger(arrivedAtMs) && typeof id === 'string') {
    return { arrivedAtMs, id };
  }
  const detail = 'is not the cursor of an earlier answer';
  throw new AppError('invalid-request', `cursor ${detail}`, {
    faults: [{ code: 'invalid-request', pointer: '/cursor', detail }],
  });
}

function parseArray(text: string): readonly unknown[] {
  try {
    const parsed: unknown = JSON.parse(text);
    return Array.isArray(parsed) ? parsed : [];
  } catch {
    // Whatever it is, it is refused as one that is no cursor.
    return [];
  }
}
