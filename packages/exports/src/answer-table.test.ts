import { describe, expect, it } from '@jest/globals';
import type { Answer, Point, Query, Series } from '@tidemark/core';
import { toAnswerTable } from './answer-table.ts';

const HOURS = ['2026-01-01T00:00:00.000Z', '2026-01-01T01:00:00.000Z', '2026-01-01T02:00:00.000Z'];
const QUERY: Query = {
  metrics: ['shop.orders', 'shop.revenue'],
  from: 'now-2h',
  to: 'now',
  groupBy: ['city'],
};

const point = (hour: number, value: Point['value'], partial = false): Point => ({
  start: HOURS[hour] ?? '',
  end: HOURS[hour + 1] ?? '',
  value,
  partial,
});

const series = (
  metric: string,
  city: string | null,
  points: Point[],
  more: Partial<Series> = {},
): Series => ({
  metric,
  dimensions: { city },
  points,
  ...more,
});

const answerOf = (all: readonly Series[]): Answer => ({
  series: all,
  from: HOURS[0] ?? '',
  to: HOURS[2] ?? '',
  granularity: 'hour',
  timeZone: 'Europe/Berlin',
  completeThrough: HOURS[1] ?? '',
  tiersRead: ['1m', 'raw'],
  estimates: [],
  groupsOmitted: 3,
  nextCursor: null,
});

const table = (all: readonly Series[], query: Query = QUERY, exact = ['shop.revenue']) =>
  toAnswerTable(answerOf(all), {
    query,
    organization: 'acme',
    generatedAt: '2026-01-01T02:00:00.000Z',
    exactMetrics: new Set(exact),
  });

describe('the table of an answer', () => {
  it('has a row for each group and bucket, with the values of the answer', () => {
    const { columns, rows, metadata } = table([
      series('shop.orders', 'Bonn', [point(0, 2), point(1, 5, true)]),
      series('shop.revenue', 'Bonn', [point(1, '12.50', true)]),
      series('shop.orders', null, [point(0, '9007199254740993')]),
      series('shop.revenue', null, []),
    ]);
    expect(columns.map(({ name, type }) => `${name} ${type}`)).toEqual([
      'city text',
      'start time',
      'end time',
      'shop.orders decimal',
      'shop.revenue decimal',
      'partial boolean',
    ]);
    expect(rows).toEqual([
      ['Bonn', HOURS[0], HOURS[1], 2, null, false],
      ['Bonn', HOURS[1], HOURS[2], 5, '12.50', true],
      [null, HOURS[0], HOURS[1], '9007199254740993', null, false],
    ]);
    expect(metadata).toEqual({
      question: QUERY,
      organization: 'acme',
      generatedAt: '2026-01-01T02:00:00.000Z',
      from: HOURS[0],
      to: HOURS[2],
      granularity: 'hour',
      timeZone: 'Europe/Berlin',
      completeThrough: HOURS[1],
      tiersRead: ['1m', 'raw'],
      estimates: [],
      groupsOmitted: 3,
      nextCursor: null,
    });
  });

  it('pairs the compared points by their place', () => {
    const compared = { points: [point(0, 1), point(1, 4)], changePercent: 40 };
    const query: Query = { ...QUERY, metrics: ['shop.orders'], compare: 'previous_period' };
    const { columns, rows } = table(
      [series('shop.orders', 'Bonn', [point(0, 2), point(1, 5)], { compared })],
      query,
    );
    expect(columns.slice(-4).map(({ name }) => name)).toEqual([
      'compared_start',
      'compared_end',
      'shop.orders.compared',
      'shop.orders.change_percent',
    ]);
    expect(rows.map((row) => row.slice(3))).toEqual([
      [2, false, HOURS[0], HOURS[1], 1, 40],
      [5, false, HOURS[1], HOURS[2], 4, 40],
    ]);
  });

  it('tells the rest from a group without a value, and names from names', () => {
    const query: Query = { ...QUERY, metrics: ['shop.orders'], groupBy: ['start'], other: true };
    const none = { dimensions: { start: null } };
    const { columns, rows } = table(
      [
        series('shop.orders', null, [point(0, 1)], none),
        series('shop.orders', null, [point(0, 7)], { ...none, isOther: true }),
      ],
      query,
    );
    expect(columns.map(({ name }) => name)).toEqual([
      'start',
      'is_other',
      'start_2',
      'end',
      'shop.orders',
      'partial',
    ]);
    expect(rows.map((row) => [row[1], row[4]])).toEqual([
      [false, 1],
      [true, 7],
    ]);
  });

  it('takes a number that no decimal column holds for a number', () => {
    const all = [series('shop.orders', 'Bonn', [point(0, `1${'0'.repeat(40)}`)])];
    expect(table(all).columns[3]).toEqual({ name: 'shop.orders', type: 'number' });
  });
});
