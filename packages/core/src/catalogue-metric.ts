/** Metrics that can be computed: declarations with everything they name resolved. */
import type { Role } from './api-key.ts';
import type { Expression } from './expression.ts';
import type { Measure } from './measure.ts';
import type { BaseMetric, DerivedMetric, DimensionDeclaration, StateMetric } from './metric.ts';
import type { CatalogueSubject } from './subject.ts';

/** What a metric may be grouped and filtered by: a dimension of the pack, or an attribute of a subject (always `rolledUp`). */
export type CatalogueDimension = Pick<DimensionDeclaration, 'key' | 'title' | 'rolledUp' | 'isPersonal'>;

interface CatalogueCommon {
  readonly key: string;
  /** What it may be grouped and filtered by. Of a derived metric: what all its operands share. */
  readonly dimensions: readonly CatalogueDimension[];
  /** The least role that may ask; of a derived metric the greatest of its operands'. */
  readonly role: Role;
  /** Every event type that feeds it, sorted. */
  readonly eventTypes: readonly string[];
}

export interface CatalogueBaseMetric extends CatalogueCommon {
  readonly kind: 'base';
  readonly declaration: BaseMetric;
  readonly measure: Measure;
  readonly dimensions: readonly DimensionDeclaration[];
}

export interface CatalogueStateMetric extends CatalogueCommon {
  readonly kind: 'state';
  readonly declaration: StateMetric;
  readonly subject: CatalogueSubject;
}

/** A metric with values of its own. */
export type CatalogueOperand = CatalogueBaseMetric | CatalogueStateMetric;

export interface CatalogueDerivedMetric extends CatalogueCommon {
  readonly kind: 'derived';
  readonly declaration: DerivedMetric;
  /** Over base and state metrics only: operands that were derived themselves are substituted. */
  readonly expression: Expression;
  /** The base and state metrics that the expression names, once each. */
  readonly operands: readonly CatalogueOperand[];
}

export type CatalogueMetric = CatalogueOperand | CatalogueDerivedMetric;

/** The metrics with values of their own from which a metric is computed. */
export function operandsOf(metric: CatalogueMetric): readonly CatalogueOperand[] {
  return metric.kind === 'derived' ? metric.operands : [metric];
}

/** Those of `operandsOf` that are measured by events. */
export function baseMetricsOf(metric: CatalogueMetric): readonly CatalogueBaseMetric[] {
  return operandsOf(metric).flatMap((operand) => (operand.kind === 'base' ? [operand] : []));
}

/** Those of `operandsOf` that tell of subjects. */
export function stateMetricsOf(metric: CatalogueMetric): readonly CatalogueStateMetric[] {
  return operandsOf(metric).flatMap((operand) => (operand.kind === 'state' ? [operand] : []));
}
