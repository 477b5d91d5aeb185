/** Ranking of groups by figures that were read for all of them. Pure. */
import { toDecimal } from '@tidemark/core';
import type { RankPlace } from './cursor.ts';
import { metricValue, secondsPassed, valueOfNothing } from './figures.ts';
import type { Interval } from './plan.ts';
import type { FigureTable, Group } from './series.ts';
import type { ResolvedQuery } from './validate.ts';

type Decimal = ReturnType<typeof toDecimal>;

export interface Selection {
  /** Best first. One empty group when the question has no group-by. */
  readonly groups: readonly Group[];
  /** How many others there are, before and behind. */
  readonly omitted: number;
  /** Where this page ends, if groups rank behind it. */
  readonly next: RankPlace | null;
}

export function selectionOf(page: readonly RankPlace[], total: number, behind: number): Selection {
  return {
    groups: page.map(({ group }) => group),
    omitted: total - page.length,
    next: behind > page.length ? (page.at(-1) ?? null) : null,
  };
}

/** @param table of the range as a whole, all groups */
export function rankFigures(
  table: FigureTable,
  { orderBy, limit, after, nowMs }: Pick<ResolvedQuery, 'orderBy' | 'limit' | 'after' | 'nowMs'>,
  { fromMs, toMs }: Interval,
): Selection {
  const seconds = secondsPassed(fromMs, toMs, nowMs);
  const nothing = valueOfNothing(orderBy.metric, seconds);
  const ranked = [...table].map(([key, figures]): Ranked => {
    const values = figures.get(0);
    const value = metricValue(orderBy.metric, (operand) => values?.get(operand.key), seconds);
    return { value: value === undefined ? nothing : value, group: JSON.parse(key) as string[] };
  });
  const order = rankingOrder(orderBy.direction);
  ranked.sort(order);
  const place: Ranked | null = after === null ? null : { value: decimalOf(after.rank), group: after.group };
  const behind = place === null ? ranked : ranked.filter((one) => order(one, place) > 0);
  const page = behind.slice(0, limit).map(({ group, value }) => ({ group, rank: value?.toString() ?? null }));
  return selectionOf(page, ranked.length, behind.length);
}

interface Ranked {
  readonly value: Decimal | null;
  readonly group: Group;
}

/** As the warehouse ranks: without a value last, equals by their dimensions. */
function rankingOrder(direction: 'asc' | 'desc'): (a: Ranked, b: Ranked) => number {
  const sign = direction === 'asc' ? 1 : -1;
  return (a, b) => {
    if (a.value === null || b.value === null) {
      return Number(a.value === null) - Number(b.value === null) || compareGroups(a.group, b.group);
    }
    return sign * a.value.comparedTo(b.value) || compareGroups(a.group, b.group);
  };
}

/** Of a cursor: a text that is no number reads as 0, as it does in the warehouse. */
function decimalOf(text: string | null): Decimal | null {
  if (text === null) return null;
  return toDecimal(RANK_TEXT.test(text) ? text : 0);
}

const RANK_TEXT = /^-?\d{1,60}(?:\.\d{1,60})?(?:e[+-]?\d{1,4})?$/;

/** As the warehouse sorts texts: by their UTF-8 bytes. */
function compareGroups(left: Group, right: Group): number {
  for (const [index, text] of left.entries()) {
    const order = Buffer.compare(Buffer.from(text), Buffer.from(right[index] ?? ''));
    if (order !== 0) return order;
  }
  return 0;
}
