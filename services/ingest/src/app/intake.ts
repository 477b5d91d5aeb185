/** From a parsed request to events in the bus and dead letters beside them, and to the books. */
import type { Bus, Coordinate } from '@tidemark/bus';
import type { EventContext, EventReject, ParsedEvents } from '@tidemark/contracts';
import { assertThat, type Clock } from '@tidemark/core';
import type { Telemetry } from '@tidemark/runtime';
import type { Backpressure } from './backpressure.ts';
import { publishEvents } from './publish-events.ts';
import type { Receipts } from './receipts.ts';
import type { ItemOrigin, RejectLetters } from './reject-letters.ts';

/** What is left of a request once its events are durable. */
export interface TakenEvents {
  readonly received: number;
  readonly accepted: number;
  readonly rejects: readonly EventReject[];
}

export interface PublishedEvent {
  /** Position in the request. */
  readonly index: number;
  readonly id: string;
  readonly coordinate: Coordinate;
}

export interface IntakeDependencies {
  readonly bus: Pick<Bus, 'publish'>;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly backpressure: Backpressure;
  readonly receipts: Receipts;
  readonly letters: RejectLetters;
}

/** Resolves when all of it is durable, with the coordinates of the accepted events. @throws rate-limited, bus-unavailable */
export async function takeEvents(
  { received, events, rejected }: ParsedEvents,
  context: EventContext,
  origin: ItemOrigin | null,
  dependencies: IntakeDependencies,
): Promise<{ readonly taken: TakenEvents; readonly coordinates: readonly Coordinate[] }> {
  const { telemetry, backpressure, receipts, letters } = dependencies;
  const { organization, receivedAtMs } = context;
  backpressure.take(organization, events.length);
  const records = letters.toRecords(rejected, context, origin);
  const coordinates = await publishEvents(events, records, receivedAtMs, dependencies);
  backpressure.noteAccepted(organization, events.length);
  receipts.note(organization, receivedAtMs, { acknowledged: events.length, rejected: rejected.length });
  const rejects = rejected.map(({ reject }) => reject);
  for (const { code } of rejects) telemetry.increment('tidemark_ingest_events_rejected_total', 1, { code });
  return { taken: { received, accepted: events.length, rejects }, coordinates };
}

/** In the order of the request; holds on to nothing of the events but their ids. */
export function nameEvents(
  { received, events, rejected }: ParsedEvents,
  coordinates: readonly Coordinate[],
): readonly PublishedEvent[] {
  const refused = new Set(rejected.map(({ reject }) => reject.index));
  const indexes = Array.from({ length: received }, (_none, index) => index).filter(
    (index) => !refused.has(index),
  );
  return events.map(({ id }, position) => {
    const index = indexes[position];
    const coordinate = coordinates[position];
    assertThat(index !== undefined && coordinate !== undefined, 'each accepted event has a coordinate');
    return { index, id, coordinate };
  });
}
