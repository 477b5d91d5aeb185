import { describe, expect, it } from '@jest/globals';
import { measureOf, NOON_MS, organizationId } from './conformance-stores-rows.ts';
import { bucketsByRows, ROWS_PER_COMPARISON } from './rollup-comparison.ts';
import { recomputeStatement } from './rollup-statements.ts';

const OPTIONS = { organization: organizationId('acme'), version: 42n, timeoutMs: 1_000 };
const SUM = measureOf({
  aggregation: 'sum',
  value: 'data.cost.amount',
  filters: [{ field: 'data.status', op: 'in', value: ['paid', "it's"] }],
  dimensions: { plan: 'data.plan', subject: 'subject' },
});

describe('the statement that makes rollups', () => {
  it('reads one range when the buckets are neighbours', () => {
    const bucketStartsMs = [NOON_MS + 60_000, NOON_MS];
    expect(recomputeStatement({ ...OPTIONS, tier: '1m', bucketStartsMs, measures: [SUM] })).toMatchSnapshot();
  });

  it('lists the buckets when there are gaps, once for all measures', () => {
    const measures = [
      measureOf({ aggregation: 'unique', value: 'subject' }),
      measureOf({ aggregation: 'quantile', value: 'data.ms' }),
    ];
    const bucketStartsMs = [NOON_MS, NOON_MS + 45 * 60_000];
    expect(recomputeStatement({ ...OPTIONS, tier: '15m', bucketStartsMs, measures })).toMatchSnapshot();
  });
});

describe('the buckets of one comparison', () => {
  it.each<
    [string, readonly number[], readonly (readonly [number, number])[], readonly (readonly number[])[]]
  >([
    ['none', [], [], []],
    ['all when they have no rows', [3, 1, 2], [], [[1, 2, 3]]],
    [
      'as many as fill it',
      [1, 2, 3],
      [
        [1, ROWS_PER_COMPARISON - 1],
        [2, 1],
        [3, 0],
      ],
      [[1, 2, 3]],
    ],
    [
      'no more than fill it',
      [1, 2, 3],
      [
        [1, ROWS_PER_COMPARISON - 1],
        [2, 2],
        [3, 1],
      ],
      [[1], [2, 3]],
    ],
    [
      'one that is more than fills it',
      [1, 2, 3],
      [
        [1, 1],
        [2, ROWS_PER_COMPARISON + 1],
        [3, 1],
      ],
      [[1], [2], [3]],
    ],
    [
      'those asked for',
      [2],
      [
        [1, ROWS_PER_COMPARISON],
        [2, 1],
      ],
      [[2]],
    ],
  ])('are %s', (_name, starts, rows, lists) => {
    expect(bucketsByRows(starts, new Map(rows))).toEqual(lists);
  });
});
