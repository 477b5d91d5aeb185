import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  DAY_MS,
  type Granularity,
  HOUR_MS,
  MINUTE_MS,
  type OrganizationId,
  parseOrganizationId,
  type Query,
  type QueryFilter,
  type Series,
  type Tier,
  TIERS,
  tierBucketStartMs,
  WEEKDAYS,
} from '@tidemark/core';
import {
  createChdbExecutor,
  createEventStore,
  createRollupStore,
  type EventStore,
  type RollupStore,
  WAREHOUSE_MIGRATIONS,
  type WarehouseExecutor,
} from '@tidemark/warehouse';
import fc from 'fast-check';
import { createQueryEngine, type QueryEngine } from './engine.ts';
import { DEFAULT_STATEMENT_LIMITS } from './limits.ts';
import {
  dimensionValue,
  FOLD_METRICS,
  type FoldEvent,
  type FoldPoint,
  type FoldSeries,
  naiveFold,
} from './testing/naive-fold.ts';
import { shopCatalogue } from './testing/shop-pack.ts';

const BASE_MS = Date.parse('2024-03-28T20:00:00Z');
const SPAN_MS = 4 * DAY_MS;
const LATENESS_MS = 5_000;
const WORLDS = 3;
const QUERIES_PER_WORLD = 20;

const catalogue = shopCatalogue();
let directory = '';
let warehouse: WarehouseExecutor;
let events: EventStore;
let rollups: RollupStore;
let nextOffset = 0;
let nextVersion = 1n;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'tidemark-query-'));
  warehouse = createChdbExecutor({ path: directory });
  for (const sql of WAREHOUSE_MIGRATIONS.flatMap(({ statements }) => statements)) {
    await warehouse.command({ sql });
  }
  events = createEventStore(warehouse, { insertTimeoutMs: 30_000, queryTimeoutMs: 30_000 });
  rollups = createRollupStore(warehouse);
}, 60_000);

afterAll(async () => {
  await warehouse.close();
  rmSync(directory, { recursive: true, force: true });
});

function organizationId(text: string): OrganizationId {
  const id = parseOrganizationId(text);
  if (id === null) throw new Error(`${text} is no organization id`);
  return id;
}

/** A stream of numbers from fast-check's seed, so that a world is small to shrink and quick to make. */
function randomFrom(seed: number): {
  below(n: number): number;
  chance(p: number): boolean;
  pick<T>(list: readonly T[]): T;
} {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (n: number) => Math.floor(next() * n);
  return {
    below,
    chance: (p) => next() < p,
    pick: (list) => {
      if (list.length === 0) throw new Error('pick from an empty list');
      return list[below(list.length)] as (typeof list)[number];
    },
  };
}

type Random = ReturnType<typeof randomFrom>;

function randomEvent(random: Random, index: number): FoldEvent {
  // Half of the events crowd into three hours around a change of the clock in Europe.
  const crowd = random.chance(0.5);
  const offsetMs = crowd ? 2 * DAY_MS + 4 * HOUR_MS + random.below(3 * HOUR_MS) : random.below(SPAN_MS);
  const aligned = random.chance(0.1) ? Math.floor(offsetMs / (15 * MINUTE_MS)) * 15 * MINUTE_MS : offsetMs;
  return {
    type: random.chance(0.8) ? 'order.placed' : 'order.failed',
    id: `e${index}`,
    timeNs: BigInt(BASE_MS + aligned) * 1_000_000n + BigInt(random.chance(0.5) ? random.below(1_000_000) : 0),
    subject: random.chance(0.05) ? '' : `user-${random.below(25)}`,
    channel: random.pick(['web', 'web', 'app', "o'shop\\", '']),
    country: random.pick(['DE', 'FR', 'IN', 'ÅÄÖ', '']),
    price: random.chance(0.8) ? `${random.below(1000)}.${random.below(100)}1` : null,
    duration: random.chance(0.9) ? randomDuration(random) : null,
    cost: null,
  };
}

function randomDuration(random: Random): string {
  if (random.chance(0.02)) return `${900_000_000_000_000 - random.below(1000)}`;
  return random.chance(0.2) ? `-${1 + random.below(50)}` : `${random.below(3000)}.${random.below(1000)}`;
}

