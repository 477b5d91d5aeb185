import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  DAY_MS,
  type FilterNode,
  HOUR_MS,
  MINUTE_MS,
  type OrganizationId,
  tierBucketStartMs,
  WEEKDAYS,
} from '@tidemark/core';
import { createChdbExecutor, createSubjectStore, type SubjectStore } from '@tidemark/warehouse';
import fc from 'fast-check';
import { createQueryEngine, type QueryEngine } from '../engine.ts';
import { DEFAULT_STATEMENT_LIMITS } from '../limits.ts';
import { deskCatalogue } from '../testing/desk-pack.ts';
import { type Random, randomFrom } from '../testing/random.ts';
import {
  type DeskEvent,
  type DeskTicket,
  foldStates,
  foldTickets,
  STATE_FOLDS,
  type StateQuery,
} from '../testing/state-fold.ts';
import { openTestWarehouse, organizationId, type TestWarehouse } from '../testing/warehouse.ts';

const BASE_MS = Date.parse('2024-03-28T20:00:00Z');
const SPAN_MS = 4 * DAY_MS;
const WORLDS = 3;
const QUERIES_PER_WORLD = 8;

const catalogue = deskCatalogue();
let warehouse: TestWarehouse;
let subjects: SubjectStore;
let nextOffset = 0;

beforeAll(async () => {
  warehouse = await openTestWarehouse(createChdbExecutor);
  subjects = createSubjectStore(warehouse.executor);
}, 60_000);

afterAll(() => warehouse.close());

function timeOf(offsetMs: number, nanos = 0): string {
  const text = new Date(BASE_MS + offsetMs).toISOString().slice(0, 23);
  return `${text}${String(nanos).padStart(6, '0')}Z`;
}

function randomEvent(random: Random, index: number): DeskEvent {
  const type = random.pick(['ticket.opened', 'ticket.changed', 'ticket.changed', 'call.ended'] as const);
  // Some share an instant: then the id decides.
  const offsetMs = random.chance(0.2) ? random.below(20) * HOUR_MS : random.below(SPAN_MS);
  const dueMs = BASE_MS + random.below(SPAN_MS);
  return {
    type,
    id: `e${index}`,
    time: timeOf(offsetMs, random.chance(0.3) ? random.below(1_000_000) : 0),
    ticket: random.chance(0.05) ? '' : `t${random.below(40)}`,
    status: random.pick(['open', 'done', 'done', 'held', "o'shop\\", '']),
    priority: random.pick(['high', 'low', 'none', '']),
    agent: random.pick(['ann', 'bob', 'ÅÄÖ', '']),
    cost: random.pick(['12.50', '0.1', '-3', 'n/a', '', `${random.below(1000)}.${random.below(100)}1`]),
    due: random.pick([
      '',
      'soon',
      '2024-03-30',
      new Date(dueMs).toISOString(),
      new Date(dueMs + 5.5 * HOUR_MS).toISOString().replace('Z', '+05:30'),
    ]),
  };
}

async function store(organization: OrganizationId, batch: readonly DeskEvent[]): Promise<void> {
  const token = `desk from ${nextOffset}`;
  const rows = batch.map(({ type, id, time, ticket, ...data }) => ({
    organization,
    type,
    timeText: time,
    id,
    source: 'test',
    subject: type === 'call.ended' || ticket === '' ? null : ticket,
    dataText: JSON.stringify({
      ...Object.fromEntries(Object.entries(data).filter(([, text]) => text !== '')),
      ...(type === 'call.ended' ? { ticket } : {}),
    }),
    extensions: {},
    receivedAtMs: BASE_MS + SPAN_MS,
    identity: String(nextOffset),
    content: '0',
    offset: nextOffset++,
  }));
  await warehouse.events.insert({ topic: 'desk', partition: 0, rows }, token);
}

interface World {
  readonly organization: OrganizationId;
  readonly tickets: readonly DeskTicket[];
  readonly completeThroughMs: number | null;
  readonly engine: QueryEngine;
}

/**
 * Raw and what is kept in a state that the pipeline can leave behind: every minute that is closed and unmarked is kept as it is now; of
 * all others nothing is, or everything, or what was there before the late events.
 */
