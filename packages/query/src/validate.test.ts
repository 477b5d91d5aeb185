import { describe, expect, it } from '@jest/globals';
import { AppError, type Query, type Role } from '@tidemark/core';
import { shopCatalogue } from './testing/shop-pack.ts';
import { resolveQuery } from './validate.ts';

const catalogue = shopCatalogue();
const valid: Query = { metrics: ['shop.orders'], from: '2024-03-30', to: '2024-03-31' };

function resolve(query: Partial<Query>, role: Role = 'admin') {
  return resolveQuery({ ...valid, ...query }, { catalogue, role, nowMs: Date.parse('2024-03-31T12:00:00Z') });
}

function refusal(query: Partial<Query>, role?: Role): AppError {
  try {
    resolve(query, role);
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error('the question was accepted');
}

describe('resolveQuery', () => {
  it('fills in the defaults', () => {
    expect(resolve({ metrics: ['shop.orders', 'shop.orders'] })).toMatchObject({
      metrics: [{ key: 'shop.orders' }],
      fromMs: Date.parse('2024-03-30T00:00:00Z'),
      granularity: null,
      timeZone: 'UTC',
      weekStart: 'monday',
      groupBy: [],
      filters: [],
      shift: null,
      fill: 'none',
      orderBy: { metric: { key: 'shop.orders' }, direction: 'desc' },
      limit: 100,
    });
  });

  it.each<[string, Partial<Query>, string, string]>([
    ['no metric', { metrics: [] }, 'invalid-query', '/metrics'],
    ['an unknown metric', { metrics: ['shop.orders', 'shop.gone'] }, 'unknown-metric', '/metrics/1'],
    ['an unknown zone', { timeZone: 'Mars/Olympus' }, 'invalid-query', '/timeZone'],
    ['an impossible date', { from: '2024-02-30' }, 'invalid-query', '/from'],
    ['an empty range', { from: 'now', to: 'now' }, 'invalid-query', '/to'],
    ['an unknown dimension', { groupBy: ['country', 'planet'] }, 'invalid-query', '/groupBy/1'],
    ['a dimension twice', { groupBy: ['country', 'country'] }, 'invalid-query', '/groupBy/1'],
    [
      'a dimension that one of the operands lacks',
      { metrics: ['shop.profit'], groupBy: ['channel'] },
      'invalid-query',
      '/groupBy/0',
    ],
    [
      'a filter on an unknown dimension',
      { filters: [{ dimension: 'planet', op: 'eq', value: 'x' }] },
      'invalid-query',
      '/filters/0/dimension',
    ],
    [
      'a list for eq',
      { filters: [{ dimension: 'country', op: 'eq', value: ['x'] }] },
      'invalid-query',
      '/filters/0/value',
    ],
    [
      'text for gt',
      { filters: [{ dimension: 'country', op: 'gt', value: '5' }] },
      'invalid-query',
      '/filters/0/value',
    ],
    [
      'too many values',
      { filters: [{ dimension: 'country', op: 'in', value: Array.from({ length: 1001 }, String) }] },
      'invalid-query',
      '/filters/0/value',
    ],
    ['a limit beyond the greatest', { limit: 1001 }, 'invalid-query', '/limit'],
    ['a limit of nothing', { limit: 0 }, 'invalid-query', '/limit'],
    [
      'an order by a metric not asked',
      { orderBy: { metric: 'shop.failures', direction: 'asc' } },
      'invalid-query',
      '/orderBy/metric',
    ],
  ])('refuses %s', (_name, query, code, pointer) => {
    const error = refusal(query);
    expect(error.code).toBe(code);
    expect(error.faults.map((fault) => fault.pointer)).toEqual([pointer]);
  });

  it('reports all faults together', () => {
    const error = refusal({
      metrics: ['shop.gone', 'shop.orders'],
      from: 'never',
      timeZone: 'Nowhere',
      groupBy: ['planet'],
      limit: -1,
    });
    expect(error.code).toBe('unknown-metric');
    expect(error.faults.map(({ pointer, code }) => `${code} ${pointer}`)).toEqual([
      'unknown-metric /metrics/0',
      'invalid-query /timeZone',
      'invalid-query /from',
      'invalid-query /groupBy/0',
      'invalid-query /limit',
    ]);
  });

  it('keeps metrics for admins from viewers, derived ones too', () => {
    expect(refusal({ metrics: ['shop.cost'] }, 'viewer').code).toBe('forbidden');
    expect(refusal({ metrics: ['shop.profit'] }, 'viewer').code).toBe('forbidden');
    expect(refusal({}, 'producer').code).toBe('forbidden');
    expect(resolve({ metrics: ['shop.profit'] }, 'admin').metrics).toHaveLength(1);
  });
});
