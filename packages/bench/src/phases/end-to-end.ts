/** From the first byte sent to the last event visible in a query, beside a bare client inserting the same rows. */
import { HOUR_MS } from '@tidemark/core';
import { askNumber, waitFor } from '../asking.ts';
import type { Figure } from '../report.ts';
import type { EventTimes } from '../sample-events.ts';
import { spreadOf } from '../statistics.ts';
import type { System } from '../system.ts';
import type { Worker } from '../workers/start.ts';
import type { PhaseContext } from './context.ts';

const ROUNDS = 3;
const EVENTS_PER_REQUEST = 1_000;
const CONNECTIONS = 4;
const ROWS_PER_BARE_INSERT = 20_000;
const VISIBLE_DEADLINE_MS = 120_000;
/** Each look is a query, which takes from what is waited for. */
const CHECK_INTERVAL_MS = 50;

export interface EndToEndSizes {
  readonly warmUpEvents: number;
  readonly roundEvents: number;
}

export const END_TO_END_SIZES: EndToEndSizes = { warmUpEvents: 20_000, roundEvents: 100_000 };

export interface EndToEnd {
  readonly figure: Figure;
  /** How many events the system holds now. */
  readonly stored: number;
}

/** @param system nothing stored yet */
export async function measureEndToEnd(
  system: System,
  load: Worker<'load'>,
  bareInsert: Worker<'bare-insert'>,
  { warmUpEvents, roundEvents }: EndToEndSizes,
  { log }: PhaseContext,
): Promise<EndToEnd> {
  log('measuring events from ingest to a query');
  const target = system.bareInserts;
  const measured: number[] = [];
  const ceiling: number[] = [];
  let stored = 0;
  for (let round = 0; round <= ROUNDS; round += 1) {
    const events = round === 0 ? warmUpEvents : roundEvents;
    const { elapsedMs } = await bareInsert.ask({
      target,
      rows: events,
      batchRows: ROWS_PER_BARE_INSERT,
      seed: round,
    });
    stored += events;
    const visibleAfterMs = await sendUntilVisible(system, load, {
      source: `/bench/end-to-end/${round}`,
      seed: round,
      events,
      total: stored,
      times: { kind: 'now' },
    });
    if (round === 0) continue;
    ceiling.push(events / (elapsedMs / 1_000));
    measured.push(events / (visibleAfterMs / 1_000));
  }
  const figure: Figure = {
    name: 'events from ingest to visible in a query, batches of 1,000',
    unit: 'events/s',
    better: 'higher',
    measured: spreadOf(measured),
    ceiling: { name: 'bare @clickhouse/client insert, batches of 20,000', measured: spreadOf(ceiling) },
  };
  return { figure, stored };
}

export interface VisibleLoad {
  readonly source: string;
  readonly seed: number;
  readonly events: number;
  /** How many events the system holds when all of these are visible. */
  readonly total: number;
  readonly times: EventTimes;
}

/** Sends as fast as it is acknowledged. Returns ms from the first byte until a query counts them all. */
export async function sendUntilVisible(
  system: System,
  load: Worker<'load'>,
  { source, seed, events, total, times }: VisibleLoad,
): Promise<number> {
  const startedAt = performance.now();
  await load.ask({
    target: system.events,
    connections: CONNECTIONS,
    body: { kind: 'events', eventsPerRequest: EVENTS_PER_REQUEST, source, seed, times },
    until: { requests: events / EVENTS_PER_REQUEST },
  });
  const isVisible = async (): Promise<boolean> => {
    const counted = await countEvents(system);
    if (counted > total) throw new Error(`${counted} events are counted, ${total} were sent`);
    return counted === total;
  };
  await waitFor('everything to be visible', VISIBLE_DEADLINE_MS, isVisible, CHECK_INTERVAL_MS);
  return performance.now() - startedAt;
}

/** Every event of the last thirteen months and the next hour. */
function countEvents(system: System): Promise<number> {
  return askNumber(system, {
    metrics: ['llm.requests'],
    from: 'now-13M/M',
    to: new Date(Date.now() + HOUR_MS).toISOString(),
  });
}
