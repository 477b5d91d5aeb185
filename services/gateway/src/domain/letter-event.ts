/** From a dead letter to the record that takes its event into the log again. */
import { isUtf8 } from 'node:buffer';
import type { ErrorCode, Fault, OrganizationId } from '@tidemark/core';
import { encodeEventRecord, HEADER_ATTEMPT, parseStructuredEvent } from '@tidemark/contracts';
import type { EncodedRecord, EventLimits } from '@tidemark/contracts';
import type { StoredLetter } from '@tidemark/warehouse';

const ATTRIBUTE_PREFIX = 'ce_';
/** Of the JSON format: a header of that name is no attribute, and must not stand in for the data. */
const DATA_MEMBERS: ReadonlySet<string> = new Set(['data', 'data_base64', 'datacontenttype']);

/**
 * The CloudEvent of a letter, as far as it can be told: what ingest refused is kept as it was sent; of a record, the attributes are in
 * its headers and the value is the data. Null when the value is no JSON text.
 */
export function eventOfLetter(
  letter: Pick<StoredLetter, 'stage' | 'headers' | 'value'>,
): { readonly event: unknown } | null {
  const parsed = parseJson(letter.value);
  if (parsed === null || letter.stage === 'ingest') return parsed;
  const attributes = Object.entries(letter.headers).flatMap(([header, text]) => {
    const name = header.slice(ATTRIBUTE_PREFIX.length);
    return header.startsWith(ATTRIBUTE_PREFIX) && !DATA_MEMBERS.has(name) ? [[name, text] as const] : [];
  });
  return { event: { ...Object.fromEntries(attributes), data: parsed.event } };
}

function parseJson(bytes: Buffer): { readonly event: unknown } | null {
  if (!isUtf8(bytes)) return null;
  try {
    return { event: JSON.parse(bytes.toString('utf8')) as unknown };
  } catch {
    // Not JSON: the letter shows its bytes instead.
    return null;
  }
}

export interface ReplayContext {
  /** Of the letter: never the asker's. */
  readonly organization: OrganizationId;
  readonly nowMs: number;
  readonly limits: EventLimits;
}

export type Replayable =
  | {
      readonly ok: true;
      readonly record: EncodedRecord;
      readonly attempt: number;
      /** Of the event: with its organization, what copies are told by. */
      readonly source: string;
      readonly id: string;
    }
  | {
      readonly ok: false;
      readonly code: ErrorCode;
      readonly detail: string;
      readonly faults: readonly Fault[];
    };

/**
 * Parses the event as ingest would. An event without a time happened when it first arrived, not when it is replayed, so that it counts in
 * its own bucket and a second replay says the same as the first.
 *
 * @param mended instead of what the letter holds; null: that
 */
export function prepareReplay(
  letter: StoredLetter,
  mended: { readonly event: unknown } | null,
  { organization, nowMs, limits }: ReplayContext,
): Replayable {
  const found = mended ?? eventOfLetter(letter);
  if (found === null) {
    const detail = 'the letter holds no JSON text: send the mended event with the replay';
    return { ok: false, code: 'record-unreadable', detail, faults: [] };
  }
  const event = withTime(found.event, letter.arrivedAtMs);
  const outcome = parseStructuredEvent(event, 0, { organization, receivedAtMs: nowMs, limits });
  if (!outcome.ok) {
    const { code, detail, faults } = outcome.reject;
    return { ok: false, code, detail, faults };
  }
  const attempt = letter.attempt + 1;
  const record = encodeEventRecord(outcome.event, nowMs);
  const headers = { ...record.headers, [HEADER_ATTEMPT]: String(attempt) };
  const { source, id } = outcome.event;
  return { ok: true, record: { ...record, headers }, attempt, source, id };
}

function withTime(event: unknown, arrivedAtMs: number): unknown {
  if (typeof event !== 'object' || event === null || Array.isArray(event)) return event;
  const { time } = event as { readonly time?: unknown };
  return time === undefined || time === null
    ? { ...event, time: new Date(arrivedAtMs).toISOString() }
    : event;
}
