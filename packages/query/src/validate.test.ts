import { describe, expect, it } from '@jest/globals';
import { AppError, type FilterNode, type Query, type Role } from '@tidemark/core';
import { questionHash, writeCursor } from './cursor.ts';
import { deskCatalogue } from './testing/desk-pack.ts';
import { shopCatalogue } from './testing/shop-pack.ts';
import { resolveQuery } from './validate.ts';

const catalogue = shopCatalogue();
const valid: Query = { metrics: ['shop.orders'], from: '2024-03-30', to: '2024-03-31' };

function resolve(query: Partial<Query>, role: Role = 'admin', user: string | null = null) {
  return resolveQuery(
    { ...valid, ...query },
    { catalogue, role, user, nowMs: Date.parse('2024-03-31T12:00:00Z') },
  );
}

function refusal(query: Partial<Query>, role?: Role, user?: string | null): AppError {
  try {
    resolve(query, role, user);
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

const pointersOf = (error: AppError) => error.faults.map(({ pointer }) => pointer);
const german: FilterNode = { dimension: 'country', op: 'eq', value: 'DE' };
const nested = (levels: number): FilterNode => (levels === 1 ? german : { not: nested(levels - 1) });

describe('filters', () => {
  it('nest to a bounded depth, and are bounded in number over all levels', () => {
    expect(resolve({ filters: [nested(8), { or: [german, { and: [german] }] }] }).filters).toHaveLength(2);
    expect(pointersOf(refusal({ filters: [nested(9)] }))).toEqual([`/filters/0${'/not'.repeat(8)}`]);
    const many = (count: number): FilterNode[] => [{ or: Array.from({ length: count }, () => german) }];
    expect(resolve({ filters: many(64) }).filters).toHaveLength(1);
    expect(pointersOf(refusal({ filters: many(65) }))).toEqual(['/filters']);
  });

  it('are refused where the fault is', () => {
    const planet: FilterNode = { dimension: 'planet', op: 'eq', value: 'x' };
    const list: FilterNode = { dimension: 'country', op: 'eq', value: ['x'] };
    const error = refusal({ filters: [{ or: [german, { and: [list, { not: planet }] }] }, { or: [] }] });
    expect(error.code).toBe('invalid-query');
    expect(pointersOf(error)).toEqual([
      '/filters/0/or/1/and/0/value',
      '/filters/0/or/1/and/1/not/dimension',
      '/filters/1/or',
    ]);
  });

  it.each<[string, unknown]>([
    ['nothing', null],
    ['a text', 'country:eq:DE'],
    ['two forms at once', { and: [german], or: [german] }],
    ['a condition and a form', { ...german, not: german }],
    ['no list', { and: german }],
    ['no value', { dimension: 'country', op: 'eq' }],
  ])('are no filter: %s', (_name, node) => {
    expect(pointersOf(refusal({ filters: [node as FilterNode] }))).toEqual(['/filters/0']);
  });
});

describe('selections', () => {
  it('are metrics at other levels, and expressions', () => {
    const { metrics } = resolve({
      metrics: [
        { as: 'p99', metric: 'shop.duration_p95', level: 0.99 },
        { as: 'per second', expression: 'shop.failure_rate + shop.orders / seconds' },
      ],
      orderBy: { metric: 'p99', direction: 'asc' },
    });
    expect(metrics).toMatchObject([
      { kind: 'base', key: 'p99', declaration: { level: 0.99 } },
      { kind: 'derived', key: 'per second', declaration: { unit: '1' } },
    ]);
    const [, rate] = metrics;
    expect(rate?.kind === 'derived' && rate.operands.map(({ key }) => key).toSorted()).toEqual([
      'shop.failures',
      'shop.orders',
    ]);
  });

  it.each<[string, Query['metrics'][number], string, string]>([
    [
      'a level of no quantile',
      { as: 'x', metric: 'shop.orders', level: 0.5 },
      'invalid-query',
      '/metrics/0/metric',
    ],
    [
      'a level beyond 1',
      { as: 'x', metric: 'shop.duration_p95', level: 1 },
      'invalid-query',
      '/metrics/0/level',
    ],
    [
      'a level of an unknown metric',
      { as: 'x', metric: 'shop.gone', level: 0.5 },
      'unknown-metric',
      '/metrics/0/metric',
    ],
    ['a broken expression', { as: 'x', expression: '1 +' }, 'invalid-query', '/metrics/0/expression'],
    [
      'an expression over nothing',
      { as: 'x', expression: 'seconds * 2' },
      'invalid-query',
      '/metrics/0/expression',
    ],
    [
      'an expression over an unknown metric',
      { as: 'x', expression: 'shop.orders / shop.gone' },
      'unknown-metric',
      '/metrics/0/expression',
    ],
    ['a name with a dot', { as: 'shop.x', expression: 'shop.orders' }, 'invalid-query', '/metrics/0/as'],
    ['no unit', { as: 'x', expression: 'shop.orders', unit: '' }, 'invalid-query', '/metrics/0/unit'],
  ])('refuses %s', (_name, selection, code, pointer) => {
    const error = refusal({ metrics: [selection] });
    expect(error.code).toBe(code);
    expect(pointersOf(error)).toEqual([pointer]);
  });

  it('tells where in the expression the fault is', () => {
    const at = (expression: string) => refusal({ metrics: [{ as: 'x', expression }] }).message;
    expect(at('shop.orders / (2 *)')).toContain('at character 18');
    expect(at('shop.orders / shop.gone')).toContain('at character 14: "shop.gone"');
  });

  it('refuses a name given twice, and more operands than the limit', () => {
    const twice = refusal({
      metrics: [
        { as: 'x', expression: 'shop.orders' },
        { as: 'x', expression: 'shop.failures' },
      ],
    });
    expect(pointersOf(twice)).toEqual(['/metrics/1/as']);
  });

  it('are for the greatest role of their operands', () => {
    const profit: Query['metrics'] = [{ as: 'x', expression: '1 - shop.profit' }];
    expect(refusal({ metrics: profit }, 'viewer').code).toBe('forbidden');
    expect(resolve({ metrics: profit }).metrics).toMatchObject([{ role: 'admin' }]);
  });
});

describe('a fiscal year', () => {
  it('begins in a month', () => {
    expect(pointersOf(refusal({ fiscalYearStart: 13 }))).toEqual(['/fiscalYearStart']);
    expect(pointersOf(refusal({ fiscalYearStart: 1.5 }))).toEqual(['/fiscalYearStart']);
    const { fromMs } = resolve({ from: 'now/y', to: 'now', fiscalYearStart: 3 });
    expect(new Date(fromMs).toISOString()).toBe('2024-03-01T00:00:00.000Z');
  });
});

describe('personal dimensions', () => {
  const own: FilterNode = { dimension: 'user', op: 'eq', value: 'ann' };
  const others: FilterNode = { dimension: 'user', op: 'eq', value: 'bob' };

  it('are open to administrators', () => {
    expect(resolve({ groupBy: ['user'], filters: [{ or: [own, others] }] }).groupBy).toEqual(['user']);
  });

  it('are open to a viewer who asks about themselves', () => {
    expect(resolve({ filters: [own] }, 'viewer', 'ann').filters).toEqual([own]);
    expect(
      resolve({ filters: [{ and: [german, own] }], groupBy: ['user'] }, 'viewer', 'ann').groupBy,
    ).toEqual(['user']);
  });

  it.each<[string, Partial<Query>, string | null, string]>([
    ['groups', { groupBy: ['country', 'user'] }, 'ann', '/groupBy/1'],
    ['another person', { filters: [others] }, 'ann', '/filters/0'],
    ['everybody else', { filters: [{ not: own }] }, 'ann', '/filters/0/not'],
    ['a part of an or', { filters: [{ or: [own, german] }] }, 'ann', '/filters/0/or/0'],
    ['a list', { filters: [{ dimension: 'user', op: 'in', value: ['ann'] }] }, 'ann', '/filters/0'],
    [
      'a part of a name',
      { filters: [{ dimension: 'user', op: 'contains', value: 'a' }] },
      'ann',
      '/filters/0',
    ],
    ['a credential of nobody', { filters: [own] }, null, '/filters/0'],
    ['more than the own value', { filters: [own, { not: others }] }, 'ann', '/filters/1/not'],
  ])('are closed to a viewer: %s', (_name, query, user, pointer) => {
    const error = refusal(query, 'viewer', user);
    expect(error.code).toBe('forbidden');
    expect(pointersOf(error)).toEqual([pointer]);
  });

  it('are closed in expressions over their metrics too', () => {
    const error = refusal(
      { metrics: [{ as: 'x', expression: 'shop.orders * 2' }], groupBy: ['user'] },
      'viewer',
      'ann',
    );
    expect(error.code).toBe('forbidden');
  });
});

describe('targets', () => {
  const bobAlone = { attribute: 'agent', values: { bob: 1e9 }, otherwise: null };
  const held = { ...valid, metrics: ['desk.in_time_share'] };
  const desk = deskCatalogue();
  const resolveHeld = (query: Partial<Query>, role: Role = 'viewer') =>
    resolveQuery({ ...held, ...query }, { catalogue: desk, role, user: 'ann', nowMs: 0 });

  it('name persons for administrators, and for a viewer who asks about themselves', () => {
    expect(resolveHeld({ targets: bobAlone }, 'admin').targets).toEqual(bobAlone);
    const own: FilterNode = { dimension: 'agent', op: 'eq', value: 'ann' };
    expect(resolveHeld({ targets: bobAlone, filters: [own] }).targets).toEqual(bobAlone);
    expect(() => resolveHeld({ targets: bobAlone })).toThrow(
      expect.objectContaining({
        code: 'forbidden',
        faults: [expect.objectContaining({ pointer: '/targets/attribute' })],
      }),
    );
  });

  it('are told by an attribute of the subject, in bounded text', () => {
    const long = { attribute: 'shade', values: { ['x'.repeat(40_000)]: 1 }, otherwise: 1 };
    expect(() => resolveHeld({ targets: long })).toThrow(
      expect.objectContaining({
        code: 'invalid-query',
        faults: [
          expect.objectContaining({ pointer: '/targets/attribute' }),
          expect.objectContaining({ pointer: '/targets/values' }),
        ],
      }),
    );
  });
});

describe('a cursor', () => {
  const grouped: Partial<Query> = { groupBy: ['country'], from: 'now-1d', to: 'now', limit: 2 };
  const resolved = resolve(grouped);
  const nowMs = Date.parse('2024-03-30T11:00:00Z');
  const first = resolveQuery({ ...valid, ...grouped }, { catalogue, role: 'admin', user: null, nowMs });
  const cursor = writeCursor({ nowMs, rank: '7', group: ['DE'] }, questionHash(first));

  it('continues its question from its place, at the instant of its first page', () => {
    const next = resolve({ ...grouped, limit: 5, cursor });
    expect(next).toMatchObject({ after: { rank: '7', group: ['DE'] }, limit: 5 });
    expect([next.fromMs, next.toMs]).toEqual([first.fromMs, first.toMs]);
    expect(next.toMs).not.toBe(resolved.toMs);
  });

  it.each<[string, Partial<Query>]>([
    ['another metric', { metrics: ['shop.failures'] }],
    ['another range', { from: 'now-2d' }],
    ['another filter', { filters: [german] }],
    ['another order', { orderBy: { metric: 'shop.orders', direction: 'asc' } }],
    ['another zone', { timeZone: 'Europe/Berlin' }],
    ['the rest besides', { other: true }],
  ])('belongs to no question with %s', (_name, change) => {
    const error = refusal({ ...grouped, cursor, ...change });
    expect(pointersOf(error)).toEqual(['/cursor']);
    expect(error.message).toContain('another question');
  });

  it.each([
    'nonsense',
    '',
    Buffer.from('{}').toString('base64url'),
    Buffer.from('[1,2,3]').toString('base64url'),
    Buffer.from(JSON.stringify([1, 'x', 5, 7, ['DE']])).toString('base64url'),
    Buffer.from(JSON.stringify([99, 'x', 5, null, ['DE']])).toString('base64url'),
  ])('is not %j', (text) => {
    expect(pointersOf(refusal({ ...grouped, cursor: text }))).toEqual(['/cursor']);
  });
});
