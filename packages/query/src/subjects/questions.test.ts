import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { MINUTE_MS, type Query } from '@tidemark/core';
import { createChdbExecutor } from '@tidemark/warehouse';
import { createQueryEngine, type QueryEngine } from '../engine.ts';
import { DEFAULT_STATEMENT_LIMITS } from '../limits.ts';
import { deskCatalogue } from '../testing/desk-pack.ts';
import { openTestWarehouse, organizationId, type TestWarehouse } from '../testing/warehouse.ts';

const NOON_MS = Date.parse('2024-03-30T12:00:00Z');
const acme = organizationId('acme');
const admin = { organization: acme, role: 'admin', user: null } as const;
const ann = { organization: acme, role: 'viewer', user: 'ann' } as const;

/** Minutes after noon, type, subject, data. */
const EVENTS = [
  [0, 'ticket.opened', 't1', { status: 'open', priority: 'high', agent: 'ann', cost: 10 }],
  [1, 'ticket.opened', 't2', { status: 'open', priority: 'low', agent: 'bob', cost: '0.1' }],
  [2, 'ticket.opened', 't3', { status: 'open', priority: 'high' }],
  [5, 'ticket.changed', 't1', { status: 'done' }],
  [6, 'ticket.changed', 't2', { status: 'held' }],
  [90, 'ticket.changed', 't2', { status: 'done' }],
  [91, 'ticket.changed', 't4', { status: 'lost' }],
  [92, 'agent.seen', 'ann', { team: 'blue' }],
  [93, 'agent.seen', 'bob', { team: 'red' }],
] as const;

let warehouse: TestWarehouse;
let engine: QueryEngine;

beforeAll(async () => {
  warehouse = await openTestWarehouse(createChdbExecutor);
  const rows = EVENTS.map(([minute, type, subject, data], offset) => ({
    organization: acme,
    type,
    timeText: new Date(NOON_MS + minute * MINUTE_MS).toISOString(),
    id: `e${offset}`,
    source: 'test',
    subject,
    dataText: JSON.stringify(data),
    extensions: {},
    receivedAtMs: NOON_MS,
    identity: String(offset),
    content: '0',
    offset,
  }));
  await warehouse.events.insert({ topic: 'desk', partition: 0, rows }, 'once');
  engine = createQueryEngine({
    warehouse: warehouse.executor,
    contextOf: () => ({ catalogue: deskCatalogue() }),
    clock: { nowMs: () => NOON_MS + 1_440 * MINUTE_MS, sleep: () => Promise.resolve() },
    limitsOf: () => DEFAULT_STATEMENT_LIMITS,
    eventsTopic: 'events',
    allowedLatenessMs: 0,
    pipeline: {
      unknownMeasures: (asked) => Promise.resolve(asked),
      progress: () => Promise.resolve([{ arrivedThroughMs: NOON_MS + 720 * MINUTE_MS }]),
      dirtyBuckets: () => Promise.resolve([]),
    },
  });
}, 60_000);

afterAll(() => warehouse.close());

async function values(query: Partial<Query>) {
  const answer = await engine.ask(admin, { metrics: [], from: '2024-03-30', to: '2024-03-31', ...query });
  return answer.series.map(({ metric, dimensions, points }) => [
    metric,
    ...Object.values(dimensions),
    points[0]?.value,
  ]);
}

