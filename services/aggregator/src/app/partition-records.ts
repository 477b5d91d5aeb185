import type { AssignedPartition } from '@tidemark/bus';
import type { DeadLetter } from '@tidemark/contracts';
import type { EventBatch, EventRow } from '@tidemark/warehouse';
import type { Candidate, Poison } from '../domain/batch.ts';
import { identityText } from '../domain/identity.ts';

type Ref = Pick<AssignedPartition, 'topic' | 'partition'>;

/** Everything in a row comes from the record, nothing from this process: a replay gives the same row. */
export function toEventBatch(
  { topic, partition }: Ref,
  rows: readonly Candidate[],
  token: string,
): EventBatch {
  return {
    topic,
    partition,
    token: `${topic}:${partition}:${token}`,
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
