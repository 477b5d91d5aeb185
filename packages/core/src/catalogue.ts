import { roleAllows, type Role } from './api-key.ts';
import type { Expression } from './expression.ts';
import { AppError, type Fault } from './errors.ts';
import { compileMeasures, type Measure } from './measure.ts';
import type {
  BaseMetric,
  DerivedMetric,
  DimensionDeclaration,
  MetricDeclaration,
  Pack,
  StateMetric,
} from './metric.ts';
import { checkPacks } from './catalogue-check.ts';
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

  const base = resolveBaseMetrics(packs);
  const subjects = new Map(
    packs.flatMap((pack) => pack.subjects).map((declared) => [declared.kind, compileSubject(declared)]),
  );
  const operands = new Map<string, CatalogueOperand>([...base, ...resolveStateMetrics(packs, subjects)]);
  const derived = resolveDerivedMetrics(packs, operands, expressions);
  const byKey = new Map<string, CatalogueMetric>([...operands, ...derived]);
  const facts = new Map(
    [...subjects.values()].flatMap((subject) => subject.facts).map((fact) => [fact.fingerprint, fact]),
  );
  const measures = new Map([...base.values()].map(({ measure }) => [measure.fingerprint, measure]));
  const eventTypes = new Map(packs.flatMap((pack) => pack.eventTypes).map((type) => [type.type, type]));
  return {
    packs,
    metrics: [...byKey.values()].toSorted((a, b) => compareText(a.key, b.key)),
    measures: [...measures.values()].toSorted((a, b) => compareText(a.fingerprint, b.fingerprint)),
    subjects: [...subjects.values()].toSorted((a, b) => compareText(a.kind, b.kind)),
    facts: [...facts.values()].toSorted((a, b) => compareText(a.fingerprint, b.fingerprint)),
    subject: (kind) => subjects.get(kind) ?? null,
    metric: (key) => byKey.get(key) ?? null,
    eventType: (type) => eventTypes.get(type) ?? null,
  };
}

function resolveBaseMetrics(packs: readonly Pack[]): Map<string, CatalogueBaseMetric> {
  const dimensionsOf = new Map<string, readonly DimensionDeclaration[]>();
  const declarations: BaseMetric[] = [];
  for (const pack of packs) {
    const known = new Map(pack.dimensions.map((dimension) => [dimension.key, dimension]));
    for (const metric of pack.metrics.filter(isBase)) {
      const dimensions = metric.dimensions.flatMap((key) => known.get(key) ?? []);
      dimensionsOf.set(metric.key, dimensions);
      declarations.push(metric);
    }
  }
  const measures = compileMeasures(declarations, (metric) => dimensionsOf.get(metric.key) ?? []);
  const resolved = new Map<string, CatalogueBaseMetric>();
  for (const declaration of declarations) {
    const measure = measures.get(declaration.key);
    if (measure === undefined) throw new Error(`Assertion failed: no measure of ${declaration.key}`);
    resolved.set(declaration.key, {
      kind: 'base',
      key: declaration.key,
      declaration,
      measure,
      dimensions: dimensionsOf.get(declaration.key) ?? [],
      role: declaration.role ?? 'viewer',
      eventTypes: measure.eventTypes,
    });
  }
  return resolved;
}

function resolveStateMetrics(
  packs: readonly Pack[],
  subjects: ReadonlyMap<string, CatalogueSubject>,
): Map<string, CatalogueStateMetric> {
  const resolved = new Map<string, CatalogueStateMetric>();
  for (const declaration of packs.flatMap((pack) => pack.metrics).filter(isState)) {
    const subject = subjects.get(declaration.subject);
    if (subject === undefined) throw new Error(`Assertion failed: no subject of ${declaration.key}`);
    resolved.set(declaration.key, {
      kind: 'state',
      key: declaration.key,
      declaration,
      subject,
      dimensions: declaration.dimensions.map((key) => attributeDimension(subject, key)),
      role: declaration.role ?? 'viewer',
      eventTypes: subject.eventTypes,
    });
  }
  return resolved;
}

