import type { AssignedPartition } from '@tidemark/bus';
import { assertThat, parseOrganizationId } from '@tidemark/core';
import { DEAD_LETTER_VALUE_BYTES_MAX, deadLetterId, HEADER_ATTEMPT } from '@tidemark/contracts';
import type { DeadLetter } from '@tidemark/contracts';
import type { EventBatch, EventRow } from '@tidemark/warehouse';
import type { Candidate, Poison } from '../domain/batch.ts';
import type { Intent } from '../domain/batch-work.ts';
import { identityText } from '../domain/identity.ts';

type Ref = Pick<AssignedPartition, 'topic' | 'partition'>;

/** Everything in a row comes from the record, nothing from this process: a replay gives the same row. */
export function toEventBatch({ topic, partition }: Ref, rows: readonly Candidate[]): EventBatch {
  return {
    topic,
    partition,
    rows: rows.map(
      ({ event, identity, content, offset, receivedAtMs }): EventRow => ({
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
        content: String(content),
        offset,
      }),
    ),
  };
}

/** A larger value is cut, and the detail says so: where it stands is told by the coordinate. */
export function toDeadLetter({ topic, partition }: Ref, poison: Poison): DeadLetter {
  const { record, organization, code } = poison;
  const isCut = record.value.length > DEAD_LETTER_VALUE_BYTES_MAX;
  const detail = isCut
    ? `${poison.detail} (of ${record.value.length} bytes, ${DEAD_LETTER_VALUE_BYTES_MAX} are kept)`
    : poison.detail;
  const { headers } = record;
  const attempt = Number(headers[HEADER_ATTEMPT] ?? 1);
  return {
    id: deadLetterId({ topic, partition, offset: record.offset }),
    organization,
    stage: 'aggregator',
    code,
    detail,
    attempt: Number.isSafeInteger(attempt) && attempt > 0 ? attempt : 1,
    arrivedAtMs: record.timestampMs,
    eventType: headers['ce_type'] ?? '',
    eventSource: headers['ce_source'] ?? '',
    eventId: headers['ce_id'] ?? '',
    headers,
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
    content: 0,
    offset: 0,
    receivedAtMs: nowMs,
  };
}

/** What is kept with the committed offset, in one atomic step with it. */
export interface CommitMetadata {
  /** Behind the last row of the partition in raw when it was made. */
  readonly rawThrough: number;
  /** The insert that is about to be sent. */
  readonly intent: Intent | null;
}

export function commitMetadataText({ rawThrough, intent }: CommitMetadata): string {
  return JSON.stringify({ v: 2, raw: rawThrough, intent });
}

/** Also what releases without intents have written (version 1). An unknown version is a newer release's: a bug to go on with. */
export function parseCommitMetadata(metadata: string): CommitMetadata {
  if (metadata === '') return { rawThrough: 0, intent: null };
  const parsed = JSON.parse(metadata) as Readonly<Record<string, unknown>>;
  if (parsed['v'] === 1) return { rawThrough: toOffset(parsed['rawThrough'], metadata), intent: null };
  assertThat(parsed['v'] === 2, `commit metadata ${metadata} is of a version known here`);
  const intent = parsed['intent'] as Readonly<Record<string, unknown>> | null;
  return {
    rawThrough: toOffset(parsed['raw'], metadata),
    intent:
      intent === null
        ? null
        : {
            from: toOffset(intent['from'], metadata),
            to: toOffset(intent['to'], metadata),
            rows: toOffset(intent['rows'], metadata),
            present: toOffset(intent['present'], metadata),
          },
  };
}

function toOffset(value: unknown, metadata: string): number {
  assertThat(Number.isSafeInteger(value) && Number(value) >= 0, `commit metadata ${metadata} is ours`);
  return Number(value);
}
