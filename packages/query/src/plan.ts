/**
 * Which source answers for which part of the range. Pure.
 *
 * A cell (a bucket of a tier) may be read when it lies within one output bucket, is closed, and carries no mark in its tier.
 * Each output bucket is laid out with the widest cells first; what they leave goes to the next tier, and the rest to raw. The
 * result tiles the range: every instant belongs to exactly one source.
 */
import { TIER_WIDTH_MS, type Tier } from '@tidemark/core';

/** Half-open [fromMs, toMs). */
export interface Interval {
  readonly fromMs: number;
  readonly toMs: number;
}

export type Source = Tier | 'raw';

/** Disjoint, ascending, neighbours joined; sources without an interval are absent. Widest tier first, raw last. */
export type SourcePlan = readonly { readonly source: Source; readonly intervals: readonly Interval[] }[];

export interface TierState {
  readonly tier: Tier;
  /** Starts of the marked buckets that touch the range, ascending. */
  readonly dirtyMs: readonly number[];
}

export interface PlanRequest {
  /** Bounds of the output buckets, ascending; the first and the last are the range. */
  readonly edgesMs: readonly number[];
  /** Null: nothing is closed. */
  readonly completeThroughMs: number | null;
  /** Widest first. Empty when a dimension of the question is not rolled up. */
  readonly tiers: readonly TierState[];
}

/** Beyond this a statement would grow without bound: tiers are given up instead. */
export const INTERVALS_MAX = 2_000;

export function planSources(request: PlanRequest): SourcePlan {
  const { tiers } = request;
  // Finer tiers go first: marks shatter them most. A wider one never goes alone: of a finer tier, marks are known only in the gaps
  // that the wider ones leave.
  for (const kept of [tiers, tiers.slice(0, -1), tiers.slice(0, 1)]) {
    const plan = layOut({ ...request, tiers: kept });
    if (countIntervals(plan) <= INTERVALS_MAX) return plan;
  }
  return layOut({ ...request, tiers: [] });
}

function countIntervals(plan: SourcePlan): number {
  return plan.reduce((sum, { intervals }) => sum + intervals.length, 0);
}

function layOut({ edgesMs, tiers, completeThroughMs }: PlanRequest): SourcePlan {
  let open: Interval[] = [];
  for (let index = 0; index + 1 < edgesMs.length; index += 1) {
    open.push({ fromMs: edgesMs[index] ?? 0, toMs: edgesMs[index + 1] ?? 0 });
  }
  const plan: { source: Source; intervals: readonly Interval[] }[] = [];
  for (const state of tiers) {
    const taken: Interval[] = [];
    const left: Interval[] = [];
    for (const interval of open) {
      const cells = usableCells(interval, state, completeThroughMs);
      taken.push(...cells);
      left.push(...without(interval, cells));
    }
    if (taken.length > 0) plan.push({ source: state.tier, intervals: joined(taken) });
    open = left;
  }
  if (open.length > 0) plan.push({ source: 'raw', intervals: joined(open) });
  return plan;
}

/** Runs of whole, closed, unmarked cells within the interval, ascending. */
function usableCells(
  { fromMs, toMs }: Interval,
  { tier, dirtyMs }: TierState,
  completeThroughMs: number | null,
): Interval[] {
  if (completeThroughMs === null) return [];
  const width = TIER_WIDTH_MS[tier];
  const first = Math.ceil(fromMs / width) * width;
  const end = Math.floor(Math.min(toMs, completeThroughMs) / width) * width;
  if (first >= end) return [];
  const runs: Interval[] = [];
  let runStart = first;
  for (let index = firstAtOrAfter(dirtyMs, first); ; index += 1) {
    const dirty = dirtyMs[index];
    if (dirty === undefined || dirty >= end) break;
    if (dirty > runStart) runs.push({ fromMs: runStart, toMs: dirty });
    runStart = dirty + width;
  }
  if (runStart < end) runs.push({ fromMs: runStart, toMs: end });
  return runs;
}

/** What the ascending, disjoint parts leave of the interval. */
function without(interval: Interval, parts: readonly Interval[]): Interval[] {
  const left: Interval[] = [];
  let fromMs = interval.fromMs;
  for (const part of parts) {
    if (fromMs < part.fromMs) left.push({ fromMs, toMs: part.fromMs });
    fromMs = part.toMs;
  }
  if (fromMs < interval.toMs) left.push({ fromMs, toMs: interval.toMs });
  return left;
}

function joined(intervals: readonly Interval[]): Interval[] {
  const result: { fromMs: number; toMs: number }[] = [];
  for (const { fromMs, toMs } of intervals) {
    const last = result.at(-1);
    if (last?.toMs === fromMs) last.toMs = toMs;
    else result.push({ fromMs, toMs });
  }
  return result;
}

function firstAtOrAfter(ascending: readonly number[], wanted: number): number {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ascending[middle] ?? 0) < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}
