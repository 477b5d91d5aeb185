import { describe, expect, it } from '@jest/globals';
import { DAY_MS, MINUTE_MS, type Tier, TIER_WIDTH_MS } from '@tidemark/core';
import { SqlParameters } from '@tidemark/warehouse';
import fc from 'fast-check';
import { coveringRanges, timeColumn, withinIntervals } from './interval-sql.ts';
import { INTERVALS_MAX, type PlanRequest, planSources, type SourcePlan, type TierState } from './plan.ts';

const WIDEST_FIRST: readonly Tier[] = ['1d', '15m', '1m'];
const BASE_MS = Date.parse('2024-03-30T00:00:00Z');
const SPAN_MS = 3 * DAY_MS;

/** Edges in milliseconds, in quarters of an hour, or in days: whole cells fit the last two. */
const edges = fc
  .tuple(
    fc.constantFrom(1, MINUTE_MS, 15 * MINUTE_MS, DAY_MS),
    fc.array(fc.nat(SPAN_MS), { minLength: 2, maxLength: 8 }),
  )
  .map(([unit, offsets]) =>
    [...new Set(offsets.map((offset) => Math.floor(offset / unit) * unit))].toSorted((a, b) => a - b),
  )
  .filter((offsets) => offsets.length > 1)
  .map((offsets) => offsets.map((offset) => BASE_MS + offset));

const tierState = (tier: Tier): fc.Arbitrary<TierState> => {
  const width = TIER_WIDTH_MS[tier];
  const cells = Math.ceil(SPAN_MS / width);
  const scattered = fc.array(fc.nat(cells), { maxLength: 6 });
  // Every second cell: the worst that marks can do to a plan.
  const comb = fc.constant(Array.from({ length: Math.floor(cells / 2) }, (_, index) => index * 2));
  return fc.oneof({ weight: 6, arbitrary: scattered }, { weight: 1, arbitrary: comb }).map((found) => ({
    tier,
    dirtyMs: [...new Set(found)].toSorted((a, b) => a - b).map((index) => BASE_MS + index * width),
  }));
};

const request: fc.Arbitrary<PlanRequest> = fc.record({
  edgesMs: edges,
  completeThroughMs: fc.option(fc.nat(SPAN_MS / MINUTE_MS).map((minutes) => BASE_MS + minutes * MINUTE_MS)),
  tiers: fc.tuple(...WIDEST_FIRST.map(tierState)).chain((states) => fc.subarray(states)),
});

describe('planSources', () => {
  it('tiles the range exactly, with usable cells only', () => {
    fc.assert(
      fc.property(request, ({ edgesMs, completeThroughMs: complete, tiers }) => {
        const plan = planSources({ edgesMs, completeThroughMs: complete, tiers });
        expect(faultsOf(plan, { edgesMs, completeThroughMs: complete, tiers })).toEqual([]);
      }),
      { numRuns: 500, seed: 11 },
    );
  });

  it('takes the widest cells that fit, and never leaves to raw what a tier could answer', () => {
    const plan = planSources({
      edgesMs: [BASE_MS - 330 * MINUTE_MS, BASE_MS + 2 * DAY_MS - 330 * MINUTE_MS],
      completeThroughMs: BASE_MS + SPAN_MS,
      tiers: WIDEST_FIRST.map((tier) => ({
        tier,
        dirtyMs: tier === '15m' ? [BASE_MS - 15 * MINUTE_MS] : [],
      })),
    });
    expect(plan.map(({ source, intervals }) => [source, intervals.length])).toEqual([
      ['1d', 1],
      ['15m', 2],
      ['1m', 1],
    ]);
  });

  it('gives up tiers rather than exceed its limit of intervals', () => {
    const dirtyMs = Array.from({ length: INTERVALS_MAX + 1 }, (_, index) => BASE_MS + index * 2 * MINUTE_MS);
    const toMs = BASE_MS + (2 * INTERVALS_MAX + 2) * MINUTE_MS;
    const plan = planSources({
      edgesMs: [BASE_MS, toMs],
      completeThroughMs: toMs,
      tiers: [{ tier: '1m', dirtyMs }],
    });
    expect(plan).toEqual([{ source: 'raw', intervals: [{ fromMs: BASE_MS, toMs }] }]);
  });
});

/** Collected, not asserted one by one: a plan may have two thousand pieces. */
function faultsOf(plan: SourcePlan, { edgesMs, completeThroughMs: complete, tiers }: PlanRequest): string[] {
  const faults: string[] = [];
  const pieces = plan
    .flatMap(({ source, intervals }) => intervals.map((piece) => ({ source, ...piece })))
    .toSorted((a, b) => a.fromMs - b.fromMs);
  if (pieces.length > INTERVALS_MAX) faults.push(`${pieces.length} pieces`);
  if (pieces[0]?.fromMs !== edgesMs[0]) faults.push('does not begin where the range begins');
  if (pieces.at(-1)?.toMs !== edgesMs.at(-1)) faults.push('does not end where the range ends');
  pieces.forEach(({ source, fromMs, toMs }, index) => {
    const say = (text: string) => faults.push(`${source} [${fromMs}, ${toMs}) ${text}`);
    const next = pieces[index + 1];
    if (fromMs >= toMs) say('is empty');
    if (next !== undefined && next.fromMs !== toMs) say('does not meet its neighbour');
    if (next !== undefined && next.source === source) say('is not joined to its neighbour');
    if (source === 'raw') return;
    const width = TIER_WIDTH_MS[source];
    if (fromMs % width !== 0 || toMs % width !== 0) say('is not made of whole cells');
    if (toMs > (complete ?? 0)) say('is not closed');
    const inside = (instant: number) => instant >= fromMs && instant < toMs;
    if (edgesMs.some((edge) => inside(edge) && edge % width !== 0)) say('holds the edge of an output bucket');
    if (tiers.some(({ tier, dirtyMs }) => tier === source && dirtyMs.some(inside)))
      say('holds a marked cell');
  });
  return faults;
}

describe('withinIntervals', () => {
  const intervals = Array.from({ length: 100 }, (_, index) => ({
    fromMs: index * 10_000,
    toMs: index * 10_000 + 1_000 + index,
  }));

  it('covers all intervals with a bounded number of ranges, leaving out the widest gaps', () => {
    const ranges = coveringRanges(intervals, 7);
    expect(ranges).toHaveLength(7);
    for (const { fromMs, toMs } of intervals) {
      expect(ranges.some((range) => range.fromMs <= fromMs && range.toMs >= toMs)).toBe(true);
    }
    expect(coveringRanges(intervals, 100)).toBe(intervals);
  });

  it('decides exactly by a look-up when there are too many to write out', () => {
    const parameters = new SqlParameters();
    const sql = withinIntervals(intervals, timeColumn('raw', 'ms'), parameters);
    expect(sql.match(/time >=/g)).toHaveLength(64);
    expect(sql).toContain('transform(roundDown(ms, {');
  });
});
