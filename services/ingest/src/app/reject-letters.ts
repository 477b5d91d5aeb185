/** What ingest refuses becomes dead letters, so that its owner can find, mend and send it again. */
import type { OutgoingRecord } from '@tidemark/bus';
import {
  DEAD_LETTER_VALUE_BYTES_MAX,
  encodeDeadLetter,
  rejectedLetterId,
  type DeadLetter,
  type EventContext,
  type EventReject,
  type RejectedItem,
} from '@tidemark/contracts';
import type { Telemetry } from '@tidemark/runtime';
import type { OrganizationId } from '@tidemark/core';
import { refill, type RefillRate, type TokenBucket } from '../domain/token-bucket.ts';

const MEBIBYTE = 1024 * 1024;

export interface LetterLimits {
  readonly perRequestMax: number;
  /** Of one organization, by each process: a flood of garbage must not fill the topic. */
  readonly perOrganization: RefillRate;
  /** The same in bytes of what was sent: a letter may hold half a megabyte. */
  readonly bytesPerOrganization: RefillRate;
}

export const DEFAULT_LETTER_LIMITS: LetterLimits = {
  perRequestMax: 1_000,
  perOrganization: { perSecond: 200, burst: 2_000 },
  bytesPerOrganization: { perSecond: 2 * MEBIBYTE, burst: 16 * MEBIBYTE },
};

/** Of one item. */
const FAULTS_TOLD_MAX = 10;
/** Allowances kept; full ones are forgotten beyond it, which changes nothing. */
const ALLOWANCES_MAX = 1_000;

/** Of which event an item was to become; null: it says so itself. */
export interface ItemOrigin {
  readonly eventType: string;
  readonly eventSource: string;
}

export interface RejectLetters {
  /** Records of `DEAD_LETTERS_TOPIC`. Takes from the allowance of the organization; what exceeds it is counted and not kept. */
  toRecords(
    rejected: readonly RejectedItem[],
    context: EventContext,
    origin: ItemOrigin | null,
  ): readonly OutgoingRecord[];
}

interface Allowance {
  readonly letters: TokenBucket;
  readonly bytes: TokenBucket;
}

export function createRejectLetters(limits: LetterLimits, telemetry: Telemetry): RejectLetters {
  const { perOrganization: letterRate, bytesPerOrganization: byteRate } = limits;
  const allowances = new Map<OrganizationId, Allowance>();

  function allowanceOf(organization: OrganizationId, nowMs: number): Allowance {
    const full = {
      letters: { tokens: letterRate.burst, atMs: nowMs },
      bytes: { tokens: byteRate.burst, atMs: nowMs },
    };
    const { letters, bytes } = allowances.get(organization) ?? full;
    return { letters: refill(letters, letterRate, nowMs), bytes: refill(bytes, byteRate, nowMs) };
  }

  /** The first of them, as many as the allowance has letters and bytes for. */
  function take(
    organization: OrganizationId,
    rejected: readonly RejectedItem[],
    nowMs: number,
  ): readonly RejectedItem[] {
    const { letters, bytes } = allowanceOf(organization, nowMs);
    const countMax = Math.min(limits.perRequestMax, Math.floor(letters.tokens));
    const granted: RejectedItem[] = [];
    let bytesLeft = bytes.tokens;
    for (const item of rejected.slice(0, countMax)) {
      const size = Math.min(item.sent.length, DEAD_LETTER_VALUE_BYTES_MAX);
      if (size > bytesLeft) break;
      bytesLeft -= size;
      granted.push(item);
    }
    allowances.set(organization, {
      letters: { ...letters, tokens: letters.tokens - granted.length },
      bytes: { ...bytes, tokens: bytesLeft },
    });
    if (allowances.size > ALLOWANCES_MAX) forgetFull(nowMs);
    return granted;
  }

  function forgetFull(nowMs: number): void {
    for (const organization of allowances.keys()) {
      const { letters, bytes } = allowanceOf(organization, nowMs);
      if (letters.tokens >= letterRate.burst && bytes.tokens >= byteRate.burst)
        allowances.delete(organization);
    }
  }

  return {
    toRecords(rejected, context, origin) {
      if (rejected.length === 0) return [];
      const granted = take(context.organization, rejected, context.receivedAtMs);
      const skipped = rejected.length - granted.length;
      if (skipped > 0) telemetry.increment('tidemark_ingest_letters_skipped_total', skipped);
      // One letter for copies within a request.
      const letters = new Map<string, DeadLetter>();
      for (const item of granted) {
        const letter = toLetter(item, context, origin);
        letters.set(letter.id, letter);
      }
      return [...letters.values()].map((letter) => ({
        key: letter.id,
        value: encodeDeadLetter(letter),
        headers: {},
        timestampMs: letter.arrivedAtMs,
      }));
    },
  };
}

function toLetter(
  { reject, sent }: RejectedItem,
  { organization, receivedAtMs, limits }: EventContext,
  origin: ItemOrigin | null,
): DeadLetter {
  const { code } = reject;
  const isCut = sent.length > DEAD_LETTER_VALUE_BYTES_MAX;
  const item = isCut ? {} : readItem(sent);
  return {
    id: rejectedLetterId({ organization, code, arrivedAtMs: receivedAtMs }, sent),
    organization,
    stage: 'ingest',
    code,
    detail: isCut
      ? `${tellFaults(reject)} (of ${sent.length} bytes, ${DEAD_LETTER_VALUE_BYTES_MAX} are kept)`
      : tellFaults(reject),
    attempt: 1,
    arrivedAtMs: receivedAtMs,
    eventType: origin?.eventType ?? textOf(item['type'], limits.typeLengthMax),
    eventSource: origin?.eventSource ?? textOf(item['source'], limits.sourceLengthMax),
    eventId: textOf(item['id'], limits.idLengthMax),
    headers: {},
    value: isCut ? sent.subarray(0, DEAD_LETTER_VALUE_BYTES_MAX) : sent,
  };
}

function tellFaults({ faults }: EventReject): string {
  const told = faults.slice(0, FAULTS_TOLD_MAX).map(({ pointer, detail }) => `${pointer} ${detail}`.trim());
  const more = faults.length - told.length;
  return `${told.join('; ')}${more > 0 ? ` (and ${more} more)` : ''}`;
}

/** As far as it is a JSON object. */
function readItem(sent: Buffer): Readonly<Record<string, unknown>> {
  let item: unknown;
  try {
    item = JSON.parse(sent.toString('utf8'));
  } catch {
    // Malformed lines and bytes that are no text are among what is refused.
    return {};
  }
  return typeof item === 'object' && item !== null ? (item as Readonly<Record<string, unknown>>) : {};
}

/** Well-formed and bounded, whatever was sent. */
function textOf(value: unknown, lengthMax: number): string {
  if (typeof value !== 'string') return '';
  return value.slice(0, lengthMax).replaceAll(/\p{Surrogate}/gu, '\ufffd');
}