/** Numbers come as JSON numbers and as text; what is no number must count as absent. */
function dataText(event: FoldEvent, random: Random): string {
  const data: Record<string, unknown> = {};
  if (event.channel !== '' || random.chance(0.3)) data['channel'] = event.channel;
  if (event.country !== '') data['address'] = { country: event.country };
  if (event.price !== null) data['price'] = random.chance(0.5) ? event.price : Number(event.price);
  else if (random.chance(0.5)) data['price'] = random.pick(['n/a', '', null, true, '9e99']);
  if (event.duration !== null)
    data['duration_ms'] = random.chance(0.5) ? event.duration : Number(event.duration);
  return JSON.stringify(data);
}

async function store(
  organization: OrganizationId,
  batch: readonly FoldEvent[],
  random: Random,
): Promise<void> {
  const token = `from ${nextOffset}`;
  const batchOfRows = {
    topic: 'events',
    partition: 0,
    rows: batch.map((event) => ({
      organization,
      type: event.type,
      timeText: timeText(event.timeNs),
      id: event.id,
      source: 'test',
      subject: event.subject === '' ? null : event.subject,
      dataText: dataText(event, random),
      extensions: {},
      receivedAtMs: BASE_MS + SPAN_MS,
      identity: String(nextOffset),
      content: '0',
      offset: nextOffset++,
    })),
  };
  await events.insert(batchOfRows, token);
}

function timeText(timeNs: bigint): string {
  const seconds = new Date(Number(timeNs / 1_000_000n)).toISOString().slice(0, 19);
  return `${seconds}.${String(timeNs % 1_000_000_000n).padStart(9, '0')}Z`;
}

const ofTier = (tier: Tier, batch: readonly FoldEvent[]) =>
  new Set(batch.map((event) => tierBucketStartMs(tier, Number(event.timeNs / 1_000_000n))));

interface World {
  readonly organization: OrganizationId;
  readonly events: readonly FoldEvent[];
  readonly dirty: Readonly<Record<Tier, ReadonlySet<number>>>;
  readonly completeThroughMs: number | null;
  readonly nowMs: number;
  readonly engine: QueryEngine;
}

/**
 * Raw and rollups in a state that the pipeline can leave behind: every bucket that is closed and unmarked has a rollup of all its
 * rows; all others have none, a right one, or one from before the late events.
 */
async function createWorld(name: string, seed: number): Promise<World> {
  const random = randomFrom(seed);
  const organization = organizationId(name);
  const all = Array.from({ length: 150 + random.below(250) }, (_, index) => randomEvent(random, index));
  const cut = Math.floor(all.length * 0.7);
  const [early, late] = [all.slice(0, cut), all.slice(cut)];
  const completeThroughMs = random.chance(0.1)
    ? null
    : Math.floor((BASE_MS + random.below(SPAN_MS + HOUR_MS)) / MINUTE_MS) * MINUTE_MS;
  const unregistered = new Set(
    catalogue.measures.map(({ fingerprint }) => fingerprint).filter(() => random.chance(0.15)),
  );
  const dirty = { '1m': new Set<number>(), '15m': new Set<number>(), '1d': new Set<number>() };

  const share = { '1m': 0.9, '15m': 0.9, '1d': 0.8 };
  const recompute = async (wanted: (tier: Tier, start: number) => boolean) => {
    for (const tier of TIERS) {
      const starts = [...ofTier(tier, all)].filter((start) => wanted(tier, start));
      await rollups.recompute({
        organization,
        tier,
        bucketStartsMs: starts,
        measures: catalogue.measures.filter(({ fingerprint }) => !unregistered.has(fingerprint)),
        version: nextVersion++,
        timeoutMs: 30_000,
      });
      for (const start of starts) dirty[tier].delete(start);
    }
  };
  await store(organization, early, random);
  for (const tier of TIERS) for (const start of ofTier(tier, early)) dirty[tier].add(start);
  await recompute((tier) => random.chance(share[tier]));
  await store(organization, late, random);
  for (const tier of TIERS) for (const start of ofTier(tier, late)) dirty[tier].add(start);
  await recompute((tier, start) => dirty[tier].has(start) && random.chance(share[tier]));
  for (const tier of TIERS) {
    const start = tierBucketStartMs(tier, BASE_MS + random.below(SPAN_MS));
    if (random.chance(0.5)) dirty[tier].add(start);
  }

  const nowMs = (completeThroughMs ?? BASE_MS) + random.below(2 * HOUR_MS);
  const engine = createQueryEngine({
    warehouse,
    catalogue,
    clock: { nowMs: () => nowMs, sleep: () => Promise.resolve() },
    limitsOf: () => DEFAULT_STATEMENT_LIMITS,
    eventsTopic: 'events',
    allowedLatenessMs: LATENESS_MS,
    pipeline: {
      unknownMeasures: (asked) =>
        Promise.resolve(asked.filter((fingerprint) => unregistered.has(fingerprint))),
      progress: () =>
        Promise.resolve(
          completeThroughMs === null
            ? []
            : [0, 1, 2].map((partition) => ({
                arrivedThroughMs: completeThroughMs + LATENESS_MS + partition * 700,
              })),
        ),
      dirtyBuckets: (_organization, tier, fromMs, toMs) =>
        Promise.resolve(
          [...dirty[tier]].filter((start) => start >= fromMs && start < toMs).toSorted((a, b) => a - b),
        ),
    },
  });
  return { organization, events: all, dirty, completeThroughMs, nowMs, engine };
}

