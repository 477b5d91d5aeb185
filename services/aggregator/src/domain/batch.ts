/** From records of the bus to what is stored, dropped and buried: pure, so a replay gives the same. */
import { assertThat, DAY_MS, MINUTE_MS, parseOrganizationId } from '@tidemark/core';
import type { ErrorCode, OrganizationId } from '@tidemark/core';
import { recordBytes, type BusRecord } from '@tidemark/bus';
import { decodeEventRecord, HEADER_ORGANIZATION } from '@tidemark/contracts';
import type { DecodedEvent } from '@tidemark/contracts';
import { contentOf } from './content.ts';
import { identityKey, identityOf } from './identity.ts';
import type { Identity } from './identity.ts';

/** An event of the batch that is not a copy of an earlier one of the same batch. */
export interface Candidate {
  readonly event: DecodedEvent;
  readonly identity: Identity;
  readonly key: string;
  /** See `contentOf`. */
  readonly content: number;
  readonly offset: number;
  readonly receivedAtMs: number;
}

/** An event whose identity came up before in the batch. */
export type Copy = Pick<Candidate, 'key' | 'content' | 'offset'> & { readonly organization: OrganizationId };

/** A record that will never become a row. */
export interface Poison {
  readonly record: BusRecord;
  readonly organization: OrganizationId | null;
  readonly code: ErrorCode;
  readonly detail: string;
}

export interface Batch {
  /** First and last offset, both included; every offset between them is accounted for. */
  readonly from: number;
  readonly to: number;
  readonly records: readonly BusRecord[];
  readonly candidates: readonly Candidate[];
  /** Of candidates of this batch. */
  readonly copies: readonly Copy[];
  readonly poison: readonly Poison[];
  /** The latest arrival in the batch, ms since the epoch. */
  readonly arrivedThroughMs: number;
  /** The UTC day of arrival that all records share: its start. */
  readonly dayMs: number;
}

/** What one insert may carry, as bytes of its records; one block of the engine holds several times as much. */
export const BATCH_BYTES_MAX = 32 * 1024 * 1024;

/**
 * The longest prefix that one insert may carry: records that arrived on one UTC day (an insert must touch one partition of raw
 * to be atomic), of at most `BATCH_BYTES_MAX` bytes together. Returns how many records; at least 1 unless there are none.
 */
export function batchPrefix(records: readonly BusRecord[]): number {
  const first = records[0];
  if (first === undefined) return 0;
  const day = Math.floor(first.timestampMs / DAY_MS);
  let bytes = 0;
  const end = records.findIndex((record, index) => {
    bytes += recordBytes(record);
    return index > 0 && (bytes > BATCH_BYTES_MAX || Math.floor(record.timestampMs / DAY_MS) !== day);
  });
  return end === -1 ? records.length : end;
}

/** @param records at least one, in offset order, of one arrival day */
export function formBatch(records: readonly BusRecord[]): Batch {
  const first = records[0];
  const last = records.at(-1);
  assertThat(first !== undefined && last !== undefined, 'a batch holds a record');
  const candidates = new Map<string, Candidate>();
  const copies: Copy[] = [];
  const poison: Poison[] = [];
  let arrivedThroughMs = Number.NEGATIVE_INFINITY;
  for (const record of records) {
    arrivedThroughMs = Math.max(arrivedThroughMs, record.timestampMs);
    const decoded = decodeEventRecord(record);
    if (!decoded.ok) {
      const organization = parseOrganizationId(record.headers[HEADER_ORGANIZATION] ?? '');
      poison.push({ record, organization, code: decoded.code, detail: decoded.detail });
      continue;
    }
    const candidate = toCandidate(decoded.event, record);
    const { key, content, offset } = candidate;
    if (candidates.has(key))
      copies.push({ key, content, offset, organization: candidate.event.organization });
    else candidates.set(key, candidate);
  }
  return {
    from: first.offset,
    to: last.offset,
    records,
    candidates: [...candidates.values()],
    copies,
    poison,
    arrivedThroughMs,
    dayMs: Math.floor(first.timestampMs / DAY_MS) * DAY_MS,
  };
}

function toCandidate(event: DecodedEvent, record: BusRecord): Candidate {
  return {
    event,
    key: identityKey(event.organization, event.source, event.id),
    identity: identityOf(event.organization, event.source, event.id),
    content: contentOf(event),
    offset: record.offset,
    receivedAtMs: record.timestampMs,
  };
}

export interface TouchedMinute {
  readonly organization: OrganizationId;
  readonly minuteMs: number;
}

/** Each (organization, minute of event time) once. */
export function touchedMinutes(candidates: readonly Candidate[]): readonly TouchedMinute[] {
  const byOrganization = new Map<OrganizationId, Set<number>>();
  for (const { event } of candidates) {
    const minutes = byOrganization.get(event.organization) ?? new Set<number>();
    minutes.add(Math.floor(event.timeMs / MINUTE_MS) * MINUTE_MS);
    byOrganization.set(event.organization, minutes);
  }
  return [...byOrganization].flatMap(([organization, minutes]) =>
    [...minutes].map((minuteMs) => ({ organization, minuteMs })),
  );
}

/** Starts of minutes by organization, ascending. */
export function minutesByOrganization(
  touched: readonly TouchedMinute[],
): ReadonlyMap<OrganizationId, readonly number[]> {
  const grouped = new Map<OrganizationId, number[]>();
  for (const { organization, minuteMs } of touched) {
    const minutes = grouped.get(organization);
    if (minutes === undefined) grouped.set(organization, [minuteMs]);
    else minutes.push(minuteMs);
  }
  for (const minutes of grouped.values()) minutes.sort((a, b) => a - b);
  return grouped;
}