async function createWorld(name: string, seed: number): Promise<World> {
  const random = randomFrom(seed);
  const organization = organizationId(name);
  const events = Array.from({ length: 100 + random.below(200) }, (_, index) => randomEvent(random, index));
  const cut = Math.floor(events.length * 0.7);
  const completeThroughMs = random.chance(0.15)
    ? null
    : tierBucketStartMs('1m', BASE_MS + random.below(SPAN_MS + HOUR_MS)) + random.below(MINUTE_MS);
  const isAdopted = !random.chance(0.2);
  const marked = new Set<number>();
  const keep = async (share: number) => {
    const minutes = [...marked].filter(() => random.chance(share));
    await subjects.absorb({
      organization,
      tier: '1m',
      bucketStartsMs: minutes,
      facts: isAdopted ? catalogue.facts : catalogue.facts.slice(1),
      timeoutMs: 30_000,
    });
    for (const minute of minutes) if (random.chance(0.9)) marked.delete(minute);
  };
  for (const batch of [events.slice(0, cut), events.slice(cut)]) {
    await store(organization, batch);
    for (const { time } of batch) marked.add(tierBucketStartMs('1m', Date.parse(`${time.slice(0, 23)}Z`)));
    await keep(0.8);
  }
  const engine = createQueryEngine({
    warehouse: warehouse.executor,
    contextOf: () => ({ catalogue }),
    clock: { nowMs: () => BASE_MS + SPAN_MS, sleep: () => Promise.resolve() },
    limitsOf: () => DEFAULT_STATEMENT_LIMITS,
    eventsTopic: 'events',
    allowedLatenessMs: 0,
    pipeline: {
      unknownMeasures: (asked) => Promise.resolve(isAdopted ? [] : asked),
      progress: () =>
        Promise.resolve(completeThroughMs === null ? [] : [{ arrivedThroughMs: completeThroughMs }]),
      dirtyBuckets: (_organization, tier, fromMs, toMs, limit) =>
        Promise.resolve(
          [...(tier === '1m' ? marked : [])]
            .filter((start) => start >= fromMs && start < toMs)
            .toSorted((a, b) => a - b)
            .slice(0, limit),
        ),
    },
  });
  return { organization, tickets: foldTickets(events), completeThroughMs, engine };
}

function randomFilter(random: Random): { filter: FilterNode; keep: (ticket: DeskTicket) => boolean } {
  const dimension = random.pick(['status', 'first_status', 'priority', 'agent']);
  const value = random.pick(['open', 'done', "o'shop\\", 'high', 'ann', 'ÅÄÖ']);
  const of = (ticket: DeskTicket) => ticket.attributes[dimension] ?? '';
  const eq = { dimension, op: 'eq', value } as const;
  switch (random.below(4)) {
    case 0:
      return { filter: eq, keep: (ticket) => of(ticket) === value };
    case 1:
      return { filter: { not: eq }, keep: (ticket) => of(ticket) !== value };
    case 2:
      return { filter: { dimension, op: 'exists', value: true }, keep: (ticket) => of(ticket) !== '' };
    default:
      return {
        filter: { or: [eq, { dimension: 'priority', op: 'in', value: ['low', 'none'] }] },
        keep: (ticket) =>
          of(ticket) === value || ['low', 'none'].includes(ticket.attributes['priority'] ?? ''),
      };
  }
}

interface AskedQuery extends Pick<StateQuery, 'keep' | 'fromMs' | 'toMs'> {
  readonly rest: Omit<StateQuery, 'keep' | 'fromMs' | 'toMs'>;
  readonly filters: readonly FilterNode[];
}

function randomQuery(random: Random): AskedQuery {
  const filters = Array.from({ length: random.below(3) }, () => randomFilter(random));
  const fromMs = tierBucketStartMs('1m', BASE_MS + random.below(SPAN_MS)) - (random.chance(0.5) ? DAY_MS : 0);
  const groupBy = [
    ...new Set(
      Array.from({ length: random.below(3) }, () =>
        random.pick(['status', 'priority', 'agent', 'first_status']),
      ),
    ),
  ];
  const metrics = [
    ...new Set(Array.from({ length: 1 + random.below(4) }, () => random.pick(Object.keys(STATE_FOLDS)))),
  ];
  return {
    fromMs,
    toMs: fromMs + HOUR_MS + random.below(SPAN_MS),
    keep: (ticket) => filters.every((filter) => filter.keep(ticket)),
    rest: {
      metrics,
      timeZone: random.pick(['UTC', 'Europe/Berlin', 'Asia/Kolkata']),
      weekStart: random.pick(WEEKDAYS),
      ...(random.chance(0.7) ? { granularity: random.pick(['hour', 'day', 'week'] as const) } : {}),
      ...(groupBy.length === 0 ? {} : { groupBy }),
      ...(random.chance(0.3) ? { compare: 'previous_period' as const } : {}),
      ...(random.chance(0.5)
        ? { orderBy: { metric: random.pick(metrics), direction: random.pick(['asc', 'desc'] as const) } }
        : {}),
      ...(random.chance(0.4) ? { limit: 1 + random.below(4), other: random.chance(0.7) } : {}),
      ...(random.chance(0.4)
        ? {
            targets: {
              attribute: 'status',
              values: { done: 30.5, held: 1e30 },
              otherwise: random.pick([null, 600]),
            },
          }
        : {}),
    },
    filters: filters.map(({ filter }) => filter),
  };
}

