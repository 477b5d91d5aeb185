import { describe, expect, it } from '@jest/globals';
import { createCatalogue } from './catalogue.ts';
import { AppError } from './errors.ts';
import type { Pack } from './pack.ts';
import type { ViewDeclaration, ViewSection } from './view.ts';

const totals: ViewSection = {
  kind: 'figures',
  key: 'totals',
  title: 'Totals',
  query: { metrics: ['web.hits'] },
};
const view: ViewDeclaration = {
  key: 'web.page',
  title: 'Page',
  description: 'One page',
  path: 'pages/{page}',
  methods: ['GET'],
  parameters: [
    { name: 'page', type: 'string', description: 'Which' },
    { name: 'limit', type: 'integer', description: 'How many', minimum: 1, maximum: 10, default: 5 },
  ],
  sections: [totals],
};

const packOf = (views: readonly ViewDeclaration[], dashboard: readonly ViewSection[] = []): Pack => ({
  key: 'web',
  title: 'Web',
  description: '',
  eventTypes: [{ type: 'page.hit', title: '', description: '', fields: [] }],
  dimensions: [{ key: 'page', title: 'Page', field: 'data.page', rolledUp: true }],
  metrics: [
    {
      kind: 'base',
      key: 'web.hits',
      title: 'Hits',
      description: '',
      unit: '1',
      direction: 'neutral',
      eventTypes: ['page.hit'],
      aggregation: 'count',
      dimensions: ['page'],
    },
  ],
  subjects: [],
  importMappings: [],
  recorders: [],
  views,
  dashboard,
});

function faultsOf(views: readonly ViewDeclaration[], dashboard?: readonly ViewSection[]): string[] {
  try {
    createCatalogue([packOf(views, dashboard)]);
    return [];
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return error.faults.map(({ pointer, detail }) => `${pointer}: ${detail}`);
  }
}

const withSection = (query: object, kind = 'figures') =>
  faultsOf([{ ...view, sections: [{ kind, key: 'a', title: 'A', query } as ViewSection] }]);

describe('views of packs', () => {
  it('pass when all they name is declared', () => {
    expect(faultsOf([view], [totals])).toEqual([]);
  });

  it.each<[string, Partial<ViewDeclaration>, string]>([
    [
      'a key of another pack',
      { key: 'shop.page' },
      '/0/views/0/key: "shop.page" does not begin with its pack',
    ],
    [
      'a path with a slash too many',
      { path: 'pages//{page}' },
      '/0/views/0/path: "pages//{page}" is no path',
    ],
    ['a path parameter that is not declared', { path: 'pages/{id}' }, '/0/views/0/path: the parameter "id"'],
    ['an owner that is not declared', { ownedBy: 'user' }, '/0/views/0/ownedBy: the parameter "user"'],
    ['no method', { methods: [] }, '/0/views/0/methods: answers to no method'],
    ['a role that never asks', { role: 'producer' }, '/0/views/0/role: producers never ask'],
  ])('refuse %s', (_name, change, fault) => {
    expect(faultsOf([{ ...view, ...change }])).toEqual([expect.stringContaining(fault)]);
  });

  it('refuse parameters whose default they would refuse themselves', () => {
    const parameters: ViewDeclaration['parameters'] = [
      { name: 'page', type: 'filters', description: '' },
      { name: 'many', type: 'integer', description: '', maximum: 5, default: 6 },
      { name: 'text', type: 'string', description: '', default: 6 },
      { name: 'one', type: 'string', description: '', enum: ['a', 'b'], default: 'c' },
      { name: 'one', type: 'string', description: '' },
    ];
    expect(faultsOf([{ ...view, parameters }])).toEqual([
      expect.stringContaining('/parameters/4/name: parameter "one" is declared twice'),
      expect.stringContaining('/parameters/0/type: a parameter of the path'),
      expect.stringContaining('/parameters/1/default: 6 is out of its own bounds'),
      expect.stringContaining('/parameters/2/default: "6" is no string'),
      expect.stringContaining('/parameters/3/default: "c" is none of a, b'),
    ]);
  });

  it('refuse sections that name what nobody declares', () => {
    expect(withSection({ metrics: ['web.hits', 'web.misses', 'web.{page}'] })).toEqual([
      '/0/views/0/sections/0/query: names "web.misses", which no pack declares',
    ]);
    expect(withSection({ metrics: ['web.hits'], from: 'now-{hours}h' })).toEqual([
      '/0/views/0/sections/0: the parameter "hours" is not declared',
    ]);
    const section: ViewSection = { kind: 'subject', key: 'a', title: 'A', subject: 'web.page', id: '{page}' };
    expect(faultsOf([{ ...view, sections: [section] }])).toEqual([
      '/0/views/0/sections/0/subject: "web.page" is no subject of any pack',
    ]);
  });

  it('refuse questions that do not fit the shape of their section', () => {
    const metrics = ['web.hits'];
    expect(withSection({ metrics, granularity: 'day' })).toHaveLength(1);
    expect(withSection({ metrics, groupBy: ['page'] })).toHaveLength(1);
    expect(withSection({ metrics }, 'series')).toHaveLength(1);
    expect(withSection({ metrics }, 'table')).toHaveLength(1);
    expect(withSection({ metrics: ['web.hits', 'web.hits'], granularity: 'day' }, 'trend')).toHaveLength(1);
  });

  it('refuse two answers at one address, whatever its parameters are called', () => {
    const other: ViewDeclaration = {
      ...view,
      key: 'web.other',
      path: 'pages/{name}',
      parameters: [{ name: 'name', type: 'string', description: '' }],
    };
    expect(faultsOf([view, other])).toEqual(['/0/views/1/path: endpoint "GET pages/{}" is declared twice']);
    expect(faultsOf([view, { ...other, methods: ['POST'] }])).toEqual([]);
  });

  it('refuse parameters on a dashboard but those its reader chooses', () => {
    const query = (granularity: string) => ({ metrics: ['web.hits'], granularity });
    const series = (granularity: string): ViewSection => ({
      kind: 'series',
      key: 's',
      title: 'S',
      query: query(granularity),
    });
    expect(faultsOf([], [series('{granularity}')])).toEqual([]);
    expect(faultsOf([], [series('{step}')])).toEqual([
      '/0/dashboard/0: the parameter "step" is not declared',
    ]);
  });
});
