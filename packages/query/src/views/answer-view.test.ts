import { describe, expect, it } from '@jest/globals';
import {
  type Answer,
  AppError,
  type ParameterValues,
  parseOrganizationId,
  type Principal,
  type Query,
  type Series,
  type ViewDeclaration,
  type ViewSection,
} from '@tidemark/core';
import { shopCatalogue } from '../testing/shop-pack.ts';
import { answerView, type ViewSources } from './answer-view.ts';

const organization = parseOrganizationId('acme');
if (organization === null) throw new Error('a valid id');
const admin: Principal = { organization, role: 'admin', credentialId: 'k1', user: null };
const viewer: Principal = { ...admin, role: 'viewer', user: 'ada' };

const point = (value: number | null, partial = false, day = 1) => ({
  start: `2026-01-0${day}T00:00:00.000Z`,
  end: `2026-01-0${day + 1}T00:00:00.000Z`,
  value,
  partial,
});

function answerOf(series: readonly Series[]): Answer {
  return {
    series,
    from: '2026-01-01T00:00:00.000Z',
    to: '2026-01-02T00:00:00.000Z',
    granularity: null,
    timeZone: 'UTC',
    completeThrough: '2026-01-02T00:00:00.000Z',
    tiersRead: ['1d'],
    estimates: [],
    groupsOmitted: 0,
    nextCursor: null,
  };
}

/** Sources that keep what they were asked. */
function sourcesOf(answer: (query: Query) => Answer) {
  const asked: Query[] = [];
  const sources: ViewSources = {
    ask: (_principal, query) => {
      asked.push(query);
      return Promise.resolve(answer(query));
    },
    distribute: (_principal, query) =>
      Promise.resolve({
        groups: [],
        metric: query.metric,
        from: query.from,
        to: query.to,
        timeZone: 'UTC',
        completeThrough: null,
        groupsOmitted: 0,
      }),
    subject: (_principal, { kind, id }) =>
      Promise.resolve({ kind, id, attributes: {}, firstSeen: 'then', lastSeen: 'now' }),
    subjects: () => Promise.resolve([]),
  };
  return { sources, asked };
}

function viewOf(sections: readonly ViewSection[], more: Partial<ViewDeclaration> = {}) {
  return { key: 'shop.view', parameters: [], sections, ...more };
}

const ask = (
  sources: ViewSources,
  view: ReturnType<typeof viewOf>,
  parameters: ParameterValues = {},
  principal = admin,
) => answerView(sources, principal, { view, parameters, catalogue: shopCatalogue() });

