import { checkPacks } from './catalogue-check.ts';
import type { CatalogueMetric, CatalogueOperand } from './catalogue-metric.ts';
import { resolveBaseMetrics, resolveDerivedMetrics, resolveStateMetrics } from './catalogue-resolve.ts';
import { AppError, type Fault } from './errors.ts';
import type { Measure } from './measure.ts';
import type { Pack } from './pack.ts';
import { compileSubject, type CatalogueSubject, type SubjectFact } from './subject.ts';

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
