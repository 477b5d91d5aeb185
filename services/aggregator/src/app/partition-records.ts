import type { AssignedPartition } from '@tidemark/bus';
import { assertThat, parseOrganizationId } from '@tidemark/core';
import type { DeadLetter } from '@tidemark/contracts';
import type { EventBatch, EventRow } from '@tidemark/warehouse';
import type { Candidate, Poison } from '../domain/batch.ts';
import { identityText } from '../domain/identity.ts';

type Ref = Pick<AssignedPartition, 'topic' | 'partition'>;

/** Everything in a row comes from the record, nothing from this process: a replay gives the same row. */
export function toEventBatch({ topic, partition }: Ref, rows: readonly Candidate[]): EventBatch {
  return {
    topic,
    partition,
    rows: rows.map(
      ({ event, identity, offset, receivedAtMs }): EventRow => ({
        organization: event.organization,
        type: event.type,
        timeText: event.timeText,
        id: event.id,
        source: event.source,
        subject: event.subject,
        dataText: event.dataText,
        extensions: event.extensions,
        receivedAtMs,
        identity: identityText(identity),
        offset,
      }),
    ),
  };
}

/** Of the value of a dead letter, which travels as base64 within the bus' bound of a record; no event of ingest is larger. */
const DEAD_LETTER_VALUE_BYTES_MAX = 600 * 1024;

/** A larger value is cut, and the detail says so: where it stands is told by the coordinate. */
export function toDeadLetter({ topic, partition }: Ref, poison: Poison): DeadLetter {
  const { record, organization, code } = poison;
  const isCut = record.value.length > DEAD_LETTER_VALUE_BYTES_MAX;
  const detail = isCut
    ? `${poison.detail} (of ${record.value.length} bytes, ${DEAD_LETTER_VALUE_BYTES_MAX} are kept)`
    : poison.detail;
  return {
    organization,
    coordinate: { topic, partition, offset: record.offset },
    code,
    detail,
    attempt: 1,
    arrivedAtMs: record.timestampMs,
    headers: record.headers,
    value: isCut ? record.value.subarray(0, DEAD_LETTER_VALUE_BYTES_MAX) : record.value,
  };
}

/** A row that the table must take, whatever producers send. Only ever probed, never stored. */
export function ownRow(nowMs: number): Candidate {
  const organization = parseOrganizationId('tidemark');
  assertThat(organization !== null, 'a constant organization id');
  return {
    event: {
      organization,
      id: 'probe',
      source: 'urn:tidemark:aggregator',
      type: 'tidemark.probe',
      subject: null,
      timeMs: nowMs,
      timeText: new Date(nowMs).toISOString(),
      extensions: {},
      dataText: '{}',
    },
    identity: { high: 0, low: 0 },
    key: 'probe',
    offset: 0,
    receivedAtMs: nowMs,
  };
}

/** The metadata of a commit: behind which offset raw held rows of this partition when it was made. */
export function vouchedForText(offset: number): string {
  return JSON.stringify({ v: 1, rawThrough: offset });
}

/** 0 when nothing was vouched for. */
export function parseVouchedFor(metadata: string): number {
  if (metadata === '') return 0;
  const parsed: unknown = JSON.parse(metadata);
  assertThat(
    typeof parsed === 'object' &&
      parsed !== null &&
      'rawThrough' in parsed &&
      Number.isSafeInteger(parsed.rawThrough),
    `commit metadata ${metadata}`,
  );
  return Number(parsed.rawThrough);
}
