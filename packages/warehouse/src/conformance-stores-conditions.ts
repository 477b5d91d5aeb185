import { beforeAll, describe, expect, it } from '@jest/globals';
import type { JsonValue, Measure } from '@tidemark/core';
import { textOfJson } from './conformance-stores-fold.ts';
import {
  eventBatch,
  eventRow,
  measureOf,
  newToken,
  NOON_MS,
  organizationId,
} from './conformance-stores-rows.ts';
import { aggregateRaw, readRollups } from './conformance-stores-states.ts';
import type { ReadState } from './conformance-stores-states.ts';
import type { Stores } from './conformance-stores-opened.ts';

const TIMEOUT_MS = 30_000;

const CONDITION_VALUES: readonly (JsonValue | undefined)[] = [
  'alpha',
  'beta',
  `o'b\\"%_`,
  'ÅÄÖ',
  '10',
  9,
  '-2.5',
  '1e1',
  true,
  false,
  '',
  null,
  undefined,
];

type Holds = (value: JsonValue | undefined) => boolean;

const text = textOfJson;
const number = (value: JsonValue | undefined) => (text(value) === '' ? Number.NaN : Number(text(value)));

const CONDITIONS: readonly (readonly [string, Measure['filters'][number], Holds])[] = [
  ['eq', { field: 'data.plan', op: 'eq', value: 'beta' }, (value) => text(value) === 'beta'],
  ['eq quoted', { field: 'data.plan', op: 'eq', value: `o'b\\"%_` }, (value) => text(value) === `o'b\\"%_`],
  ['eq a number', { field: 'data.plan', op: 'eq', value: 9 }, (value) => text(value) === '9'],
  ['eq a boolean', { field: 'data.plan', op: 'eq', value: true }, (value) => text(value) === 'true'],
  ['eq nothing', { field: 'data.plan', op: 'eq', value: '' }, () => false],
  ['ne', { field: 'data.plan', op: 'ne', value: 'beta' }, (value) => text(value) !== 'beta'],
  [
    'in',
    { field: 'data.plan', op: 'in', value: ['alpha', 9, ''] },
    (value) => ['alpha', '9'].includes(text(value)),
  ],
  [
    'nin',
    { field: 'data.plan', op: 'nin', value: ['alpha', 9] },
    (value) => !['alpha', '9'].includes(text(value)),
  ],
  ['gt', { field: 'data.plan', op: 'gt', value: 9 }, (value) => number(value) > 9],
  ['gte', { field: 'data.plan', op: 'gte', value: 9 }, (value) => number(value) >= 9],
  ['lt', { field: 'data.plan', op: 'lt', value: 0 }, (value) => number(value) < 0],
  ['lte', { field: 'data.plan', op: 'lte', value: 10 }, (value) => number(value) <= 10],
  ['contains', { field: 'data.plan', op: 'contains', value: '%_' }, (value) => text(value).includes('%_')],
  [
    'contains letters',
    { field: 'data.plan', op: 'contains', value: 'Ä' },
    (value) => text(value).includes('Ä'),
  ],
  ['exists', { field: 'data.plan', op: 'exists', value: true }, (value) => text(value) !== ''],
  ['exists not', { field: 'data.plan', op: 'exists', value: false }, (value) => text(value) === ''],
];

const dimensions = { plan: 'data.plan' };
const PLAIN = measureOf({ aggregation: 'count', dimensions });
const FILTERED = new Map(
  CONDITIONS.map(([name, condition]) => [
    name,
    measureOf({ aggregation: 'count', dimensions, filters: [condition] }),
  ]),
);

/** Every operator means the same over raw events, in a measure's declaration, and over rolled-up dimensions. */
export function describeConditions(current: () => Stores): void {
  const organization = organizationId();
  const flat = (states: readonly ReadState[]) =>
    states
      .flatMap((state) => Array.from({ length: state.events }, () => state.dimensions[0] ?? ''))
      .toSorted();

  describe('conditions', () => {
    beforeAll(async () => {
      const rows = CONDITION_VALUES.map((plan, offset) =>
        eventRow({ organization, offset, dataText: JSON.stringify({ plan }) }),
      );
      await current().events.insert(eventBatch(rows), newToken());
      await current().rollups.recompute({
        organization,
        tier: '1m',
        bucketStartsMs: [NOON_MS],
        measures: [PLAIN, ...FILTERED.values()],
        version: 1n,
        timeoutMs: TIMEOUT_MS,
      });
    });

    it.each(CONDITIONS)('%s', async (name, condition, holds) => {
      const { warehouse } = current();
      const measure = FILTERED.get(name);
      if (measure === undefined) throw new Error(`${name} has a measure`);
      const expected = CONDITION_VALUES.filter(holds).map(text).toSorted();
      expect(flat(await readRollups(warehouse, { organization, measure, tier: '1m' }))).toEqual(expected);
      expect(flat(await aggregateRaw(warehouse, { organization, measure, tier: '1m' }))).toEqual(expected);
      const read = await readRollups(warehouse, { organization, measure: PLAIN, tier: '1m', condition });
      expect(flat(read)).toEqual(expected);
    });
  });
}
