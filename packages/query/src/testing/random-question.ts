/** Questions of every kind, each in the engine's form and in that of the naive fold. */
import {
  DAY_MS,
  type FilterNode,
  type Granularity,
  GRANULARITIES,
  HOUR_MS,
  type MetricSelection,
  MINUTE_MS,
  type Query,
  toDecimal,
  WEEKDAYS,
} from '@tidemark/core';
import {
  type Decimal,
  dimensionValue,
  FOLD_METRICS,
  foldLevel,
  type FoldEvent,
  type FoldMetric,
  isEstimated,
  ratio,
} from './fold-metrics.ts';
import type { FoldQuery } from './naive-fold.ts';
import type { Random } from './random.ts';

export const TIME_ZONES = Intl.supportedValuesOf('timeZone');

export interface AskedQuestion {
  readonly query: Query;
  readonly fold: FoldQuery;
}

/** Where the events of a world lie. */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
  readonly timeZone: string;
}

type Keep = (event: FoldEvent) => boolean;

interface RandomFilter {
  readonly filter: FilterNode;
  readonly keep: Keep;
}

const FILTER_DEPTH_MAX = 3;

function randomFilter(random: Random, depth = 1): RandomFilter {
  if (depth >= FILTER_DEPTH_MAX || random.chance(0.5)) return randomCondition(random);
  const inner = Array.from({ length: 1 + random.below(3) }, () => randomFilter(random, depth + 1));
  const nodes = inner.map(({ filter }) => filter);
  switch (random.below(3)) {
    case 0:
      return { filter: { and: nodes }, keep: (event) => inner.every(({ keep }) => keep(event)) };
    case 1:
      return { filter: { or: nodes }, keep: (event) => inner.some(({ keep }) => keep(event)) };
    default: {
      const one = randomFilter(random, depth + 1);
      return { filter: { not: one.filter }, keep: (event) => !one.keep(event) };
    }
  }
}

function randomCondition(random: Random): RandomFilter {
  const dimension = random.pick(['channel', 'country', 'country', 'user']);
  const of = (event: FoldEvent) => dimensionValue(event, dimension);
  const value = random.pick(['web', 'DE', 'user-3', "o'shop\\", 'ÅÄÖ', '7']);
  const list = ['web', 'app', 'FR', 'DE', 'user-1', 'user-2'];
  const number = (event: FoldEvent) => (/^\d+$/.test(of(event)) ? Number(of(event)) : null);
  switch (random.below(8)) {
    case 0:
      return { filter: { dimension, op: 'eq', value }, keep: (event) => of(event) === value };
    case 1:
      return { filter: { dimension, op: 'ne', value }, keep: (event) => of(event) !== value };
    case 2:
      return { filter: { dimension, op: 'in', value: list }, keep: (event) => list.includes(of(event)) };
    case 3:
      return { filter: { dimension, op: 'nin', value: list }, keep: (event) => !list.includes(of(event)) };
    case 4:
      return { filter: { dimension, op: 'contains', value: 'e' }, keep: (event) => of(event).includes('e') };
    case 5:
      return { filter: { dimension, op: 'gte', value: 7 }, keep: (event) => (number(event) ?? 0) >= 7 };
    case 6: {
      const isBelow = (event: FoldEvent) => (number(event) ?? 100) < 8;
      return { filter: { dimension, op: 'lt', value: 8 }, keep: isBelow };
    }
    default: {
      const wanted = random.chance(0.5);
      const isThere = (event: FoldEvent) => (of(event) !== '') === wanted;
      return { filter: { dimension, op: 'exists', value: wanted }, keep: isThere };
    }
  }
}

interface RandomSelection {
  readonly selection: MetricSelection;
  readonly metric: FoldMetric;
}

function randomSelection(random: Random, index: number): RandomSelection {
  if (random.chance(0.7)) {
    const metric = random.pick(FOLD_METRICS);
    return { selection: metric.name, metric };
  }
  if (random.chance(0.3)) {
    const [as, level] = [`p ${index}`, random.pick([0.01, 0.25, 0.9, 0.99, 0.999])];
    const of = random.pick(['shop.duration_p50', 'shop.duration_p95']);
    return { selection: { as, metric: of, level }, metric: foldLevel(as, level) };
  }
  const as = `e-${index}`;
  const exact = FOLD_METRICS.filter((metric) => !isEstimated(metric));
  const { text, value, operands } = randomExpression(random, exact, 1);
  const money = random.chance(0.3);
  // An expression names a metric: `seconds` alone is none.
  const [named] = exact;
  const isNamed = operands.length > 0 || named === undefined;
  const metric: FoldMetric = {
    name: as,
    feeds: (event) => (isNamed ? operands : [named]).some(({ feeds }) => feeds(event)),
    value: (events, seconds) =>
      isNamed ? value(events, seconds) : sumOf(value(events, seconds), exactOf(named, events, seconds)),
    money,
  };
  const expression = isNamed ? text : `${text} + ${named.name}`;
  return { selection: { as, expression, ...(money ? { unit: 'USD' } : {}) }, metric };
}

interface RandomExpression {
  readonly text: string;
  readonly value: (events: readonly FoldEvent[], seconds: Decimal | null) => Decimal | null;
  readonly operands: readonly FoldMetric[];
}

