import { describe, expect, it } from '@jest/globals';
import { createCatalogue, DAY_MS, HOUR_MS } from '@tidemark/core';
import { PACKS } from '@tidemark/packs';
import { createDemoStream, type DemoEvent } from './stream.ts';

const SEED = 'test';
/** A shop that calls language models: the other packs have no events here. */
const SHOWN_PACKS = ['llm', 'http'];
/** A Monday. */
const START_MS = Date.parse('2026-03-02T00:00:00Z');
const END_MS = START_MS + 14 * DAY_MS;
const stream = createDemoStream(SEED);
const fortnight = [...stream.eventsBetween(START_MS, END_MS)];

const times = fortnight.map(({ time }) => Date.parse(time));

function within(fromMs: number, toMs: number): DemoEvent[] {
  return fortnight.filter((_event, index) => (times[index] ?? 0) >= fromMs && (times[index] ?? 0) < toMs);
}

function number(event: DemoEvent, field: string): number {
  return Number(event.data[field] ?? 0);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The first incident of its kind, what happened in it, and what happens at the same hours of other days. */
function around(kind: string): { readonly inside: DemoEvent[]; readonly outside: DemoEvent[][] } {
  const incident = stream.incidentsBetween(START_MS, END_MS).find((candidate) => candidate.kind === kind);
  if (incident === undefined) throw new Error(`no ${kind} in a fortnight`);
  const { startMs, endMs } = incident;
  const outside = [-7, -6, -5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 6, 7]
    .map((days) => within(startMs + days * DAY_MS, endMs + days * DAY_MS))
    .filter((events) => events.length > 0);
  return { inside: within(startMs, endMs), outside };
}

describe('createDemoStream', () => {
  it('is the same whenever and in whatever pieces it is asked', () => {
    const whole = [...stream.eventsBetween(START_MS, START_MS + HOUR_MS)];
    const cut = START_MS + 1_234_567;
    const pieces = [
      ...createDemoStream(SEED).eventsBetween(START_MS, cut),
      ...createDemoStream(SEED).eventsBetween(cut, START_MS + HOUR_MS),
    ];
    expect(pieces).toEqual(whole);
    expect([...createDemoStream('other').eventsBetween(START_MS, START_MS + HOUR_MS)]).not.toEqual(whole);
  });

  it('makes a fortnight of 300,000 to 450,000 events with ids of their own, by time', () => {
    expect(fortnight.length).toBeGreaterThan(300_000);
    expect(fortnight.length).toBeLessThan(450_000);
    expect(new Set(fortnight.map(({ source, id }) => `${source} ${id}`)).size).toBe(fortnight.length);
    expect(times.every((time, index) => index === 0 || (times[index - 1] ?? 0) <= time)).toBe(true);
  });

  it('sends every type of two packs, with fields that they declare', () => {
    const catalogue = createCatalogue(PACKS);
    const types = new Set(fortnight.map(({ type }) => type));
    expect([...types].toSorted()).toEqual(
      PACKS.filter(({ key }) => SHOWN_PACKS.includes(key))
        .flatMap(({ eventTypes }) => eventTypes.map(({ type }) => type))
        .toSorted(),
    );
    for (const { type, data } of fortnight.slice(0, 5_000)) {
      const declared = catalogue.eventType(type)?.fields.map(({ field }) => field) ?? [];
      expect(declared).toEqual(expect.arrayContaining(Object.keys(data).map((key) => `data.${key}`)));
    }
  });

  it('has days and nights, working days and weekends', () => {
    const perHour = (fromHour: number, toHour: number, days: readonly number[]): number =>
      mean(
        days.map(
          (day) =>
            within(START_MS + day * DAY_MS + fromHour * HOUR_MS, START_MS + day * DAY_MS + toHour * HOUR_MS)
              .length /
            (toHour - fromHour),
        ),
      );
    const workingDays = [0, 1, 2, 3, 4, 7, 8, 9, 10, 11];
    const weekend = [5, 6, 12, 13];
    expect(perHour(13, 16, workingDays)).toBeGreaterThan(2.5 * perHour(1, 4, workingDays));
    expect(perHour(0, 24, workingDays)).toBeGreaterThan(1.6 * perHour(0, 24, weekend));
  });

  it('has an error spike', () => {
    const rate = (events: readonly DemoEvent[]): number => {
      const calls = events.filter(({ data }) => data['path'] === '/api/checkout');
      return calls.filter((event) => number(event, 'status') >= 400).length / calls.length;
    };
    const { inside, outside } = around('error-spike');
    expect(rate(inside)).toBeGreaterThan(0.4);
    expect(mean(outside.map(rate))).toBeLessThan(0.1);
  });

  it('has a drop of traffic', () => {
    const { inside, outside } = around('traffic-drop');
    expect(inside.length).toBeLessThan(0.4 * Math.min(...outside.map((events) => events.length)));
  });

  it('has a shift of latency', () => {
    const latency = (events: readonly DemoEvent[]): number =>
      mean(
        events
          .filter(({ data }) => data['provider'] === 'globex')
          .map((event) => number(event, 'latency_ms')),
      );
    const { inside, outside } = around('latency-shift');
    expect(latency(inside)).toBeGreaterThan(2 * mean(outside.map(latency)));
  });

  it('has a jump of cost', () => {
    const cost = (events: readonly DemoEvent[]): number =>
      mean(events.filter(({ data }) => data['service'] === 'search').map((event) => number(event, 'cost')));
    const { inside, outside } = around('cost-jump');
    expect(cost(inside)).toBeGreaterThan(2 * mean(outside.map(cost)));
  });
});
