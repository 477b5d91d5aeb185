/** From the rows of a statement to the values of metrics. */
import {
  type Aggregation,
  assertThat,
  type CatalogueBaseMetric,
  type CatalogueMetric,
  type CatalogueOperand,
  evaluateExpression,
  type MetricValue,
  SECOND_MS,
  toDecimal,
} from '@tidemark/core';
import type { Row } from '@tidemark/warehouse';
import type { Figure } from './state-rows.ts';
import { figureColumn, type RankingRequest } from './statement.ts';

type Decimal = ReturnType<typeof toDecimal>;

/** Averages and quotients of money are rounded (half to even) to the scale at which money is stored. */
const MONEY_DECIMALS = 12;
const CURRENCY = /^[A-Z]{3}$/;

/** Whether a unit is an ISO 4217 currency code. */
export function isMoney(unit: string): boolean {
  return CURRENCY.test(unit);
}

const FIGURES_OF: Readonly<Record<Aggregation, readonly Figure[]>> = {
  count: ['events'],
  sum: ['valueCount', 'sum'],
  avg: ['valueCount', 'sum'],
  min: ['min'],
  max: ['max'],
  last: ['last'],
  unique: ['unique'],
  quantile: ['valueCount', 'quantiles'],
};

/** The figures (and quantile levels) that a statement must finish for these metrics of one measure. */
export function figuresFor(metrics: readonly CatalogueBaseMetric[]): {
  readonly figures: ReadonlySet<Figure>;
  readonly levels: readonly number[];
} {
  const figures = new Set<Figure>(['events']);
  const levels = new Set<number>();
  for (const { declaration } of metrics) {
    for (const figure of FIGURES_OF[declaration.aggregation]) figures.add(figure);
    if (declaration.aggregation === 'count' && declaration.value !== undefined) figures.add('valueCount');
    if (declaration.aggregation === 'quantile') levels.add(levelOf(declaration.level));
  }
  return { figures, levels: [...levels] };
}

export function rankingFigure({ declaration }: CatalogueBaseMetric): RankingRequest['figure'] {
  return declaration.aggregation === 'count' && declaration.value !== undefined
    ? 'value-count'
    : declaration.aggregation;
}

const COUNTING: ReadonlySet<CatalogueOperand['declaration']['aggregation']> = new Set([
  'count',
  'unique',
  'within',
  'targeted',
]);

/** A count of nothing is 0. Nothing else has a value where no event was. */
function isCounting({ declaration }: CatalogueOperand): boolean {
  return COUNTING.has(declaration.aggregation);
}

/** @param levels in the order in which the statement finished them */
export function baseValue(metric: CatalogueBaseMetric, row: Row, levels: readonly number[]): Decimal | null {
  const { aggregation, value, level } = metric.declaration;
  const figure = (name: Figure) => decimalOrNull(row[figureColumn(name)]);
  const valueCount = () => figure('valueCount');
  switch (aggregation) {
    case 'count':
      return figure(value === undefined ? 'events' : 'valueCount');
    case 'unique':
    case 'min':
    case 'max':
    case 'last':
      return figure(aggregation);
    case 'sum':
      return valueCount()?.isZero() === false ? figure('sum') : null;
    case 'avg': {
      const count = valueCount();
      return count === null || count.isZero() ? null : (figure('sum')?.dividedBy(count) ?? null);
    }
    case 'quantile': {
      const quantiles = row[figureColumn('quantiles')];
      assertThat(Array.isArray(quantiles), 'quantiles come as an array');
      return valueCount()?.isZero() === false
        ? decimalOrNull(quantiles[levels.indexOf(levelOf(level))])
        : null;
    }
  }
}

/**
 * The value of a metric from those of its operands; undefined where none of them saw an event or a subject. In a derived metric a count
 * without events is 0 (no error among 10 requests is 0 %, not unknown), any other absent operand makes the whole null.
 *
 * @param seconds `secondsPassed` of the bucket or the range
 */
export function metricValue(
  metric: CatalogueMetric,
  valueOf: (operand: CatalogueOperand) => Decimal | null | undefined,
  seconds: Decimal | null,
): Decimal | null | undefined {
  if (metric.kind !== 'derived') return valueOf(metric);
  const operands = new Map(metric.operands.map((operand) => [operand.key, operand]));
  const values = new Map(metric.operands.map((operand) => [operand.key, valueOf(operand)]));
  if ([...values.values()].every((value) => value === undefined)) return undefined;
  const operandValue = (key: string) => {
    const value = values.get(key);
    if (value !== undefined) return value;
    const operand = operands.get(key);
    return operand !== undefined && isCounting(operand) ? toDecimal(0) : null;
  };
  return evaluateExpression(metric.expression, operandValue, seconds);
}

/** How much of [fromMs, toMs) has passed; null when nothing has. */
export function secondsPassed(fromMs: number, toMs: number, nowMs: number): Decimal | null {
  const passedMs = Math.min(toMs, nowMs) - fromMs;
  return passedMs > 0 ? toDecimal(passedMs).dividedBy(SECOND_MS) : null;
}

/** What the metric is where no event was at all: 0 for a count, and for an expression over counts its value. */
export function valueOfNothing(metric: CatalogueMetric, seconds: Decimal | null): Decimal | null {
  const nothing = (operand: CatalogueOperand) => (isCounting(operand) ? toDecimal(0) : null);
  return metricValue(metric, nothing, seconds) ?? null;
}

/** Whether every value of the metric is an exact decimal, written as text: money is, but for estimates of it. */
export function isExactMetric(metric: CatalogueMetric): boolean {
  const isQuantile = metric.kind === 'base' && metric.declaration.aggregation === 'quantile';
  return isMoney(metric.declaration.unit) && !isQuantile;
}

/**
 * How a value is written: money as an exact decimal text; integers beyond 2^53 as text; everything else as the nearest JSON
 * number. Estimates (quantiles of events) are numbers, of money too.
 */
export function toMetricValue(metric: CatalogueMetric, value: Decimal | null): MetricValue {
  if (value === null) return null;
  return writtenValue(value, isExactMetric(metric));
}

/** @param isExact as `isExactMetric` */
export function writtenValue(value: Decimal, isExact: boolean): number | string {
  const rounded = isExact ? value.toDecimalPlaces(MONEY_DECIMALS) : value;
  // Decimals have a negative zero, which no reader wants.
  const written = rounded.isZero() ? rounded.abs() : rounded;
  const isBeyondNumbers = written.isInteger() && written.abs().greaterThan(Number.MAX_SAFE_INTEGER);
  return isExact || isBeyondNumbers ? written.toFixed() : written.toNumber();
}

function decimalOrNull(value: unknown): Decimal | null {
  if (value === null || value === undefined) return null;
  assertThat(typeof value === 'string' || typeof value === 'number', 'figures come as text or numbers');
  return toDecimal(value);
}

function levelOf(level: number | undefined): number {
  assertThat(level !== undefined, 'the catalogue gives every quantile a level');
  return level;
}
