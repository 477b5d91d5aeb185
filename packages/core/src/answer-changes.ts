/**
 * What has changed between two answers to one question, small enough to send after every flush. Applying it to the first gives
 * exactly the second.
 */
import type { Answer, Point, Series } from './query.ts';

/** Of one series: points are told apart by their `start`. */
export interface SeriesChanges {
  /** In the new answer. */
  readonly index: number;
  /** Starts of points that are there no more. */
  readonly removed?: readonly string[];
  /** New points, and those in place of the ones with the same start; points stand in the order of their starts. */
  readonly points?: readonly Point[];
  /** As a whole. */
  readonly compared?: Series['compared'];
}

export interface AnswerChanges {
  /** Members of the answer that changed, but for its series. */
  readonly head: Partial<Omit<Answer, 'series'>>;
  /** Only when series came, went or moved: for each series of the new answer its index in the old one, or null: the next of `added`. */
  readonly order?: readonly (number | null)[];
  readonly added?: readonly Series[];
  readonly series: readonly SeriesChanges[];
}

export function changesBetween(before: Answer, after: Answer): AnswerChanges {
  const indexOf = new Map(before.series.map((series, index) => [identityOf(series), index]));
  const order = after.series.map((series) => indexOf.get(identityOf(series)) ?? null);
  const isSameOrder = order.length === before.series.length && order.every((old, index) => old === index);
  const changed = after.series.flatMap((series, index) => {
    const old = before.series[order[index] ?? -1];
    return old === undefined ? [] : seriesChanges(old, series, index);
  });
  return {
    head: headChanges(before, after),
    ...(isSameOrder ? {} : { order, added: after.series.filter((_, index) => order[index] === null) }),
    series: changed,
  };
}

/** @throws Error when the changes belong to another answer */
export function applyChanges(answer: Answer, { head, order, added = [], series }: AnswerChanges): Answer {
  let taken = 0;
  const next = (order ?? answer.series.map((_, index) => index)).map((old) => {
    const found = old === null ? added[taken] : answer.series[old];
    if (old === null) taken += 1;
    if (found === undefined) throw new Error('the changes belong to another answer');
    return found;
  });
  for (const change of series) {
    const old = next[change.index];
    if (old === undefined) throw new Error('the changes belong to another answer');
    next[change.index] = changedSeries(old, change);
  }
  return { ...answer, ...head, series: next };
}

/** Series whose points cannot be told apart by their starts are never the same: they are sent anew. */
function identityOf({ points, compared, ...identity }: Series): string {
  const isAscending = points.every(
    ({ start }, index) => index === 0 || (points[index - 1]?.start ?? '') < start,
  );
  return JSON.stringify([identity, compared !== undefined, isAscending ? null : points]);
}

function headChanges(
  { series: _, ...before }: Answer,
  { series: __, ...after }: Answer,
): AnswerChanges['head'] {
  const known = new Map(Object.entries(before).map(([name, value]) => [name, JSON.stringify(value)]));
  return Object.fromEntries(
    Object.entries(after).filter(([name, value]) => known.get(name) !== JSON.stringify(value)),
  );
}

function seriesChanges(before: Series, after: Series, index: number): SeriesChanges[] {
  const old = new Map(before.points.map((point) => [point.start, JSON.stringify(point)]));
  const points = after.points.filter((point) => old.get(point.start) !== JSON.stringify(point));
  for (const { start } of after.points) old.delete(start);
  const isCompared = JSON.stringify(before.compared) !== JSON.stringify(after.compared);
  if (old.size === 0 && points.length === 0 && !isCompared) return [];
  return [
    {
      index,
      ...(old.size === 0 ? {} : { removed: [...old.keys()] }),
      ...(points.length === 0 ? {} : { points }),
      ...(isCompared ? { compared: after.compared } : {}),
    },
  ];
}

function changedSeries(old: Series, { removed = [], points = [], compared }: SeriesChanges): Series {
  const byStart = new Map(old.points.map((point) => [point.start, point]));
  for (const start of removed) byStart.delete(start);
  for (const point of points) byStart.set(point.start, point);
  const sorted = [...byStart.values()].toSorted((a, b) => (a.start < b.start ? -1 : 1));
  return {
    ...old,
    points: removed.length === 0 && points.length === 0 ? old.points : sorted,
    ...(compared === undefined ? {} : { compared }),
  };
}
