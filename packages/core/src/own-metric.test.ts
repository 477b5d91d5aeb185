import { describe, expect, it } from '@jest/globals';
import { createCatalogue } from './catalogue.ts';
import type { DerivedMetric } from './metric.ts';
import type { Pack } from './pack.ts';
import { extendCatalogue, type OwnBaseMetric } from './own-metric.ts';

const common = { title: 'T', description: '', unit: '1', direction: 'neutral' } as const;
const packOf = (key: string, metrics: Pack['metrics']): Pack => ({
  key,
  title: key,
  description: '',
  eventTypes: [{ type: `${key}.seen`, title: '', description: '', fields: [] }],
  dimensions: [{ key: 'place', title: 'Place', field: 'data.place', rolledUp: true }],
  metrics,
  subjects: [],
  importMappings: [],
  recorders: [],
  views: [],
  dashboard: [],
});
const seen = (pack: string) =>
  ({
    ...common,
    kind: 'base',
    key: `${pack}.size`,
    eventTypes: [`${pack}.seen`],
    value: 'data.size',
    aggregation: 'avg',
    dimensions: ['place'],
  }) as const;
const both: DerivedMetric = { ...common, kind: 'derived', key: 'b.ratio', expression: 'b.size / a.size' };
const all = createCatalogue([packOf('a', [seen('a')]), packOf('b', [seen('b'), both])]);

const own: OwnBaseMetric = {
  ...common,
  kind: 'base',
  key: 'own.size_p90',
  eventTypes: ['a.seen', 'nobody.declares'],
  value: 'data.size',
  aggregation: 'quantile',
  level: 0.9,
  dimensions: [{ key: 'site', title: 'Site', field: 'data.site', rolledUp: true }],
};
const derived = (key: string, expression: string): DerivedMetric => ({
  ...common,
  kind: 'derived',
  key,
  expression,
});
const keysOf = ({ metrics }: { readonly metrics: readonly { readonly key: string }[] }) =>
  metrics.map(({ key }) => key);

describe('extendCatalogue', () => {
  it('holds the metrics of enabled packs and the own ones', () => {
    const { catalogue, faults } = extendCatalogue(
      all,
      ['a'],
      [own, derived('own.share', 'own.size_p90 / a.size')],
    );
    expect([...faults]).toEqual([]);
    expect(keysOf(catalogue)).toEqual(['a.size', 'own.share', 'own.size_p90']);
    expect(catalogue.metric('own.size_p90')?.dimensions).toEqual(own.dimensions);
    expect(catalogue.packs.map(({ key }) => key)).toEqual(['a']);
  });

  it('is the catalogue itself where nothing is left out or added', () => {
    expect(extendCatalogue(all, null, []).catalogue).toBe(all);
  });

  it('changes nothing that a metric of a pack is kept in', () => {
    const average: OwnBaseMetric = {
      ...seen('a'),
      key: 'own.size_avg',
      dimensions: packOf('a', []).dimensions,
    };
    const { catalogue } = extendCatalogue(all, null, [
      { ...average, key: 'own.size_p50', aggregation: 'quantile', level: 0.5 },
      average,
    ]);
    const fingerprints = (from: typeof all) => from.measures.map(({ fingerprint }) => fingerprint);
    expect(fingerprints(catalogue)).toEqual(expect.arrayContaining([...fingerprints(all)]));
    // The sketch of one own metric is not that of the other.
    expect(fingerprints(catalogue)).toHaveLength(fingerprints(all).length + 1);
  });

  it('leaves out what is at fault, and what hangs on it, and tells each why', () => {
    const { catalogue, faults } = extendCatalogue(
      all,
      ['a'],
      [
        own,
        {
          ...own,
          key: 'other.name',
          dimensions: [{ key: 'Site', title: '', field: 'sight', rolledUp: true }],
        },
        derived('own.of_disabled', 'b.size * 2'),
        derived('own.of_that', 'own.of_disabled + own.size_p90'),
        derived('own.circle', 'own.circle + 1'),
        derived('own.broken', 'own.size_p90 +'),
      ],
    );
    expect(keysOf(catalogue)).toEqual(['a.size', 'own.size_p90']);
    expect(
      Object.fromEntries([...faults].map(([key, list]) => [key, list.map(({ pointer }) => pointer)])),
    ).toEqual({
      'other.name': ['/dimensions/0/key', '/dimensions/0/field', '/key'],
      'own.of_disabled': ['/expression'],
      'own.of_that': ['/expression'],
      'own.circle': ['/expression'],
      'own.broken': ['/expression'],
    });
  });

  it('leaves out of a pack what hangs on a disabled one', () => {
    expect(keysOf(extendCatalogue(all, ['b'], []).catalogue)).toEqual(['b.size']);
  });
});
