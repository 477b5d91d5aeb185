import type { Role } from './api-key.ts';
import type { Expression } from './expression.ts';
import { AppError, type Fault } from './errors.ts';
import type { Measure } from './measure.ts';
import type { BaseMetric, DerivedMetric, DimensionDeclaration, Pack, StateMetric } from './metric.ts';
import { checkPacks } from './catalogue-check.ts';
import { resolveBaseMetrics, resolveDerivedMetrics, resolveStateMetrics } from './catalogue-resolve.ts';
import { compileSubject, type CatalogueSubject, type SubjectFact } from './subject.ts';

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

/** Every declaration, checked and resolved. Immutable. */
export interface Catalogue {
  readonly packs: readonly Pack[];
  /** By key, ascending. */
  readonly metrics: readonly CatalogueMetric[];
  /** What rollups are made of, once each, by fingerprint. */
  readonly measures: readonly Measure[];
  /** By kind, ascending. */
  readonly subjects: readonly CatalogueSubject[];
  /** What is kept of subjects, once each, by fingerprint. */
  readonly facts: readonly SubjectFact[];
  /** Null when no pack declares the kind. */
  subject(kind: string): CatalogueSubject | null;
  /** Null when no pack declares it. */
  metric(key: string): CatalogueMetric | null;
  /** Null when no pack declares the event type. */
  eventType(type: string): Pack['eventTypes'][number] | null;
}

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

/**
 * Checks and resolves all declarations of all packs.
 *
 * @throws invalid-config with every fault found; pointers are JSON pointers into the list of packs
 */
export function createCatalogue(packs: readonly Pack[]): Catalogue {
  const { faults, expressions } = checkPacks(packs);
  if (faults.length > 0) throw invalidPacks(faults);

  // Pack by pack: what one pack declares must not change what another's metrics are kept in.
  const base = new Map(packs.flatMap((pack) => [...resolveBaseMetrics([pack])]));
  const subjects = new Map(
    packs.flatMap((pack) => pack.subjects).map((declared) => [declared.kind, compileSubject(declared)]),
  );
  const operands = new Map<string, CatalogueOperand>([...base, ...resolveStateMetrics(packs, subjects)]);
  const derived = resolveDerivedMetrics(packs, operands, expressions);
  return catalogueOf(packs, [...operands.values(), ...derived.values()], [...subjects.values()]);
}

/** @param metrics every key once */
export function catalogueOf(
  packs: readonly Pack[],
  metrics: readonly CatalogueMetric[],
  subjects: readonly CatalogueSubject[],
): Catalogue {
  const byKey = new Map(metrics.map((metric) => [metric.key, metric]));
  const byKind = new Map(subjects.map((subject) => [subject.kind, subject]));
  const facts = new Map(subjects.flatMap(({ facts: kept }) => kept.map((fact) => [fact.fingerprint, fact])));
  const measures = new Map(
    metrics.flatMap((metric) =>
      metric.kind === 'base' ? [[metric.measure.fingerprint, metric.measure] as const] : [],
    ),
  );
  const eventTypes = new Map(packs.flatMap((pack) => pack.eventTypes).map((type) => [type.type, type]));
  return {
    packs,
    metrics: metrics.toSorted((a, b) => compareText(a.key, b.key)),
    measures: [...measures.values()].toSorted((a, b) => compareText(a.fingerprint, b.fingerprint)),
    subjects: subjects.toSorted((a, b) => compareText(a.kind, b.kind)),
    facts: [...facts.values()].toSorted((a, b) => compareText(a.fingerprint, b.fingerprint)),
    subject: (kind) => byKind.get(kind) ?? null,
    metric: (key) => byKey.get(key) ?? null,
    eventType: (type) => eventTypes.get(type) ?? null,
  };
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function invalidPacks(faults: readonly Fault[]): AppError {
  const list = faults.map((fault) => `${fault.pointer}: ${fault.detail}`).join('; ');
  return new AppError('invalid-config', `The packs hold ${faults.length} faults: ${list}`, { faults });
}
