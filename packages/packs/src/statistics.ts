import type { BaseMetric, MetricDeclaration, StateMetric } from '@tidemark/core';

/** What the statistics of one value share; each adds its own key, title, description and aggregation. */
type Shared =
  | Omit<BaseMetric, 'key' | 'title' | 'description' | 'aggregation' | 'level'>
  | Omit<StateMetric, 'key' | 'title' | 'description' | 'aggregation' | 'level' | 'targets'>;

const FORMS = {
  sum: { title: 'total', text: (value: string, of: string) => `The ${value} of all ${of} together.` },
  avg: { title: 'average', text: (value: string, of: string) => `Mean ${value} of ${of}.` },
  min: { title: 'least', text: (value: string, of: string) => `Least ${value} of ${of}.` },
  max: { title: 'greatest', text: (value: string, of: string) => `Greatest ${value} of ${of}.` },
  p50: { title: 'median', text: (value: string, of: string) => `Half of ${of} have at most this ${value}.` },
  p90: { title: 'p90', text: (value: string, of: string) => `90 % of ${of} have at most this ${value}.` },
  p95: { title: 'p95', text: (value: string, of: string) => `95 % of ${of} have at most this ${value}.` },
  p99: { title: 'p99', text: (value: string, of: string) => `99 % of ${of} have at most this ${value}.` },
} as const;
type Statistic = keyof typeof FORMS;

const LEVELS = { p50: 0.5, p90: 0.9, p95: 0.95, p99: 0.99 } as const;

/**
 * The declarations of several statistics of one value: `<key>_avg`, `<key>_p95`, …
 * @param words for descriptions: the value (`time to first response`) and what has it, in the plural (`tickets`)
 */
export function statistics(
  shared: Shared,
  key: string,
  title: string,
  words: { readonly value: string; readonly of: string },
  names: readonly Statistic[],
): readonly MetricDeclaration[] {
  return names.map((name) => {
    const { title: suffix, text } = FORMS[name];
    const own = {
      key: `${key}_${name}`,
      title: `${title}, ${suffix}`,
      description: text(words.value, words.of),
    };
    return name === 'p50' || name === 'p90' || name === 'p95' || name === 'p99'
      ? { ...shared, ...own, aggregation: 'quantile', level: LEVELS[name] }
      : { ...shared, ...own, aggregation: name };
  });
}