const GRANULARITY_SPAN_MS: Readonly<Record<Granularity, number>> = {
  minute: 5 * HOUR_MS,
  hour: SPAN_MS,
  day: SPAN_MS,
  week: 3 * SPAN_MS,
  month: 20 * SPAN_MS,
  quarter: 40 * SPAN_MS,
  year: 100 * SPAN_MS,
};

function randomFilter(random: Random): { filter: QueryFilter; keep: (event: FoldEvent) => boolean } {
  const dimension = random.pick(['channel', 'country', 'user']);
  const of = (event: FoldEvent) => dimensionValue(event, dimension);
  const value = random.pick(['web', 'DE', 'user-3', "o'shop\\", 'ÅÄÖ']);
  const list = ['web', 'app', 'FR', 'DE', 'user-1', 'user-2'];
  switch (random.below(6)) {
    case 0:
      return { filter: { dimension, op: 'eq', value }, keep: (event) => of(event) === value };
    case 1:
      return { filter: { dimension, op: 'ne', value }, keep: (event) => of(event) !== value };
    case 2:
      return { filter: { dimension, op: 'in', value: list }, keep: (event) => list.includes(of(event)) };
    case 3:
      return { filter: { dimension, op: 'nin', value: list }, keep: (event) => !list.includes(of(event)) };
    case 4:
      return { filter: { dimension, op: 'contains', value: 'e' }, keep: (event) => of(event).includes('e') };
    default: {
      const wanted = random.chance(0.5);
      return {
        filter: { dimension, op: 'exists', value: wanted },
        keep: (event) => (of(event) !== '') === wanted,
      };
    }
  }
}

interface AskedQuery {
  readonly query: Query & { readonly metrics: readonly string[] };
  readonly fromMs: number;
  readonly toMs: number;
  readonly keep: (event: FoldEvent) => boolean;
}

function randomQuery(random: Random): AskedQuery {
  const metrics = [
    ...new Set(Array.from({ length: 1 + random.below(4) }, () => random.pick(Object.keys(FOLD_METRICS)))),
  ];
  const granularity = random.pick<Granularity | undefined>([
    undefined,
    'minute',
    'hour',
    'hour',
    'day',
    'day',
    'week',
    'month',
    'quarter',
    'year',
  ]);
  const spanMs = granularity === undefined ? SPAN_MS : GRANULARITY_SPAN_MS[granularity];
  const unitMs = random.pick([1, MINUTE_MS, 15 * MINUTE_MS, HOUR_MS, DAY_MS]);
  const fromMs = Math.floor((BASE_MS + 2 * DAY_MS - random.below(spanMs)) / unitMs) * unitMs;
  const toMs = fromMs + Math.max(1, Math.ceil(random.below(spanMs) / unitMs)) * unitMs;
  const filters = random.chance(0.4)
    ? [randomFilter(random), ...(random.chance(0.3) ? [randomFilter(random)] : [])]
    : [];
  const groupBy = random.chance(0.5)
    ? [...new Set([random.pick(['channel', 'country', 'user']), ...(random.chance(0.4) ? ['country'] : [])])]
    : [];
  // A quantile is an estimate: it would rank near equals otherwise than the true values do.
  const ranking = metrics.filter((metric) => !metric.includes('_p'));
  const orderBy = ranking[0];
  const query: AskedQuery['query'] = {
    metrics,
    from: new Date(fromMs).toISOString(),
    to: new Date(toMs).toISOString(),
    timeZone: random.pick([
      'UTC',
      'Europe/Berlin',
      'Asia/Kolkata',
      'Asia/Kathmandu',
      'America/New_York',
      'Asia/Beirut',
      'Pacific/Chatham',
    ]),
    weekStart: random.pick(WEEKDAYS),
    fill: random.pick(['none', 'null', 'zero', 'previous']),
    groupBy,
    filters: filters.map(({ filter }) => filter),
    ...(granularity === undefined ? {} : { granularity }),
    ...(orderBy === undefined
      ? { limit: 1_000 }
      : { orderBy: { metric: orderBy, direction: random.pick(['asc', 'desc']) } }),
    ...(orderBy !== undefined && random.chance(0.5) ? { limit: 1 + random.below(5) } : {}),
    ...(random.chance(0.25) ? { compare: random.pick(['previous_period', 'previous_year']) } : {}),
  };
  return { query, fromMs, toMs, keep: (event) => filters.every(({ keep }) => keep(event)) };
}

