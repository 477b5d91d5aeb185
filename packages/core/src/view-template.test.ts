import { describe, expect, it } from '@jest/globals';
import { fillTemplate, parametersOf } from './view-template.ts';

describe('fillTemplate', () => {
  it('keeps the type of what is one parameter, and writes others into the text', () => {
    const template = { limit: '{limit}', from: 'now-{hours}h', metrics: ['shop.{name}', 'shop.all'] };
    expect(fillTemplate(template, { limit: 7, hours: 24, name: 'orders' })).toEqual({
      limit: 7,
      from: 'now-24h',
      metrics: ['shop.orders', 'shop.all'],
    });
  });

  it('spreads a list within a list', () => {
    expect(
      fillTemplate({ metrics: ['a.b', '{more}'], filters: ['{filters}'] }, { more: ['c.d'], filters: [] }),
    ).toEqual({ metrics: ['a.b', 'c.d'], filters: [] });
  });

  it('leaves out what lacks its parameter: a member, and in a list the whole object', () => {
    const template = {
      granularity: '{granularity}',
      from: 'now-{hours}h',
      filters: [
        { dimension: 'plan', op: 'eq', value: '{plan}' },
        { dimension: 'user', op: 'eq', value: '{user}' },
      ],
      groupBy: ['{by}'],
    };
    expect(fillTemplate(template, { plan: 'pro' })).toEqual({
      filters: [{ dimension: 'plan', op: 'eq', value: 'pro' }],
      groupBy: [],
    });
  });

  it('never fills in what a value brings along', () => {
    expect(fillTemplate({ value: '{a}', text: 'x {a}' }, { a: '{b}', b: 'secret' })).toEqual({
      value: '{b}',
      text: 'x {b}',
    });
  });

  it('names the parameters of a template once each', () => {
    expect(parametersOf({ a: '{x}', b: ['{y} and {x}', { c: '{z}' }], d: 1 })).toEqual(['x', 'y', 'z']);
  });
});