function randomExpression(random: Random, metrics: readonly FoldMetric[], depth: number): RandomExpression {
  if (depth > 2 || random.chance(0.3)) return randomTerm(random, metrics);
  const left = randomExpression(random, metrics, depth + 1);
  if (random.chance(0.15)) {
    const value: RandomExpression['value'] = (...at) => left.value(...at)?.negated() ?? null;
    return { text: `-(${left.text})`, value, operands: left.operands };
  }
  const right = randomExpression(random, metrics, depth + 1);
  const operator = random.pick(['+', '-', '*', '/'] as const);
  const operands = [...left.operands, ...right.operands];
  const value: RandomExpression['value'] = (...at) => {
    const [a, b] = [left.value(...at), right.value(...at)];
    if (operator === '/') return ratio(a, b);
    if (a === null || b === null) return null;
    return operator === '+' ? a.plus(b) : operator === '-' ? a.minus(b) : a.times(b);
  };
  return { text: `(${left.text}) ${operator} (${right.text})`, value, operands };
}

function randomTerm(random: Random, metrics: readonly FoldMetric[]): RandomExpression {
  if (random.chance(0.2)) return { text: 'seconds', value: (_events, seconds) => seconds, operands: [] };
  if (random.chance(0.2)) {
    const text = random.pick(['2', '0.5', '100']);
    return { text, value: () => toDecimal(text), operands: [] };
  }
  const metric = random.pick(metrics);
  return {
    text: metric.name,
    value: (events, seconds) => exactOf(metric, events, seconds),
    operands: [metric],
  };
}

function exactOf(metric: FoldMetric, events: readonly FoldEvent[], seconds: Decimal | null): Decimal | null {
  const found = metric.value(events, seconds);
  if (found !== null && 'between' in found) throw new Error(`${metric.name} is an estimate`);
  return found;
}

function sumOf(a: Decimal | null, b: Decimal | null): Decimal | null {
  return a === null || b === null ? null : a.plus(b);
}

/** How far ranges reach, so that buckets stay a few hundred. */
const GRANULARITY_SPAN_MS: Readonly<Record<Granularity, number>> = {
  minute: 5 * HOUR_MS,
  hour: 4 * DAY_MS,
  day: 8 * DAY_MS,
  week: 50 * DAY_MS,
  month: 400 * DAY_MS,
  quarter: 1_000 * DAY_MS,
  year: 3_000 * DAY_MS,
};

const CENTURY = { fromMs: Date.UTC(1970, 0, 1), toMs: Date.UTC(2038, 0, 1) };

function randomRange(
  random: Random,
  span: Span,
  granularity: Granularity | undefined,
): { readonly fromMs: number; readonly toMs: number } {
  const isCoarse = granularity === undefined || GRANULARITY_SPAN_MS[granularity] > 60 * DAY_MS;
  if (isCoarse && random.chance(0.1)) return CENTURY;
  const lengthMs = granularity === undefined ? span.toMs - span.fromMs : GRANULARITY_SPAN_MS[granularity];
  const unitMs = random.pick([1, MINUTE_MS, 15 * MINUTE_MS, HOUR_MS, DAY_MS]);
  const middleMs = (span.fromMs + span.toMs) / 2;
  const fromMs = Math.max(0, Math.floor((middleMs - random.below(lengthMs)) / unitMs) * unitMs);
  return { fromMs, toMs: fromMs + Math.max(1, Math.ceil(random.below(lengthMs) / unitMs)) * unitMs };
}

export function randomQuestion(random: Random, span: Span): AskedQuestion {
  const selections = Array.from({ length: 1 + random.below(3) }, (_, index) =>
    randomSelection(random, index),
  );
  const asked = [...new Map(selections.map((one) => [one.metric.name, one])).values()];
  const metrics = asked.map(({ metric }) => metric);
  const granularity = random.chance(0.15) ? undefined : random.pick(GRANULARITIES);
  const range = randomRange(random, span, granularity);
  const filters = random.chance(0.5)
    ? [randomFilter(random), ...(random.chance(0.3) ? [randomFilter(random)] : [])]
    : [];
  const groupBy = random.chance(0.5)
    ? [...new Set([random.pick(['channel', 'country', 'user']), ...(random.chance(0.4) ? ['country'] : [])])]
    : [];
  const ranking = metrics.find((metric) => !isEstimated(metric));
  const direction = random.pick(['asc', 'desc'] as const);
  const isLimited = ranking !== undefined && random.chance(0.6);
  const common = {
    timeZone: random.chance(0.5) ? span.timeZone : random.pick(TIME_ZONES),
    weekStart: random.pick(WEEKDAYS),
    fiscalYearStart: 1 + random.below(12),
    fill: random.pick(['none', 'null', 'zero', 'previous'] as const),
    groupBy,
    other: random.chance(0.5),
    limit: isLimited ? 1 + random.below(6) : 1_000,
    ...(granularity === undefined ? {} : { granularity }),
    ...(2 * range.fromMs - range.toMs > 400 * DAY_MS && random.chance(0.12)
      ? { compare: random.pick(['previous_period', 'previous_year'] as const) }
      : {}),
  };
  return {
    query: {
      ...common,
      metrics: asked.map(({ selection }) => selection),
      from: new Date(range.fromMs).toISOString(),
      to: new Date(range.toMs).toISOString(),
      filters: filters.map(({ filter }) => filter),
      ...(ranking === undefined ? {} : { orderBy: { metric: ranking.name, direction } }),
    },
    fold: {
      ...common,
      ...range,
      metrics,
      keep: (event) => filters.every(({ keep }) => keep(event)),
      ...(ranking === undefined ? {} : { orderBy: { metric: ranking, direction } }),
    },
  };
}
