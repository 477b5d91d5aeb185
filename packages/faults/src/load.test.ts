/** What goes out, and what is drawn: the oracle is only as good as these. */
import { describe, expect, it } from '@jest/globals';
import { DEFAULT_EVENT_LIMITS, parseEventRequest } from '@tidemark/contracts';
import type { OrganizationId } from '@tidemark/core';
import { contentOfRecord, contentOfRow } from './content.ts';
import { distributedFaults, type DistributedParts } from './distributed-faults.ts';
import { createRandom } from './random.ts';
import { Rejects } from './rejects.ts';
import { planRequest } from './requests.ts';
import { Schedule } from './schedule.ts';
import { isHttpSlot } from './slots.ts';
import type { Fault } from './system.ts';
import { BASE_MS, FRESH, SEED } from './test-fixture.ts';

const parse = (texts: readonly string[]) =>
  parseEventRequest(
    { headers: { 'content-type': 'application/json' }, body: Buffer.from(`[${texts.join(',')}]`) },
    { organization: 'amber' as OrganizationId, receivedAtMs: BASE_MS, limits: DEFAULT_EVENT_LIMITS },
  );

describe('what is sent', () => {
  it('is valid, of two types, and the same whenever it is made', () => {
    const { items, events } = planRequest(SEED, FRESH);
    expect(parse(items).events.length).toBe(events.length);
    expect(new Set(events.map(({ slot }) => isHttpSlot(slot))).size).toBe(2);
    expect(planRequest(SEED, FRESH)).toEqual(planRequest(SEED, FRESH));
  });

  it('holds items of every kind that is refused, each by itself', () => {
    const rejects = new Rejects();
    const random = createRandom(1);
    const drawn = Array.from({ length: 100 }, () => rejects.draw(0, random));
    const items = drawn.flat();
    const { events, rejected } = parse(items.map(({ text }) => text));
    expect(events).toEqual([]);
    expect(rejected.map(({ reject }) => reject.id)).toEqual(items.map(({ id }) => id));
    expect(new Set(rejected.map(({ reject }) => reject.pointer)).size).toBe(4);
    const first = items.slice(0, 1);
    rejects.acknowledge(0, first);
    const outcomes = [...rejects.outcomes(0).values()];
    expect([outcomes[0], outcomes[1]]).toEqual(['acknowledged', 'unknown']);
    expect(rejects.outcomes(1).size).toBe(0);
  });

  it('has another content when anything that counts is other', () => {
    const row = {
      type: 't',
      subject: 's',
      time: 'now',
      extensions: { a: '1' },
      data: { a: [1, { b: null }] },
    };
    const others = [
      ...[
        { ...row, type: 'u' },
        { ...row, subject: '' },
        { ...row, time: 'then' },
      ],
      ...[
        { ...row, extensions: {} },
        { ...row, data: { a: ['1', {}] } },
        { ...row, data: { a: [1], c: 1 } },
      ],
    ];
    const contents = others.map(contentOfRow);
    expect(new Set([contentOfRow(row), ...contents]).size).toBe(others.length + 1);
    // The engine orders members and keeps none that say nothing.
    const kept = { b: [1], a: { c: 1 } };
    const sent = { a: { d: null, c: 1, e: {} }, b: [1] };
    expect(contentOfRow({ ...row, data: sent })).toBe(contentOfRow({ ...row, data: kept }));
    const record = { type: 't', subject: null, extensions: {}, dataText: '{}' };
    expect(contentOfRecord(record)).not.toBe(contentOfRecord({ ...record, dataText: '{"a":1}' }));
  });
});

describe('the schedule', () => {
  const fault = (name: string, injected: Awaited<ReturnType<Fault['inject']>>): Fault => ({
    ...{ name, weight: 1 },
    inject: () => Promise.resolve(injected),
  });

  /** More each time. */
  let stored = 0;
  const storing = () => Promise.resolve((stored += 1));

  it('counts only faults that something has met', async () => {
    const faults = [
      fault('met', { detail: '', hadEffect: true }),
      fault('unnoticed', { detail: '', hadEffect: false }),
      fault('impossible', null),
    ];
    const random = { ...createRandom(3), integer: () => 0 };
    const on = {
      system: { faults, processes: [] },
      faultNames: null,
      nowMs: () => 0,
      log: () => undefined,
      storedRecords: storing,
    };
    const schedule = new Schedule({ ...on, random });
    await schedule.run({ faults: 10 }, () => Promise.resolve(true));
    const [met, unnoticed, impossible] = schedule.figures();
    expect(met).toMatchObject({ injected: 10, withoutEffect: 0, skipped: 0 });
    expect(unnoticed).toMatchObject({ injected: 0, skipped: 0 });
    expect(unnoticed?.withoutEffect).toBeGreaterThan(0);
    expect(impossible).toMatchObject({ injected: 0, withoutEffect: 0 });
    expect(impossible?.skipped).toBeGreaterThan(0);
  });

  it('waits until events are stored again before half of the faults', async () => {
    let asked = 0;
    const answers = [null, 5, 5, 6];
    const storedRecords = () => Promise.resolve(answers[Math.min(asked++, answers.length - 1)] ?? null);
    const random = { ...createRandom(3), chance: () => true, integer: () => 0 };
    const system = { faults: [fault('met', { detail: '', hadEffect: true })], processes: [] };
    const on = { system, faultNames: null, nowMs: () => 0, log: () => undefined, storedRecords };
    await new Schedule({ ...on, random }).run({ faults: 2 }, () => Promise.resolve(true));
    expect(asked).toBe(answers.length);
  });

  it('draws what the protocol is about often enough', () => {
    // Nothing is injected, so nothing of the parts is used.
    const nothing = new Proxy({}, { get: () => ({ name: 'x' }) });
    const names = { warehouse: 'warehouse', kafka: 'kafka', postgres: 'postgres' } as const;
    const links = Object.fromEntries(Object.values(names).map((name) => [name, { name }]));
    const parts = { processes: nothing, links, warehouse: null, bus: null, onPoisoned: null };
    const faults = distributedFaults(parts as unknown as DistributedParts);
    const weightOf = (name: string): number => faults.find((one) => one.name === name)?.weight ?? 0;
    expect(faults.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(100);
    expect(['kill aggregator', 'kill warehouse', 'restart kafka', 'rebalance'].map(weightOf)).toEqual([
      ...[30, 15, 10, 10],
    ]);
    expect(new Set(faults.map(({ name }) => name)).size).toBe(faults.length);
  });
});
