/** From the rows of a statement over states to the values of its metrics. */
import { assertThat, type CatalogueStateMetric, toDecimal } from '@tidemark/core';
import type { Row } from '@tidemark/warehouse';
import { unitNsOf } from './state-sql.ts';

type Decimal = ReturnType<typeof toDecimal>;

const OF_VALUES: ReadonlySet<CatalogueStateMetric['declaration']['aggregation']> = new Set([
  'sum',
  'avg',
  'min',
  'max',
  'quantile',
]);

/** @param index of the metric in its statement */
export function stateValue({ declaration }: CatalogueStateMetric, index: number, row: Row): Decimal | null {
  const found = decimalOrNull(row[`m${index}`]);
  if (found === null || !OF_VALUES.has(declaration.aggregation)) return found;
  const divisor =
    declaration.aggregation === 'avg'
      ? (decimalOrNull(row[`m${index}_count`]) ?? toDecimal(1))
      : toDecimal(1);
  return found.dividedBy(divisor.times(unitNsOf(declaration)));
}

/** Metrics that one statement answers: of the same subjects. */
export function bySubjects(
  metrics: readonly CatalogueStateMetric[],
): readonly (readonly CatalogueStateMetric[])[] {
  const byKey = new Map<string, Map<string, CatalogueStateMetric>>();
  for (const metric of metrics) {
    const { at, filters = [] } = metric.declaration;
    const key = JSON.stringify([metric.subject.kind, at, filters]);
    const known = byKey.get(key) ?? new Map<string, CatalogueStateMetric>();
    byKey.set(key, known.set(metric.key, metric));
  }
  return [...byKey.values()].map((one) => [...one.values()]);
}

function decimalOrNull(value: unknown): Decimal | null {
  if (value === null || value === undefined) return null;
  assertThat(typeof value === 'string', 'figures come as text');
  return toDecimal(value);
}
