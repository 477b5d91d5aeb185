import type { BaseMetric, DimensionDeclaration, FieldCondition, FieldReference } from './metric.ts';
import { fnv1a64 } from './hash.ts';

/**
 * What rollups store: the mergeable state from which every metric over the same values is finished. Metrics that read the same
 * events, values and dimensions (average, p95 and maximum of one duration) share one measure.
 */
export interface Measure {
  /**
   * 16 hex digits over everything below. A changed declaration is another measure: rows made under the old one are never
   * mistaken for it.
   */
  readonly fingerprint: string;
  readonly eventTypes: readonly string[];
  readonly filters: readonly FieldCondition[];
  readonly value: FieldReference | null;
  /** `none`: events are counted. `number`: exact decimals. `text`: distinct values. */
  readonly valueKind: 'none' | 'number' | 'text';
  /** In the order in which rollup rows hold their values. */
  readonly dimensions: readonly DimensionDeclaration[];
  readonly quantileSketch: boolean;
}

/** What stored sketches hold. A new form makes new measures: states of the old one are never merged with it. */
const QUANTILE_STATE_FORM = 'times-1e12';

interface MeasureDraft {
  readonly eventTypes: readonly string[];
  readonly filters: readonly FieldCondition[];
  readonly value: FieldReference | null;
  readonly valueKind: Measure['valueKind'];
  readonly dimensions: readonly DimensionDeclaration[];
  quantileSketch: boolean;
}

/**
 * The measures behind a set of base metrics, by metric key. Deterministic: the order of declarations does not matter.
 *
 * @param dimensionsOf resolves a metric's dimension keys; throws on an unknown one
 */
export function compileMeasures(
  metrics: readonly BaseMetric[],
  dimensionsOf: (metric: BaseMetric) => readonly DimensionDeclaration[],
): ReadonlyMap<string, Measure> {
  const drafts = new Map<string, MeasureDraft>();
  const draftKeyOf = new Map<string, string>();
  for (const metric of metrics) {
    const draft = draftOf(metric, dimensionsOf(metric));
    const key = JSON.stringify([
      draft.eventTypes,
      draft.filters,
      draft.value,
      draft.valueKind,
      draft.dimensions,
    ]);
    const known = drafts.get(key) ?? draft;
    known.quantileSketch ||= metric.aggregation === 'quantile';
    drafts.set(key, known);
    draftKeyOf.set(metric.key, key);
  }
  const measures = new Map<string, Measure>();
  for (const [key, draft] of drafts) {
    const form = draft.quantileSketch ? QUANTILE_STATE_FORM : false;
    measures.set(key, { ...draft, fingerprint: fnv1a64(JSON.stringify([key, form])) });
  }
  const byMetric = new Map<string, Measure>();
  for (const [metricKey, key] of draftKeyOf) {
    const measure = measures.get(key);
    if (measure !== undefined) byMetric.set(metricKey, measure);
  }
  return byMetric;
}

function draftOf(metric: BaseMetric, dimensions: readonly DimensionDeclaration[]): MeasureDraft {
  const valueKind = metric.value === undefined ? 'none' : metric.aggregation === 'unique' ? 'text' : 'number';
  return {
    eventTypes: metric.eventTypes.toSorted(),
    filters: (metric.filters ?? []).toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)),
    value: metric.value ?? null,
    valueKind,
    dimensions: dimensions
      .toSorted((a, b) => (a.key < b.key ? -1 : 1))
      .map(({ key, field, rolledUp }) => ({ key, field, rolledUp, title: '' })),
    quantileSketch: false,
  };
}
