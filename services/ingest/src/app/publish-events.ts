import type { Bus } from '@tidemark/bus';
import { encodeEventRecord, EVENTS_TOPIC, type DecodedEvent } from '@tidemark/contracts';
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
 * Resolves when every event is durable. Events with one identity are all published: telling copies apart is the aggregator's
 * work, which sees all instances. On rejection some may have been published; the same events sent again count once.
 *
 * @param receivedAtMs becomes the timestamp of the records
 * @throws bus-unavailable, within the publish time-out of the bus
 */
export async function publishEvents(
  events: readonly DecodedEvent[],
  receivedAtMs: number,
  dependencies: PublishDependencies,
): Promise<void> {
  if (events.length === 0) return;
  const { bus, clock, telemetry } = dependencies;
  const startedAtMs = clock.nowMs();
  try {
    await bus.publish(
      EVENTS_TOPIC,
      events.map((event) => encodeEventRecord(event, receivedAtMs)),
    );
  } catch (error) {
    if (!isAppError(error, 'bus-unavailable')) throw error;
    throw new AppError('bus-unavailable', 'the events are not durable; send them again with the same ids', {
      cause: error,
      retryAfterSeconds: RETRY_AFTER_SECONDS,
    });
  }
  telemetry.observe('tidemark_ingest_publish_duration_seconds', (clock.nowMs() - startedAtMs) / SECOND_MS);
  telemetry.increment('tidemark_ingest_events_accepted_total', events.length);
}
