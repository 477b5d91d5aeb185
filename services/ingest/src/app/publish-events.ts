import type { Bus, Coordinate, OutgoingRecord } from '@tidemark/bus';
import { DEAD_LETTERS_TOPIC, encodeEventRecord, EVENTS_TOPIC, type DecodedEvent } from '@tidemark/contracts';
import { AppError, isAppError, SECOND_MS, type Clock } from '@tidemark/core';
import type { Telemetry } from '@tidemark/runtime';

/** A broker's leader election takes a few seconds. */
const RETRY_AFTER_SECONDS = 2;

export interface PublishDependencies {
  readonly bus: Pick<Bus, 'publish'>;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
}

/**
 * Resolves when every event and every letter is durable, with the coordinates of the events in their order. Events with one
 * identity are all published: telling copies apart is the aggregator's work, which sees all instances. On rejection some may have
 * been published, and nothing is under way any more; the same events sent again count once. What is refused then becomes letters of its own
 * again: their ids hold the arrival of their request.
 *
 * @param receivedAtMs becomes the timestamp of the records
 * @throws bus-unavailable, within the publish time-out of the bus
 */
export async function publishEvents(
  events: readonly DecodedEvent[],
  letters: readonly OutgoingRecord[],
  receivedAtMs: number,
  dependencies: PublishDependencies,
): Promise<readonly Coordinate[]> {
  if (events.length === 0 && letters.length === 0) return [];
  const { bus, clock, telemetry } = dependencies;
  const startedAtMs = clock.nowMs();
  const publish = async (topic: string, records: readonly OutgoingRecord[]) =>
    records.length === 0 ? [] : await bus.publish(topic, records);
  const records = events.map((event) => encodeEventRecord(event, receivedAtMs));
  const [ofEvents, ofLetters] = await Promise.allSettled([
    publish(EVENTS_TOPIC, records),
    publish(DEAD_LETTERS_TOPIC, letters),
  ]);
  if (ofEvents.status === 'rejected') throw toRefusal(ofEvents.reason);
  if (ofLetters.status === 'rejected') throw toRefusal(ofLetters.reason);
  telemetry.observe('tidemark_ingest_publish_duration_seconds', (clock.nowMs() - startedAtMs) / SECOND_MS);
  telemetry.increment('tidemark_ingest_events_accepted_total', events.length);
  telemetry.increment('tidemark_ingest_letters_published_total', letters.length);
  return ofEvents.value;
}

function toRefusal(error: unknown): unknown {
  if (!isAppError(error, 'bus-unavailable')) return error;
  return new AppError('bus-unavailable', 'the events are not durable; send them again with the same ids', {
    cause: error,
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  });
}
