import { describe, expect, it } from '@jest/globals';
import { isAppError, type Query } from '@tidemark/core';
import type { Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { AnswerSchema, QueryRequestSchema, SeriesParametersSchema, toSeriesQuery } from './query.ts';

const request = Compile(QueryRequestSchema);
const query: Static<typeof QueryRequestSchema> = {
  metrics: ['http.requests'],
  from: 'now-7d',
  to: 'now',
  granularity: 'day',
  filters: [{ dimension: 'status', op: 'in', value: ['200', 404] }],
  orderBy: { metric: 'http.requests', direction: 'desc' },
};
/** The wire and the core agree on the shape. */
const _sameShape: Query = query;

const host = { dimension: 'host', op: 'eq' as const, value: 'a' };

describe('QueryRequestSchema', () => {
  it('takes a question', () => {
    expect(request.Check(_sameShape)).toBe(true);
  });

  it('takes nested filters, and selections of the asker', () => {
    const change = {
      metrics: [
        'a.b',
        { as: 'p99', metric: 'a.c', level: 0.99 },
        { as: 'rate', expression: 'a.b / seconds', unit: 'USD' },
      ],
      filters: [{ or: [host, { not: { and: [host, host] } }] }],
      fiscalYearStart: 4,
      other: true,
      cursor: 'abc',
    };
    expect(request.Check({ ...query, ...change })).toBe(true);
  });

  it.each<[string, object]>([
    ['a fault deep in a filter', { filters: [{ or: [host, { not: { and: [{ ...host, op: 'like' }] } }] }] }],
    ['two forms of a filter at once', { filters: [{ or: [host], and: [host] }] }],
    ['an empty list of filters', { filters: [{ or: [] }] }],
    ['a selection without a name', { metrics: [{ expression: 'a.b' }] }],
    ['month 13', { fiscalYearStart: 13 }],
    ['no metrics', { metrics: [] }],
    ['a metric that is no text', { metrics: [1] }],
    ['an unknown member', { metric: 'x' }],
    ['an unknown granularity', { granularity: 'fortnight' }],
    ['an unknown operator', { filters: [{ dimension: 'a', op: 'like', value: 'x' }] }],
    ['a null value', { filters: [{ dimension: 'a', op: 'eq', value: null }] }],
    ['a limit of text', { limit: '5' }],
  ])('refuses %s', (_name, change) => {
    expect(request.Check({ ...query, ...change })).toBe(false);
  });
});

describe('AnswerSchema', () => {
  it('takes an answer', () => {
    const point = {
      start: '2024-01-01T00:00:00.000Z',
      end: '2024-01-02T00:00:00.000Z',
      value: '1.50',
      partial: false,
    };
    const answer = {
      series: [{ metric: 'a.b', dimensions: { host: null }, points: [point] }],
      from: point.start,
      to: point.end,
      granularity: null,
      timeZone: 'UTC',
      completeThrough: null,
      tiersRead: ['raw'],
      estimates: [],
      groupsOmitted: 0,
      nextCursor: null,
    };
    expect(Compile(AnswerSchema).Check(answer)).toBe(true);
  });
});

describe('toSeriesQuery', () => {
  const parameters = { from: 'now-1d', to: 'now' };

  it('says the same as the body of a query', () => {
    const asked = {
      ...parameters,
      granularity: 'hour' as const,
      groupBy: 'host,status',
      filter: ['host:in:a,b', 'path:eq:http://x:80/', 'status:gte:500', 'user:exists:false'],
      direction: 'asc' as const,
    };
    expect(Compile(SeriesParametersSchema).Check(asked)).toBe(true);
    expect(toSeriesQuery('http.requests', asked)).toEqual({
      metrics: ['http.requests'],
      ...parameters,
      granularity: 'hour',
      groupBy: ['host', 'status'],
      filters: [
        { dimension: 'host', op: 'in', value: ['a', 'b'] },
        { dimension: 'path', op: 'eq', value: 'http://x:80/' },
        { dimension: 'status', op: 'gte', value: 500 },
        { dimension: 'user', op: 'exists', value: false },
      ],
      orderBy: { metric: 'http.requests', direction: 'asc' },
    });
  });

  it('takes a nested filter as JSON', () => {
    const nested = { or: [{ dimension: 'host', op: 'eq' as const, value: 'a' }, { not: { and: [host] } }] };
    const asked = { ...parameters, filter: JSON.stringify(nested) };
    expect(toSeriesQuery('http.requests', asked).filters).toEqual([nested]);
  });

  it('reports every filter that cannot be read', () => {
    const broken = ['{"or":[', '{"or":[{"dimension":"host"}]}'];
    const filter = ['host', 'host:like:x', 'status:gt:many', 'user:exists:perhaps', ...broken];
    let caught: unknown;
    try {
      toSeriesQuery('http.requests', { ...parameters, filter });
    } catch (error) {
      caught = error;
    }
    expect(isAppError(caught, 'invalid-query') && caught.faults.map(({ pointer }) => pointer)).toEqual([
      '/filter/0',
      '/filter/1',
      '/filter/2',
      '/filter/3',
      '/filter/4',
      '/filter/5',
    ]);
  });
});
