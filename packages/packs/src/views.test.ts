import { describe, expect, it } from '@jest/globals';
import {
  createCatalogue,
  fillTemplate,
  type FilterNode,
  type MetricSelection,
  type Pack,
  type ParameterValues,
  type Query,
  type ViewParameter,
  type ViewSection,
} from '@tidemark/core';
import { PACKS } from './index.ts';

const catalogue = createCatalogue(PACKS);
/** What the engine takes of one question. */
const METRICS_PER_QUERY_MAX = 20;

/** The endpoints that are views, by pack: what the product promises, written out. */
const PROMISED: Readonly<Record<string, readonly string[]>> = {
  llm: [
    'GET dashboard/usage',
    'POST dashboard/usage',
    'GET dashboard/cost',
    'POST dashboard/cost',
    'GET dashboard/performance',
    'POST dashboard/performance',
    'GET dashboard/behavior',
    'POST dashboard/behavior',
    'GET aggregated/usage',
    'GET aggregated/cost',
    'GET aggregated/performance',
    'GET aggregated/behavior',
    'GET time-series/usage/{name}',
    'GET time-series/cost/{name}',
    'GET time-series/performance/{name}',
    'GET time-series/behavior/{name}',
  ],
  agents: ['GET overview', 'GET agents/{id}', 'GET usage', 'GET conversations', 'GET top-agents'],
  http: ['GET summary', 'GET user/{id}', 'GET dashboard'],
  support: ['GET time-series/{metric}', 'POST aggregations', 'GET performance', 'GET distribution/{field}'],
  messaging: [
    'GET metrics/messages/realtime',
    'GET metrics/campaigns/{id}',
    'GET metrics/system',
    'GET metrics/accounts/{id}',
    'GET metrics/routes',
    'GET trends/messages',
    'GET dashboard/summary',
  ],
  custom: ['GET custom/{name}'],
};

const FOR_ADMINS = ['cost', 'performance'].flatMap((side) => [
  `dashboard/${side}`,
  `aggregated/${side}`,
  `time-series/${side}/{name}`,
]);

function routesOf({ views }: Pack): string[] {
  return views.flatMap(({ path, methods }) => methods.map((method) => `${method} ${path}`));
}

/** Something for every parameter, so that nothing of a section is left out: one choice after the other of those that have several. */
function fillings(parameters: readonly ViewParameter[]): ParameterValues[] {
  const first = Object.fromEntries(parameters.map((parameter) => [parameter.name, valueOf(parameter)]));
  const others = parameters.flatMap(({ name, enum: values = [] }) =>
    values.map((value) => ({ ...first, [name]: value })),
  );
  return [first, ...others];
}

function valueOf({
  type,
  default: value,
  enum: values = [],
  minimum,
}: ViewParameter): ParameterValues[string] {
  if (value !== undefined) return value;
  if (type === 'metrics') return ['support.tickets', 'support.resolution_p95'];
  if (type === 'filters') return [];
  if (type === 'integer' || type === 'number') return minimum ?? 1;
  return values[0] ?? 'some';
}

const READER: ParameterValues = {
  from: 'now-24h',
  to: 'now',
  timeZone: 'UTC',
  granularity: 'hour',
  filters: [],
};

interface Asked {
  readonly place: string;
  readonly query: Partial<Query> & { readonly metric?: string };
}

function askedBy(
  place: string,
  sections: readonly ViewSection[],
  values: readonly ParameterValues[],
): Asked[] {
  return sections.flatMap((section) =>
    'query' in section
      ? values.map((filling) => ({
          place: `${place}/${section.key}`,
          query: fillTemplate(section.query, filling) as Asked['query'],
        }))
      : [],
  );
}

const QUESTIONS = PACKS.flatMap((pack) => [
  ...askedBy(`${pack.key} dashboard`, pack.dashboard, [READER]),
  ...pack.views.flatMap((view) => askedBy(view.key, view.sections, fillings(view.parameters))),
]);

function keyOf(selection: MetricSelection): string {
  if (typeof selection === 'string') return selection;
  return 'metric' in selection ? selection.metric : '';
}

function dimensionsIn(node: FilterNode): string[] {
  if ('and' in node) return node.and.flatMap(dimensionsIn);
  if ('or' in node) return node.or.flatMap(dimensionsIn);
  return 'not' in node ? dimensionsIn(node.not) : [node.dimension];
}

