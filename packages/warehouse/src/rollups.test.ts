import { describe, expect, it } from '@jest/globals';
import type { Measure } from '@tidemark/core';
import { measureOf, NOON_MS, organizationId } from './conformance-stores-rows.ts';
import { bucketsByRows, ROWS_PER_COMPARISON } from './rollup-comparison.ts';
import { measuresByStatement, rawStates, recomputeStatement } from './rollup-statements.ts';
import { SqlParameters } from './measure-sql.ts';

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

describe('the measures of one statement', () => {
  const bucketStartsMs = [NOON_MS];
  const textOf = (measures: readonly Measure[]) =>
    rawStates({ ...OPTIONS, tier: '1m', bucketStartsMs, measures }, new SqlParameters());
  const count = (text: string, part: string) => text.split(part).length - 1;

  it('read raw once for each combination of event types and rolled-up dimensions', () => {
    const dimensions = { plan: 'data.plan' } as const;
    const failed = [{ field: 'data.failed', op: 'eq', value: true }] as const;
    const measures = [
      measureOf({ aggregation: 'quantile', value: 'data.ms', dimensions }),
      measureOf({ aggregation: 'count', dimensions }),
      measureOf({ aggregation: 'max', value: 'data.ms', dimensions, filters: failed }),
      measureOf({ aggregation: 'count', dimensions, filters: failed }),
      measureOf({ aggregation: 'count', filters: failed }),
      measureOf({ aggregation: 'count', dimensions, eventTypes: ['other.happened'] }),
    ];
    const text = textOf(measures);
    expect(count(text, 'FROM events')).toBe(3);
    expect(count(text, 'quantilesDDStateIf')).toBe(1);
    expect(count(text, 'uniqCombined64StateIf')).toBe(0);
    expect(count(text, ' AS v0')).toBe(1);
    expect(count(text, 'GROUP BY')).toBe(3);
  });

  it('are all there once, combinations together, within what an engine reads', () => {
    const measures = Array.from({ length: 400 }, (_, index) =>
      measureOf({
        aggregation: 'sum',
        value: `data.value${index}`,
        eventTypes: [`type${index % 7}`],
        filters: [{ field: 'data.status', op: 'eq', value: index }],
      }),
    );
    const lists = measuresByStatement({ ...OPTIONS, tier: '1m', bucketStartsMs, measures });
    expect(
      lists
        .flat()
        .map(({ fingerprint }) => fingerprint)
        .toSorted(),
    ).toEqual(measures.map(({ fingerprint }) => fingerprint).toSorted());
    expect(lists.length).toBeLessThan(10);
    let scans = 0;
    for (const some of lists) {
      const { sql } = recomputeStatement({ ...OPTIONS, tier: '1m', bucketStartsMs, measures: some });
      expect(sql.length).toBeLessThan(256 * 1024);
      scans += count(sql, 'FROM events');
    }
    // A combination that does not fit is parted once, by each new statement
    expect(scans).toBeLessThan(7 + lists.length);
  });

  it('are none of none', () => {
    expect(measuresByStatement({ ...OPTIONS, tier: '1m', bucketStartsMs, measures: [] })).toEqual([]);
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
