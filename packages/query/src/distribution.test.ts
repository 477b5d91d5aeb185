import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AppError, type DistributionQuery, type Role } from '@tidemark/core';
import { createChdbExecutor } from '@tidemark/warehouse';
import { createQueryEngine, type QueryEngine } from './engine.ts';
import { DEFAULT_STATEMENT_LIMITS } from './limits.ts';
import type { FoldEvent } from './testing/fold-metrics.ts';
import { shopCatalogue } from './testing/shop-pack.ts';
import { openTestWarehouse, organizationId, type TestWarehouse } from './testing/warehouse.ts';

const BASE_MS = Date.parse('2024-03-30T00:00:00Z');
const acme = organizationId('acme');
/** Of three countries, with and without a duration; tenths and halves lie on bounds. */
const DURATIONS: readonly (readonly [country: string, duration: string | null])[] = [
  ['DE', '0.1'],
  ['DE', '0.3'],
  ['DE', '10'],
  ['DE', '10'],
  ['DE', null],
  ['FR', '-5'],
  ['FR', '0.30000000000000004'],
  ['FR', '99.5'],
  ['', '3'],
];

let warehouse: TestWarehouse;
let engine: QueryEngine;

beforeAll(async () => {
  warehouse = await openTestWarehouse(createChdbExecutor);
  const events = DURATIONS.map(
    ([country, duration], index): FoldEvent => ({
      type: 'order.placed',
      id: `e${index}`,
      timeNs: BigInt(BASE_MS + index * 1000) * 1_000_000n,
      subject: 'ann',
      channel: 'web',
      country,
      price: null,
      duration,
      cost: null,
    }),
  );
  const dataText = ({ country, duration }: FoldEvent) =>
    JSON.stringify({ address: { country }, ...(duration === null ? {} : { duration_ms: duration }) });
  await warehouse.store(acme, events, dataText);
  await warehouse.store(organizationId('other'), events, dataText);
  engine = createQueryEngine({
    warehouse: warehouse.executor,
    contextOf: () => ({ catalogue: shopCatalogue() }),
    clock: { nowMs: () => BASE_MS + 86_400_000, sleep: () => Promise.resolve() },
    limitsOf: () => DEFAULT_STATEMENT_LIMITS,
    eventsTopic: 'events',
    allowedLatenessMs: 0,
    pipeline: {
      unknownMeasures: () => Promise.resolve([]),
      progress: () => Promise.resolve([{ arrivedThroughMs: BASE_MS + 3_600_000 }]),
      dirtyBuckets: () => Promise.resolve([]),
    },
  });
}, 60_000);

afterAll(() => warehouse.close());

function distribute(query: Partial<DistributionQuery>, role: Role = 'admin') {
  return engine.distribute(
    { organization: acme, role, user: 'ann' },
    { metric: 'shop.duration_p95', from: '2024-03-30', to: '2024-03-31', ...query },
  );
}

describe('a distribution', () => {
  it('counts values between bounds, and beyond them on both sides', async () => {
    const answer = await distribute({ bounds: [0, 0.1, 0.3, 10] });
    expect(answer).toEqual({
      metric: 'shop.duration_p95',
      from: '2024-03-30T00:00:00.000Z',
      to: '2024-03-31T00:00:00.000Z',
      timeZone: 'UTC',
      completeThrough: '2024-03-30T01:00:00.000Z',
      groupsOmitted: 0,
      groups: [
        {
          dimensions: {},
          count: 8,
          bins: [
            { from: null, to: 0, count: 1, share: 0.125 },
            { from: 0, to: 0.1, count: 0, share: 0 },
            { from: 0.1, to: 0.3, count: 1, share: 0.125 },
            // Kept to twelve decimals, 0.30000000000000004 is 0.3.
            { from: 0.3, to: 10, count: 3, share: 0.375 },
            { from: 10, to: null, count: 3, share: 0.375 },
          ],
        },
      ],
    });
  });

  it('makes bins of equal width from the least to the greatest value, both within', async () => {
    const { groups } = await distribute({ bins: 2 });
    expect(groups).toEqual([
      {
        dimensions: {},
        count: 8,
        bins: [
          { from: -5, to: 47.25, count: 7, share: 0.875 },
          { from: 47.25, to: 99.5, count: 1, share: 0.125 },
        ],
      },
    ]);
  });

  it('has bins of its own for each group, the fullest first', async () => {
    const { groups, groupsOmitted } = await distribute({ bounds: [1], groupBy: ['country'], limit: 2 });
    expect(groupsOmitted).toBe(1);
    expect(groups.map(({ dimensions, bins }) => [dimensions, bins.map(({ count }) => count)])).toEqual([
      [{ country: 'DE' }, [2, 2]],
      [{ country: 'FR' }, [2, 1]],
    ]);
  });

  it('of equal values is one bin, and of none has no bin of a width', async () => {
    const equal = await distribute({ filters: [{ dimension: 'country', op: 'exists', value: false }] });
    expect(equal.groups).toMatchObject([{ count: 1, bins: [{ from: 3, to: 3, count: 1 }] }]);
    const empty = { filters: [{ dimension: 'country', op: 'eq' as const, value: 'XX' }] };
    expect((await distribute(empty)).groups).toEqual([{ dimensions: {}, count: 0, bins: [] }]);
    expect((await distribute({ ...empty, bounds: [1] })).groups).toEqual([
      {
        dimensions: {},
        count: 0,
        bins: [
          { from: null, to: 1, count: 0, share: null },
          { from: 1, to: null, count: 0, share: null },
        ],
      },
    ]);
    expect((await distribute({ ...empty, groupBy: ['country'] })).groups).toEqual([]);
  });

  it.each<[string, Partial<DistributionQuery>, string, string]>([
    ['a metric without numbers', { metric: 'shop.buyers' }, 'invalid-query', '/metric'],
    ['a derived metric', { metric: 'shop.failure_rate' }, 'invalid-query', '/metric'],
    ['an unknown metric', { metric: 'shop.gone' }, 'unknown-metric', '/metric'],
    ['a metric for others', { metric: 'shop.cost' }, 'forbidden', '/metric'],
    ['bounds and bins', { bounds: [1], bins: 2 }, 'invalid-query', '/bins'],
    ['no bound', { bounds: [] }, 'invalid-query', '/bounds'],
    ['bounds out of order', { bounds: [1, 3, 2] }, 'invalid-query', '/bounds/2'],
    ['a bound beyond all values', { bounds: [1e15] }, 'invalid-query', '/bounds/0'],
    ['too many bins', { bins: 201 }, 'invalid-query', '/bins'],
    ['an unknown dimension', { groupBy: ['planet'] }, 'invalid-query', '/groupBy/0'],
    ['groups of persons', { groupBy: ['user'] }, 'forbidden', '/groupBy/0'],
  ])('is refused of %s', async (_name, query, code, pointer) => {
    const error: unknown = await distribute(query, 'viewer').catch((caught: unknown) => caught);
    if (!(error instanceof AppError)) throw new Error('the question was accepted', { cause: error });
    expect([error.code, error.faults.map((fault) => fault.pointer)]).toEqual([code, [pointer]]);
  });
});
