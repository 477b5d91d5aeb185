import { describe, expect, it } from '@jest/globals';
import { baseMetricsOf } from './catalogue-metric.ts';
import { createCatalogue } from './catalogue.ts';
import { AppError } from './errors.ts';
import type { BaseMetric, DerivedMetric } from './metric.ts';
import type { Pack } from './pack.ts';

const count: BaseMetric = {
  kind: 'base',
  key: 'web.hits',
  title: 'Hits',
  description: '',
  unit: '1',
  direction: 'neutral',
  eventTypes: ['page.hit'],
  aggregation: 'count',
  dimensions: ['page', 'host'],
};
const errors: BaseMetric = {
  ...count,
  key: 'web.errors',
  dimensions: ['host'],
  role: 'admin',
  filters: [{ field: 'data.status', op: 'gte', value: 500 }],
};
const derived = (key: string, expression: string): DerivedMetric => ({
  kind: 'derived',
  key,
  title: key,
  description: '',
  unit: '%',
  direction: 'neutral',
  expression,
});

const pack: Pack = {
  key: 'web',
  title: 'Web',
  description: '',
  eventTypes: [{ type: 'page.hit', title: '', description: '', fields: [] }],
  dimensions: [
    { key: 'page', title: 'Page', field: 'data.page', rolledUp: false },
    { key: 'host', title: 'Host', field: 'data.host', rolledUp: true },
  ],
  metrics: [count, errors, derived('web.error_rate', 'web.errors / web.hits * 100')],
  importMappings: [],
  recorders: [],
  subjects: [],
  views: [],
  dashboard: [],
};

function faultsOf(...packs: Pack[]): string[] {
  try {
    createCatalogue(packs);
  } catch (error) {
    if (error instanceof AppError) return error.faults.map(({ pointer, detail }) => `${pointer} ${detail}`);
    throw error;
  }
  return [];
}

describe('createCatalogue', () => {
  it('resolves dimensions, roles, event types and measures', () => {
    const catalogue = createCatalogue([pack]);
    const rate = catalogue.metric('web.error_rate');
    expect(rate?.dimensions.map(({ key }) => key)).toEqual(['host']);
    expect(rate?.role).toBe('admin');
    expect(rate?.eventTypes).toEqual(['page.hit']);
    expect(rate && baseMetricsOf(rate).map(({ key }) => key)).toEqual(['web.errors', 'web.hits']);
    expect(catalogue.metric('web.hits')?.role).toBe('viewer');
    expect(catalogue.metric('web.nothing')).toBeNull();
    expect(catalogue.metrics.map(({ key }) => key)).toEqual(['web.error_rate', 'web.errors', 'web.hits']);
    expect(catalogue.measures).toHaveLength(2);
    expect(catalogue.eventType('page.hit')?.type).toBe('page.hit');
  });

  it('substitutes derived operands and keeps their role', () => {
    const secret: DerivedMetric = { ...derived('web.secret', 'web.hits * 2'), role: 'admin' };
    const open = derived('web.open', '1 + web.secret');
    const metric = createCatalogue([{ ...pack, metrics: [count, secret, open] }]).metric('web.open');
    expect(metric?.role).toBe('admin');
    expect(metric && baseMetricsOf(metric).map(({ key }) => key)).toEqual(['web.hits']);
  });

  it('reports every fault of every pack at once', () => {
    const broken: Pack = {
      ...pack,
      dimensions: [...pack.dimensions, { key: 'host', title: '', field: 'data.a-b', rolledUp: true }],
      metrics: [
        { ...count, eventTypes: ['page.gone'], dimensions: ['page', 'nowhere'] },
        { ...count, aggregation: 'sum' },
        { ...count, key: 'other.p95', aggregation: 'quantile', value: 'data.ms', level: 1 },
        { ...count, key: 'web.leveled', level: 0.5 },
        { ...count, key: 'web.filtered', filters: [{ field: 'data.x', op: 'in', value: 'a' }] },
        derived('web.a', 'web.b + 1'),
        derived('web.b', 'web.a + web.unheard'),
        derived('web.c', '1 +'),
        derived('web.d', '42'),
      ],
    };
    const faults = faultsOf(broken, { ...pack, metrics: [] });
    for (const expected of [
      '/1/key pack "web" is declared twice',
      '/1/eventTypes/0/type event type "page.hit" is declared twice',
      '/0/dimensions/2/key dimension "host" is declared twice',
      '/0/dimensions/2/field "data.a-b" is no field reference',
      '/0/metrics/1/key metric "web.hits" is declared twice',
      '/0/metrics/0/eventTypes/0 "page.gone" is not an event type',
      '/0/metrics/0/dimensions/1 "nowhere" is not declared',
      '/0/metrics/1/value sum needs a value',
      '/0/metrics/2/key "other.p95" does not begin with its pack',
      '/0/metrics/2/level a quantile needs a level between 0 and 1',
      '/0/metrics/3/level only a quantile has a level',
      '/0/metrics/4/filters/0/value in needs a list',
      '/0/metrics/5/expression depends on itself: web.a -> web.b -> web.a',
      '/0/metrics/6/expression depends on itself: web.b -> web.a -> web.b',
      '/0/metrics/6/expression names "web.unheard"',
      '/0/metrics/7/expression at character 3: ends where',
      '/0/metrics/8/expression names no metric',
    ]) {
      expect(faults).toContainEqual(expect.stringContaining(expected));
    }
    expect(faults).toHaveLength(17);
  });

  it('refuses a chain of derived metrics that doubles at every step', () => {
    const chain = Array.from({ length: 12 }, (_, index) => {
      const operand = index === 0 ? 'web.hits' : `web.d${index - 1}`;
      return derived(`web.d${index}`, `${operand} + ${operand}`);
    });
    expect(faultsOf({ ...pack, metrics: [count, ...chain] })).toEqual([
      '/0/metrics/10/expression has 1024 terms, more than 1000, when expanded',
      '/0/metrics/11/expression has 2048 terms, more than 1000, when expanded',
      '/0/metrics/12/expression has 4096 terms, more than 1000, when expanded',
    ]);
  });
});
