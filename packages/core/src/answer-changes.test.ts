import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { applyChanges, changesBetween } from './answer-changes.ts';
import type { Answer, Point, Series } from './query.ts';

const at = (minute: number) => new Date(minute * 60_000).toISOString();

const pointOf = (minute: number, value: number, partial = false): Point => ({
  start: at(minute),
  end: at(minute + 1),
  value,
  partial,
});

function answerOf(series: readonly Series[], from = 0): Answer {
  return {
    series,
    from: at(from),
    to: at(from + 10),
    granularity: 'minute',
    timeZone: 'UTC',
    completeThrough: null,
    tiersRead: ['raw'],
    estimates: [],
    groupsOmitted: 0,
    nextCursor: null,
  };
}

const seriesOf = (model: string | null, points: readonly Point[]): Series => ({
  metric: 'llm.requests',
  dimensions: { model },
  points,
});

describe('the changes between two answers', () => {
  it('are the points that changed, came and went, and no more', () => {
    const before = answerOf([seriesOf('a', [pointOf(0, 1), pointOf(1, 2), pointOf(2, 3)])]);
    const after = answerOf([seriesOf('a', [pointOf(1, 2), pointOf(2, 4), pointOf(3, 1, true)])], 1);
    expect(changesBetween(before, after)).toEqual({
      head: { from: at(1), to: at(11) },
      series: [{ index: 0, removed: [at(0)], points: [pointOf(2, 4), pointOf(3, 1, true)] }],
    });
  });

  it('tell how series moved', () => {
    const [a, b, c] = ['a', 'b', 'c'].map((model, index) => seriesOf(model, [pointOf(0, index)])) as [
      Series,
      Series,
      Series,
    ];
    expect(changesBetween(answerOf([a, b]), answerOf([b, c]))).toEqual({
      head: {},
      order: [1, null],
      added: [c],
      series: [],
    });
    expect(changesBetween(answerOf([a, b]), answerOf([a, b]))).toEqual({ head: {}, series: [] });
  });

  it('are refused by an answer they do not belong to', () => {
    const changes = changesBetween(
      answerOf([seriesOf('a', []), seriesOf('b', [])]),
      answerOf([seriesOf('b', [])]),
    );
    expect(() => applyChanges(answerOf([]), changes)).toThrow('another answer');
  });

  it('make the first into the second, whatever they are', () => {
    const points = fc
      .uniqueArray(fc.tuple(fc.integer({ min: 0, max: 8 }), fc.integer({ min: 0, max: 2 }), fc.boolean()), {
        maxLength: 8,
        selector: ([minute]) => minute,
      })
      .map((all) =>
        all.toSorted(([a], [b]) => a - b).map(([minute, value, partial]) => pointOf(minute, value, partial)),
      );
    const compared = fc.option(fc.record({ points, changePercent: fc.option(fc.integer()) }), {
      nil: undefined,
    });
    const series = fc
      .record({
        metric: fc.constantFrom('x', 'y'),
        model: fc.constantFrom('a', 'b', null),
        // Not in order, and some twice: such points cannot be told apart.
        points: fc.oneof(
          { weight: 4, arbitrary: points },
          fc.array(points, { maxLength: 2 }).map((all) => all.flat()),
        ),
        compared,
      })
      .map(
        ({ metric, model, points: own, compared: with_ }): Series => ({
          metric,
          dimensions: { model },
          points: own,
          ...(with_ === undefined ? {} : { compared: with_ }),
        }),
      );
    const answer = fc
      .record({
        series: fc.uniqueArray(series, {
          maxLength: 5,
          selector: ({ metric, dimensions }) => `${metric} ${dimensions['model']}`,
        }),
        from: fc.integer({ min: 0, max: 3 }),
        groupsOmitted: fc.integer({ min: 0, max: 1 }),
      })
      .map(({ series: all, from, groupsOmitted }) => ({ ...answerOf(all, from), groupsOmitted }));
    fc.assert(
      fc.property(answer, answer, (before, after) => {
        const changes = JSON.parse(JSON.stringify(changesBetween(before, after))) as ReturnType<
          typeof changesBetween
        >;
        expect(applyChanges(before, changes)).toEqual(after);
      }),
      { numRuns: 500 },
    );
  });
});
