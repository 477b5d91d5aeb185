/** How long after its ack an event is in the answer to a query, at a moderate rate. */
import { setTimeout as delay } from 'node:timers/promises';
import { HOUR_MS } from '@tidemark/core';
import { askNumber, requestJson, waitFor } from '../asking.ts';
import type { Figure } from '../report.ts';
import { createRandom, EVENT_TYPE, sampleData } from '../sample-events.ts';
import { percentile, spreadOf } from '../statistics.ts';
import type { System } from '../system.ts';
import type { PhaseContext } from './context.ts';

const EVENTS_PER_SECOND = 500;
const REQUESTS_PER_SECOND = 50;
const DURATION_MS = 20_000;
/** Every tenth request carries a probe. */
const REQUESTS_PER_PROBE = 10;
const VISIBLE_DEADLINE_MS = 30_000;

export interface Freshness {
  readonly figures: readonly Figure[];
  readonly visibleMs: { readonly p50: number; readonly p95: number };
  readonly events: number;
}

export async function measureFreshness(system: System, { log }: PhaseContext): Promise<Freshness> {
  log(`measuring the time from ack to visible at ${EVENTS_PER_SECOND} events/s`);
  const intervalMs = 1_000 / REQUESTS_PER_SECOND;
  const requests = (DURATION_MS / 1_000) * REQUESTS_PER_SECOND;
  const random = createRandom(4);
  const sends: Promise<number | null>[] = [];
  const startedAt = performance.now();
  for (let request = 0; request < requests; request += 1) {
    // Open loop: the next request leaves on time, whether or not the one before has been answered.
    await delay(Math.max(0, startedAt + request * intervalMs - performance.now()));
    sends.push(sendOne(system, request, random));
  }
  const visibleMs = (await Promise.all(sends)).filter((elapsed) => elapsed !== null);
  const p50 = percentile(visibleMs, 0.5);
  const p95 = percentile(visibleMs, 0.95);
  const figure = (name: string, value: number): Figure => ({
    name,
    unit: 'ms',
    better: 'lower',
    measured: { ...spreadOf(visibleMs), median: value },
    ceiling: null,
  });
  return {
    figures: [
      figure(`ack to visible at ${EVENTS_PER_SECOND} events/s, p50`, p50),
      figure(`ack to visible at ${EVENTS_PER_SECOND} events/s, p95`, p95),
    ],
    visibleMs: { p50, p95 },
    events: requests * (EVENTS_PER_SECOND / REQUESTS_PER_SECOND),
  };
}

/** Null unless the request carries a probe; then ms from its ack until a query has it. */
async function sendOne(system: System, request: number, random: () => number): Promise<number | null> {
  const probe = request % REQUESTS_PER_PROBE === 0 ? `probe-${request}` : null;
  const events = Array.from({ length: EVENTS_PER_SECOND / REQUESTS_PER_SECOND }, (_, index) => ({
    specversion: '1.0',
    id: `${request}/${index}`,
    source: '/bench/freshness',
    type: EVENT_TYPE,
    time: new Date().toISOString(),
    data: { ...sampleData(random), ...(probe !== null && index === 0 ? { session: probe } : {}) },
  }));
  await requestJson(system.events, JSON.stringify(events));
  if (probe === null) return null;
  const ackedAt = performance.now();
  await waitFor(`${probe} to be visible`, VISIBLE_DEADLINE_MS, async () => {
    const found = await askNumber(system, {
      metrics: ['llm.requests'],
      from: new Date(Date.now() - HOUR_MS).toISOString(),
      to: new Date(Date.now() + HOUR_MS).toISOString(),
      filters: [{ dimension: 'session', op: 'eq', value: probe }],
    });
    return found === 1;
  });
  return performance.now() - ackedAt;
}
