import { baseMetricsOf, type CatalogueBaseMetric, type CatalogueMetric, type Estimate } from '@tidemark/core';
import { QUANTILE_RELATIVE_ERROR, UNIQUE_EXACT_MAX, UNIQUE_STANDARD_ERROR } from '@tidemark/warehouse';

const UNIQUE_NOTE = `HyperLogLog with 2^16 cells: this is the standard error; sets of up to ${UNIQUE_EXACT_MAX} values are counted exactly.`;

/** How far off the values of the metrics may be; nothing for what is exact. */
export function estimatesOf(metrics: readonly CatalogueMetric[]): Estimate[] {
  return metrics.flatMap((metric) =>
    baseMetricsOf(metric).flatMap((base): Estimate[] => {
      const found = estimateOf(base);
      if (found === null) return [];
      const note = metric.kind === 'derived' ? `Of its operand ${base.key}: ${found.note}` : found.note;
      return [{ ...found, metric: metric.key, note }];
    }),
  );
}

function estimateOf({ declaration }: CatalogueBaseMetric): Omit<Estimate, 'metric'> | null {
  switch (declaration.aggregation) {
    case 'quantile':
      return {
        kind: 'quantile',
        relativeError: QUANTILE_RELATIVE_ERROR,
        note: 'DDSketch: |estimate - true| / |true| is at most this.',
      };
    case 'unique':
      return {
        kind: 'unique',
        relativeError: UNIQUE_STANDARD_ERROR,
        note: UNIQUE_NOTE,
      };
    default:
      return null;
  }
}