describe('metrics over states', () => {
  it('agree with a fold, whatever of raw is kept already', async () => {
    let world = 0;
    await fc.assert(
      fc.asyncProperty(fc.integer(), async (seed) => {
        world += 1;
        const { organization, tickets, completeThroughMs, engine } = await createWorld(`desk-${world}`, seed);
        const random = randomFrom(seed + 1);
        for (let index = 0; index < QUERIES_PER_WORLD; index += 1) {
          const { rest, keep, fromMs, toMs, filters } = randomQuery(random);
          const query = { ...rest, keep, fromMs, toMs };
          const answer = await engine.ask(
            { organization, role: 'admin', user: null },
            { ...rest, filters, from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString() },
          );
          const points = (list: (typeof answer.series)[number]['points']) =>
            list.map(({ start, value, partial }) => ({ start, value, partial }));
          const found = answer.series.map(({ metric, dimensions, isOther, points: list, compared }) => ({
            metric,
            group: isOther === true ? null : (query.groupBy ?? []).map((key) => dimensions[key] ?? ''),
            points: points(list),
            ...(compared === undefined
              ? {}
              : { compared: { points: points(compared.points), changePercent: compared.changePercent } }),
          }));
          expect(found).toEqual(foldStates(tickets, query, completeThroughMs));
          expect(answer.tiersRead).toEqual(['subjects', 'raw']);
          expect(answer.estimates).toEqual([]);
        }
      }),
      { numRuns: WORLDS },
    );
  }, 240_000);

  it('tell subjects one by one and page by page', async () => {
    const { organization, tickets, engine } = await createWorld('desk-lookup', 7);
    const admin = { organization, role: 'admin', user: null } as const;
    const seen = tickets.toSorted((a, b) =>
      a.lastSeen === b.lastSeen ? (a.id < b.id ? -1 : 1) : a.lastSeen < b.lastSeen ? 1 : -1,
    );
    const ids: string[] = [];
    let cursor: string | null = null;
    do {
      const page: Awaited<ReturnType<QueryEngine['subjects']>> = await engine.subjects(admin, {
        kind: 'desk.ticket',
        limit: 7,
        attributes: ['status'],
        ...(cursor === null ? {} : { cursor }),
      });
      ids.push(...page.subjects.map(({ id }) => id));
      cursor = page.nextCursor;
    } while (cursor !== null);
    expect(ids).toEqual(seen.map(({ id }) => id));

    const [ticket] = seen;
    const found = await engine.subject(admin, { kind: 'desk.ticket', id: ticket?.id ?? '' });
    const { status, agent, priority } = ticket?.attributes ?? {};
    expect(found).toMatchObject({
      attributes: { status: status || null, agent: agent || null, priority: priority || null },
    });
    expect(Date.parse(found?.lastSeen ?? '')).toBe(Date.parse(`${ticket?.lastSeen.slice(0, 23)}Z`));
    const open = await engine.subjects(admin, {
      kind: 'desk.ticket',
      filters: [{ dimension: 'status', op: 'eq', value: 'open' }],
      attributes: ['status'],
    });
    expect(open.subjects.map(({ id }) => id)).toEqual(
      seen.filter(({ attributes }) => attributes['status'] === 'open').map(({ id }) => id),
    );
    expect(await engine.subject(admin, { kind: 'desk.ticket', id: 'nobody' })).toBeNull();
    const elsewhere = { ...admin, organization: organizationId('desk-elsewhere') };
    expect(await engine.subject(elsewhere, { kind: 'desk.ticket', id: ticket?.id ?? '' })).toBeNull();
    expect(await engine.subjects(elsewhere, { kind: 'desk.ticket' })).toEqual({
      subjects: [],
      nextCursor: null,
    });
  }, 60_000);
});
