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

export function toDeadLetter({ topic, partition }: Ref, poison: Poison): DeadLetter {
  const { record, organization, code, detail } = poison;
  return {
    organization,
    coordinate: { topic, partition, offset: record.offset },
    code,
    detail,
    attempt: 1,
    arrivedAtMs: record.timestampMs,
    headers: record.headers,
    value: record.value,
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