describe('the views of the packs', () => {
  it.each(PACKS.map((pack) => [pack.key, pack] as const))(
    'of %s answer every endpoint promised',
    (key, pack) => {
      expect(routesOf(pack)).toEqual(expect.arrayContaining([...(PROMISED[key] ?? ['a promise'])]));
    },
  );

  it('answer to no endpoint twice', () => {
    const routes = PACKS.flatMap(routesOf).map((route) => route.replaceAll(/\{[^}]+\}/g, '{}'));
    expect(routes.filter((route, index) => routes.indexOf(route) !== index)).toEqual([]);
  });

  it('show cost and performance of the product to admins alone, and a user to themselves', () => {
    const views = PACKS.flatMap((pack) => pack.views);
    expect(
      views
        .filter(({ role }) => role === 'admin')
        .map(({ path }) => path)
        .toSorted(),
    ).toEqual(FOR_ADMINS.toSorted());
    expect(views.filter(({ ownedBy }) => ownedBy !== undefined).map(({ path }) => path)).toEqual([
      'user/{id}',
    ]);
  });

  it('ask for metrics that there are, by dimensions that they share', () => {
    for (const { place, query } of QUESTIONS) {
      const keys = query.metric === undefined ? (query.metrics ?? []).map(keyOf) : [query.metric];
      const unknown = keys.filter((key) => catalogue.metric(key) === null);
      const dimensions = keys.map(
        (key) => new Set(catalogue.metric(key)?.dimensions.map((dimension) => dimension.key)),
      );
      const used = [...(query.groupBy ?? []), ...(query.filters ?? []).flatMap(dimensionsIn)];
      const unshared = used.filter((key) => !dimensions.every((known) => known.has(key)));
      expect({ place, count: keys.length > 0, unknown, unshared, query }).toEqual({
        place,
        count: true,
        unknown: [],
        unshared: [],
        query,
      });
      expect(keys.length).toBeLessThanOrEqual(METRICS_PER_QUERY_MAX);
      if (query.orderBy !== undefined) expect(keys).toContain(query.orderBy.metric);
    }
  });

  it('leave no metric for admins in a section that everybody sees', () => {
    const open = PACKS.flatMap((pack) => [
      ...pack.dashboard.map((section) => ({ section, values: [READER], role: 'viewer' })),
      ...pack.views.flatMap(({ parameters, sections, role = 'viewer' }) =>
        sections.map((section) => ({ section, values: fillings(parameters), role })),
      ),
    ]).filter(({ section, role }) => (section.role ?? role) !== 'admin');
    for (const { section, values } of open) {
      for (const { place, query } of askedBy('', [section], values)) {
        const forAdmins = (query.metrics ?? [query.metric ?? '']).filter(
          (selection) => catalogue.metric(keyOf(selection))?.role === 'admin',
        );
        expect({ place, forAdmins }).toEqual({ place, forAdmins: [] });
      }
    }
  });

  it('list no persons in a section that everybody sees', () => {
    const personal = new Set(
      PACKS.flatMap(({ dimensions }) => dimensions.filter(({ isPersonal }) => isPersonal === true)).map(
        ({ key }) => key,
      ),
    );
    const open = PACKS.flatMap(({ views, dashboard }) => [
      ...dashboard,
      ...views.filter(({ role }) => role !== 'admin').flatMap(({ sections }) => sections),
    ]).filter(({ role }) => role !== 'admin');
    for (const section of open) {
      if (section.kind === 'subjects') {
        const subject = catalogue.packs
          .flatMap(({ subjects }) => subjects)
          .find(({ kind }) => kind === section.subject);
        expect({ section: section.key, isPerson: subject?.isPerson }).toEqual({ section: section.key });
      } else if ('query' in section) {
        const groups = (section.query.groupBy ?? []).filter((key) => personal.has(key));
        expect({ section: section.key, groups }).toEqual({ section: section.key, groups: [] });
      }
    }
  });

  it('describe each parameter, and know a value of every one that is neither required nor optional', () => {
    for (const { key, path, parameters, description, sections } of PACKS.flatMap((pack) => pack.views)) {
      expect({ key, description }).toEqual({ key, description: expect.stringMatching(/\.$/) });
      expect(sections.length).toBeGreaterThan(0);
      for (const { name, description: told, type, minimum, maximum, default: value } of parameters) {
        expect({ key, name, told }).toEqual({ key, name, told: expect.stringMatching(/\.$/) });
        const isBounded = type !== 'integer' || (minimum !== undefined && maximum !== undefined);
        expect({ key, name, isBounded }).toEqual({ key, name, isBounded: true });
        if (path.includes(`{${name}}`)) expect(value).toBeUndefined();
      }
    }
  });
});