describe('questions about states', () => {
  it('stand beside metrics of events and share their dimensions', async () => {
    const metrics = ['desk.changes', 'desk.tickets'];
    // An event counts under what it says itself, a ticket under what it is now. Nothing opened t4.
    expect(await values({ metrics, groupBy: ['status'] })).toEqual([
      ['desk.changes', 'done', 2],
      ['desk.tickets', 'done', 2],
      ['desk.changes', 'held', 1],
      ['desk.tickets', 'held', 0],
      ['desk.changes', 'lost', 1],
      ['desk.tickets', 'lost', 0],
      ['desk.changes', 'open', 0],
      ['desk.tickets', 'open', 1],
    ]);
    const ranked = {
      metrics,
      groupBy: ['status'],
      orderBy: { metric: 'desk.tickets', direction: 'desc' },
    } as const;
    expect((await values({ ...ranked, limit: 2 })).map(([, status]) => status)).toEqual([
      'done',
      'done',
      'open',
      'open',
    ]);
  });

  it('are operands of declared and of asked expressions', async () => {
    const asked = { as: 'each', expression: 'desk.cost / desk.tickets', unit: 'USD' };
    expect(await values({ metrics: ['desk.in_time_share', 'desk.changes_per_ticket', asked] })).toEqual([
      ['desk.in_time_share', 100],
      ['desk.changes_per_ticket', expect.closeTo(4 / 3)],
      ['each', '3.366666666667'],
    ]);
  });

  it('take other levels and other targets', async () => {
    const level = { as: 'least', metric: 'desk.cost_p50', level: 0.01 };
    expect(await values({ metrics: ['desk.cost_p50', level] })).toEqual([
      ['desk.cost_p50', 10],
      ['least', 0.1],
    ]);
    const targets = { attribute: 'agent', values: { ann: 5 }, otherwise: 88.999 };
    expect(await values({ metrics: ['desk.in_time', 'desk.held'], targets })).toEqual([
      ['desk.in_time', 1],
      ['desk.held', 2],
    ]);
  });

  it('tell how values lie, numbers and times elapsed', async () => {
    const range = { from: '2024-03-30', to: '2024-03-31' };
    const ages = await engine.distribute(admin, { ...range, metric: 'desk.resolved_age', bounds: [5, 89] });
    expect(ages.groups[0]?.bins.map(({ count }) => count)).toEqual([0, 1, 1]);
    const costs = await engine.distribute(admin, { ...range, metric: 'desk.cost', bins: 2 });
    expect(costs.groups[0]?.bins).toEqual([
      { from: 0.1, to: 5.05, count: 1, share: 0.5 },
      { from: 5.05, to: 10, count: 1, share: 0.5 },
    ]);
    await expect(engine.distribute(admin, { ...range, metric: 'desk.tickets' })).rejects.toMatchObject({
      code: 'invalid-query',
      faults: [{ pointer: '/metric' }],
    });
  });

  it('leave persons to themselves', async () => {
    const question = { metrics: ['desk.tickets'], from: '2024-03-30', to: '2024-03-31' };
    await expect(engine.ask(ann, { ...question, groupBy: ['agent'] })).rejects.toMatchObject({
      code: 'forbidden',
    });
    const own = { dimension: 'agent', op: 'eq', value: 'ann' } as const;
    expect((await engine.ask(ann, { ...question, filters: [own] })).series[0]?.points[0]?.value).toBe(1);
    const ticket = { kind: 'desk.ticket', attributes: ['agent', 'cost'] };
    expect((await engine.subject(ann, { ...ticket, id: 't1' }))?.attributes).toEqual({
      agent: 'ann',
      cost: '10',
    });
    expect((await engine.subject(ann, { ...ticket, id: 't2' }))?.attributes).toEqual({ cost: '0.1' });
    const others = { ...own, value: 'bob' };
    await expect(engine.subjects(ann, { ...ticket, filters: [others] })).rejects.toMatchObject({
      code: 'forbidden',
    });
    expect((await engine.subjects(ann, { ...ticket, filters: [own] })).subjects.map(({ id }) => id)).toEqual([
      't1',
    ]);
  });

  it('show a viewer of a kind of persons themselves alone', async () => {
    const kind = 'desk.agent';
    const ids = async (principal: Parameters<QueryEngine['subjects']>[0]) =>
      (await engine.subjects(principal, { kind })).subjects.map(({ id }) => id);
    expect(await ids(admin)).toEqual(['bob', 'ann']);
    expect(await ids(ann)).toEqual(['ann']);
    expect(await engine.subject(ann, { kind, id: 'ann' })).toMatchObject({ attributes: { team: 'blue' } });
    await expect(engine.subject(ann, { kind, id: 'bob' })).rejects.toMatchObject({ code: 'forbidden' });
    await expect(ids({ ...ann, user: null })).rejects.toMatchObject({ code: 'forbidden' });
  });

  it('report every fault of a question about subjects', async () => {
    await expect(engine.subjects(admin, { kind: 'desk.chair' })).rejects.toMatchObject({ code: 'not-found' });
    await expect(
      engine.subjects(admin, {
        kind: 'desk.ticket',
        attributes: ['status', 'colour'],
        filters: [{ dimension: 'colour', op: 'eq', value: 'red' }],
        limit: 1_001,
        cursor: 'e30',
      }),
    ).rejects.toMatchObject({
      code: 'invalid-query',
      faults: [
        { pointer: '/attributes/1' },
        { pointer: '/filters/0/dimension' },
        { pointer: '/limit' },
        { pointer: '/cursor' },
      ],
    });
  });
});
