/** From records of the bus to what is stored, dropped and buried: pure, so a replay gives the same. */
import { DAY_MS, MINUTE_MS } from '@tidemark/core';
import type { ErrorCode, OrganizationId } from '@tidemark/core';
import { recordBytes, type BusRecord } from '@tidemark/bus';
import { decodeEventRecord } from '@tidemark/contracts';
import type { DecodedEvent } from '@tidemark/contracts';
import { identityKey, identityOf } from './identity.ts';
import type { Identity } from './identity.ts';

/** An event of the batch that is not a copy of an earlier one of the same batch. */
export interface Candidate {
  readonly event: DecodedEvent;
  readonly identity: Identity;
  readonly key: string;
  readonly offset: number;
  readonly receivedAtMs: number;
}

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
  readonly recordCount: number;
  readonly records: readonly BusRecord[];
  readonly candidates: readonly Candidate[];
  /** Copies within the batch. */
  readonly duplicateCount: number;
  readonly poison: readonly Poison[];
  /** The latest arrival in the batch, ms since the epoch. */
  readonly arrivedThroughMs: number;
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
  const candidates: Candidate[] = [];
  const poison: Poison[] = [];
  const seen = new Set<string>();
  let duplicateCount = 0;
  let arrivedThroughMs = Number.NEGATIVE_INFINITY;
  for (const record of records) {
    arrivedThroughMs = Math.max(arrivedThroughMs, record.timestampMs);
    const decoded = decodeEventRecord(record);
    if (!decoded.ok) {
      poison.push({ record, organization: null, code: decoded.code, detail: decoded.detail });
      continue;
    }
    const { event } = decoded;
    const key = identityKey(event.organization, event.source, event.id);
    if (seen.has(key)) {
      duplicateCount += 1;
      continue;
    }
    seen.add(key);
    candidates.push({
      event,
      key,
      identity: identityOf(event.organization, event.source, event.id),
      offset: record.offset,
      receivedAtMs: record.timestampMs,
    });
  }
  return {
    from: records[0]?.offset ?? 0,
    to: records.at(-1)?.offset ?? 0,
    recordCount: records.length,
    records,
    candidates,
    duplicateCount,
    poison,
    arrivedThroughMs,
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