describe('answerView', () => {
  it('tells each figure with its unit, and its change when the section compares', async () => {
    const { sources } = sourcesOf(() =>
      answerOf([
        {
          metric: 'shop.orders',
          dimensions: {},
          points: [point(12)],
          compared: { points: [point(10)], changePercent: 20 },
        },
        { metric: 'mine', dimensions: {}, points: [point(null, true)] },
      ]),
    );
    const section: ViewSection = {
      kind: 'figures',
      key: 'totals',
      title: 'Totals',
      query: { metrics: ['shop.orders', { as: 'mine', expression: 'shop.orders / seconds', unit: '1/s' }] },
    };
    const { sections } = await ask(sources, viewOf([section]));
    expect(sections['totals']).toMatchObject({
      kind: 'figures',
      title: 'Totals',
      tiersRead: ['1d'],
      figures: {
        'shop.orders': { value: 12, unit: '1', partial: false, previous: 10, changePercent: 20 },
        mine: { value: null, unit: '1/s', partial: true },
      },
    });
  });

  it('makes a row of each group, with its share of all groups, shown or not', async () => {
    const row = (channel: string | null, orders: number, price: string, isOther = false): Series[] => [
      {
        metric: 'shop.orders',
        dimensions: { channel },
        points: [point(orders)],
        ...(isOther ? { isOther } : {}),
      },
      {
        metric: 'shop.price_avg',
        dimensions: { channel },
        points: [{ ...point(0), value: price }],
        ...(isOther ? { isOther } : {}),
      },
    ];
    const { sources, asked } = sourcesOf(() => ({
      ...answerOf([...row('web', 6, '1.50'), ...row('app', 2, '2'), ...row(null, 4, '3', true)]),
      groupsOmitted: 9,
    }));
    const section: ViewSection = {
      kind: 'table',
      key: 'channels',
      title: 'Channels',
      query: { metrics: ['shop.orders', 'shop.price_avg'], groupBy: ['channel'], limit: '{limit}' },
    };
    const view = viewOf([section], {
      parameters: [{ name: 'limit', type: 'integer', description: '', default: 2 }],
    });
    const { sections, parameters } = await ask(sources, view);
    expect(parameters).toEqual({ limit: 2 });
    expect(asked[0]).toMatchObject({ limit: 2, other: true, from: 'now-24h', to: 'now' });
    expect(sections['channels']).toMatchObject({
      groupsOmitted: 9,
      rows: [
        { dimensions: { channel: 'web' }, isOther: false, share: 0.5, values: { 'shop.price_avg': '1.50' } },
        { dimensions: { channel: 'app' }, share: 2 / 12, values: { 'shop.orders': 2 } },
        { isOther: true, share: 4 / 12 },
      ],
    });
  });

  it('claims no share of what does not add up', async () => {
    const { sources, asked } = sourcesOf(() =>
      answerOf([{ metric: 'shop.buyers', dimensions: { channel: 'web' }, points: [point(3)] }]),
    );
    const query = { metrics: ['shop.buyers'], groupBy: ['channel'] };
    const { sections } = await ask(sources, viewOf([{ kind: 'table', key: 't', title: 'T', query }]));
    expect(sections['t']).toMatchObject({ rows: [{ share: null }] });
    expect(asked[0]).not.toHaveProperty('other');
  });

  it('takes a trend from complete points alone', async () => {
    const points = [1, 2, 3, 4, 5, 6, 7].map((value) => point(value, value > 5, value));
    const { sources } = sourcesOf(() => answerOf([{ metric: 'shop.orders', dimensions: {}, points }]));
    const query = { metrics: ['shop.orders'], granularity: 'day' as const };
    const { sections } = await ask(sources, viewOf([{ kind: 'trend', key: 'trend', title: 'T', query }]));
    expect(sections['trend']).toMatchObject({ points, trend: { count: 5, max: 5, direction: 'up' } });
  });

  it('gives every section the range, zone and filters of the reader where it leaves them open', async () => {
    const { sources, asked } = sourcesOf(() => answerOf([]));
    const own = { dimension: 'country', op: 'eq', value: 'DE' } as const;
    const given = { or: [{ dimension: 'channel', op: 'eq', value: 'web' } as const] };
    const view = viewOf([
      { kind: 'series', key: 'a', title: 'A', query: { metrics: ['shop.orders'], filters: [own] } },
      { kind: 'series', key: 'b', title: 'B', query: { metrics: ['shop.orders'], from: 'now-{h}h' } },
    ]);
    await ask(sources, view, { from: '2026-01-01', timeZone: 'Asia/Kolkata', filters: [given], h: 6 });
    expect(asked).toEqual([
      expect.objectContaining({ from: '2026-01-01', timeZone: 'Asia/Kolkata', filters: [own, given] }),
      expect.objectContaining({ from: 'now-6h', to: 'now', filters: [given] }),
    ]);
  });

  it('leaves out what the role does not see, and says so', async () => {
    const { sources, asked } = sourcesOf(() => answerOf([]));
    const query = { metrics: ['shop.cost'] };
    const view = viewOf([{ kind: 'figures', key: 'cost', title: 'Cost', role: 'admin', query }]);
    expect(await ask(sources, view, {}, viewer)).toMatchObject({ sections: {}, omitted: ['cost'] });
    expect(asked).toEqual([]);
    expect(await ask(sources, view)).toMatchObject({ sections: { cost: { figures: {} } }, omitted: [] });
  });

  it("shows a person's view to that person and to administrators", async () => {
    const { sources } = sourcesOf(() => answerOf([]));
    const view = viewOf([{ kind: 'subject', key: 'user', title: 'User', subject: 'shop.user', id: '{id}' }], {
      ownedBy: 'id',
    });
    const shown = { sections: { user: { subject: { kind: 'shop.user', id: 'ada' } } } };
    expect(await ask(sources, view, { id: 'ada' }, viewer)).toMatchObject(shown);
    expect(await ask(sources, view, { id: 'ada' })).toMatchObject(shown);
    for (const stranger of [
      { ...viewer, user: 'bob' },
      { ...viewer, user: null },
    ]) {
      await expect(ask(sources, view, { id: 'ada' }, stranger)).rejects.toMatchObject({ code: 'forbidden' });
    }
  });

  it('says in which section a question is wrong, and asks no more', async () => {
    const { sources, asked } = sourcesOf(({ metrics }) => {
      if (metrics[0] !== 'bad') return answerOf([]);
      const fault = { code: 'unknown-metric', pointer: '/metrics/0', detail: 'none' } as const;
      throw new AppError('unknown-metric', 'none', { faults: [fault] });
    });
    const section = (key: string, metric: string): ViewSection => ({
      kind: 'figures',
      key,
      title: key,
      query: { metrics: [metric] },
    });
    const sections = ['bad', ...Array.from({ length: 9 }, (_, index) => `m${index}`)];
    await expect(
      ask(sources, viewOf(sections.map((metric, index) => section(`s${index}`, metric)))),
    ).rejects.toMatchObject({ faults: [{ pointer: '/sections/s0/metrics/0' }] });
    expect(asked.length).toBeLessThan(10);
  });
});