function expectPoints(actual: Series['points'], expected: readonly FoldPoint[], where: string): void {
  const shape = ({ start, end, partial }: { start: string; end: string; partial: boolean }) => ({
    start,
    end,
    partial,
  });
  expect({ where, points: actual.map(shape) }).toEqual({ where, points: expected.map(shape) });
  expected.forEach(({ value, start }, index) => {
    const found = actual[index]?.value ?? null;
    if (value === null || typeof value !== 'object') {
      expect({ where, start, value: found }).toEqual({ where, start, value });
      return;
    }
    const near = (truth: number) => Math.abs(Number(found) - truth) <= Math.abs(truth) * 0.0100001 + 1e-9;
    if (!value.between.some(near))
      throw new Error(`${where} ${start}: ${String(found)} is not near ${String(value.between)}`);
  });
}

function expectSeries(actual: readonly Series[], expected: readonly FoldSeries[], query: Query): void {
  const nameOf = (group: readonly (string | null)[], metric: string) => JSON.stringify([group, metric]);
  const order = query.orderBy === undefined && (query.groupBy ?? []).length > 0;
  const named = actual.map((series) => ({
    name: nameOf(
      (query.groupBy ?? []).map((key) => series.dimensions[key] ?? ''),
      series.metric,
    ),
    series,
  }));
  const wanted = expected.map((series) => ({ name: nameOf(series.group, series.metric), series }));
  const sort = <T extends { name: string }>(list: T[]) =>
    order ? list.toSorted((a, b) => (a.name < b.name ? -1 : 1)) : list;
  const left = sort(named);
  const right = sort(wanted);
  expect(left.map(({ name }) => name)).toEqual(right.map(({ name }) => name));
  right.forEach(({ name, series }, index) => {
    const found = left[index]?.series;
    expectPoints(found?.points ?? [], series.points, name);
    if (series.compared === undefined) return;
    expectPoints(found?.compared?.points ?? [], series.compared.points, `${name} compared`);
    const change = series.compared.changePercent;
    if (!series.metric.includes('_p')) {
      expect(found?.compared?.changePercent ?? null).toEqual(
        change === null || 'between' in change ? null : change.toNumber(),
      );
    }
  });
}

describe('the engine against a naive fold', () => {
  it('gives the same numbers whatever is rolled up, marked and open, for each of two organizations', async () => {
    const tiersSeen = new Set<string>();
    for (let world = 0; world < WORLDS; world += 1) {
      const seeds = fc.sample(fc.noBias(fc.integer()), {
        numRuns: 2 + QUERIES_PER_WORLD,
        seed: 1000 + world,
      });
      const here = await createWorld(`world-${world}`, seeds[0] ?? 0);
      const other = await createWorld(`world-${world}-other`, seeds[1] ?? 0);
      for (const [index, seed] of seeds.slice(2).entries()) {
        const asked = randomQuery(randomFrom(seed));
        const { query, fromMs, toMs, keep } = asked;
        const { organization, engine, events: all, ...context } = index % 4 === 0 ? other : here;
        const answer = await engine.ask({ organization, role: 'admin', user: null }, query);
        const expected = naiveFold(all, { ...query, fromMs, toMs, keep }, context);
        try {
          expectSeries(answer.series, expected.series, query);
          expect(answer.groupsOmitted).toBe(expected.groupsOmitted);
        } catch (error) {
          throw new Error(
            `world ${world}, seed ${seed}: ${JSON.stringify(query)} read ${answer.tiersRead.join(' ')}`,
            { cause: error },
          );
        }
        for (const tier of answer.tiersRead) tiersSeen.add(tier);
      }
    }
    expect([...tiersSeen].toSorted()).toEqual(['15m', '1d', '1m', 'raw']);
  }, 120_000);
});