function attributeDimension(subject: CatalogueSubject, key: string): CatalogueDimension {
  const attribute = subject.attributes.find(({ declaration }) => declaration.key === key)?.declaration;
  if (attribute === undefined) throw new Error(`Assertion failed: no attribute ${key} of ${subject.kind}`);
  const { title, isPersonal } = attribute;
  return { key, title, rolledUp: true, ...(isPersonal === undefined ? {} : { isPersonal }) };
}

function resolveDerivedMetrics(
  packs: readonly Pack[],
  base: ReadonlyMap<string, CatalogueOperand>,
  expressions: ReadonlyMap<string, Expression>,
): Map<string, CatalogueDerivedMetric> {
  const resolved = new Map<string, CatalogueDerivedMetric>();
  for (const declaration of packs.flatMap((pack) => pack.metrics).filter(isDerived)) {
    const roles: Role[] = [declaration.role ?? 'viewer'];
    const substitute = (expression: Expression): Expression => {
      switch (expression.kind) {
        case 'number':
        case 'seconds':
          return expression;
        case 'negate':
          return { kind: 'negate', operand: substitute(expression.operand) };
        case 'binary':
          return { ...expression, left: substitute(expression.left), right: substitute(expression.right) };
        case 'metric': {
          const inner = expressions.get(expression.key);
          if (inner === undefined) return expression;
          const role = packs.flatMap((pack) => pack.metrics).find((m) => m.key === expression.key)?.role;
          roles.push(role ?? 'viewer');
          return substitute(inner);
        }
      }
    };
    const expression = expressions.get(declaration.key);
    if (expression === undefined) throw new Error(`Assertion failed: no expression of ${declaration.key}`);
    const flat = substitute(expression);
    const operands = operandKeys(flat).flatMap((key) => base.get(key) ?? []);
    resolved.set(declaration.key, {
      kind: 'derived',
      key: declaration.key,
      declaration,
      expression: flat,
      operands,
      dimensions: sharedDimensions(operands),
      role: greatestRole([...roles, ...operands.map((operand) => operand.role)]),
      eventTypes: [...new Set(operands.flatMap((operand) => operand.eventTypes))].toSorted(),
    });
  }
  return resolved;
}

function operandKeys(expression: Expression): string[] {
  const keys = new Set<string>();
  const visit = (node: Expression): void => {
    if (node.kind === 'metric') keys.add(node.key);
    if (node.kind === 'negate') visit(node.operand);
    if (node.kind === 'binary') {
      visit(node.left);
      visit(node.right);
    }
  };
  visit(expression);
  return [...keys];
}

function sharedDimensions(operands: readonly CatalogueOperand[]): readonly CatalogueDimension[] {
  const [first, ...rest] = operands;
  if (first === undefined) return [];
  const dimensions: readonly CatalogueDimension[] = first.dimensions;
  return dimensions.flatMap((dimension) => {
    const same = rest.flatMap((operand) => operand.dimensions.filter(({ key }) => key === dimension.key));
    if (same.length < rest.length) return [];
    // What names a person for one of the operands does so for all of them.
    return same.some(({ isPersonal }) => isPersonal)
      ? [{ ...dimension, isPersonal: true as const }]
      : [dimension];
  });
}

function greatestRole(roles: readonly Role[]): Role {
  return roles.reduce((greatest, role) => (roleAllows(greatest, role) ? greatest : role));
}

function isBase(metric: MetricDeclaration): metric is BaseMetric {
  return metric.kind === 'base';
}

function isState(metric: MetricDeclaration): metric is StateMetric {
  return metric.kind === 'state';
}

function isDerived(metric: MetricDeclaration): metric is DerivedMetric {
  return metric.kind === 'derived';
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function invalidPacks(faults: readonly Fault[]): AppError {
  const list = faults.map((fault) => `${fault.pointer}: ${fault.detail}`).join('; ');
  return new AppError('invalid-config', `The packs hold ${faults.length} faults: ${list}`, { faults });
}
