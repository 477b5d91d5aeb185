import { type JsonObject, MINUTE_MS } from '@tidemark/core';
import { drawHttpEvent } from './http-events.ts';
import { type Incident, type IncidentKind, incidentsBetween } from './incidents.ts';
import { drawLlmEvent } from './llm-events.ts';
import { createRandom, poisson } from './random.ts';
import { loadAt } from './season.ts';

/** The long-run mean of each pack; 14 days of both make about 400,000 events. */
const EVENTS_PER_MINUTE = 10;
const TRAFFIC_LEFT_IN_DROP = 0.1;

const PACKS = [
  { pack: 'llm', draw: drawLlmEvent },
  { pack: 'http', draw: drawHttpEvent },
] as const;

/** A CloudEvent, ready to be posted. */
export interface DemoEvent {
  readonly specversion: '1.0';
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly time: string;
  readonly data: JsonObject;
}

/** A synthetic past, present and future. */
export interface DemoStream {
  /**
   * The events of [fromMs, toMs), by time. They depend on the seed and on their time alone: asked again, in one piece or in
   * many, today or tomorrow, they are the same, ids included.
   */
  eventsBetween(fromMs: number, toMs: number): Generator<DemoEvent>;
  incidentsBetween(fromMs: number, toMs: number): readonly Incident[];
}

export function createDemoStream(seed: string): DemoStream {
  return {
    *eventsBetween(fromMs, toMs) {
      const incidents = incidentsBetween(seed, fromMs, toMs);
      for (let minute = Math.floor(fromMs / MINUTE_MS); minute * MINUTE_MS < toMs; minute += 1) {
        for (const { timeMs, event } of eventsOfMinute(seed, minute, incidents)) {
          if (timeMs >= fromMs && timeMs < toMs) yield event;
        }
      }
    },
    incidentsBetween: (fromMs, toMs) => incidentsBetween(seed, fromMs, toMs),
  };
}

interface TimedEvent {
  readonly timeMs: number;
  readonly event: DemoEvent;
}

/** @param incidents at least those that touch the minute */
function eventsOfMinute(seed: string, minute: number, incidents: readonly Incident[]): readonly TimedEvent[] {
  const startMs = minute * MINUTE_MS;
  const current: ReadonlySet<IncidentKind> = new Set(
    incidents
      .filter((incident) => incident.startMs <= startMs && startMs < incident.endMs)
      .map(({ kind }) => kind),
  );
  const events: TimedEvent[] = [];
  for (const { pack, draw } of PACKS) {
    const random = createRandom(seed, pack, minute);
    const traffic = current.has('traffic-drop') ? TRAFFIC_LEFT_IN_DROP : 1;
    const count = poisson(random, EVENTS_PER_MINUTE * loadAt(startMs) * traffic);
    for (let index = 0; index < count; index += 1) {
      const timeMs = startMs + Math.floor(random() * MINUTE_MS);
      const { type, data } = draw(random, timeMs, current);
      const event: DemoEvent = {
        specversion: '1.0',
        id: `${minute.toString(36)}-${index}`,
        source: `/demo/${seed}/${pack}`,
        type,
        time: new Date(timeMs).toISOString(),
        data,
      };
      events.push({ timeMs, event });
    }
  }
  return events.toSorted((a, b) => a.timeMs - b.timeMs);
}
