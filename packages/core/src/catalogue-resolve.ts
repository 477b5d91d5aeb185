/** From declarations without fault to metrics that can be computed. */
import { roleAllows, type Role } from './api-key.ts';
import type {
  CatalogueBaseMetric,
  CatalogueDerivedMetric,
  CatalogueDimension,
  CatalogueOperand,
  CatalogueStateMetric,
} from './catalogue-metric.ts';
import type { Expression } from './expression.ts';
import { compileMeasures } from './measure.ts';
import type {
  BaseMetric,
  DerivedMetric,
  DimensionDeclaration,
  MetricDeclaration,
  StateMetric,
} from './metric.ts';
import type { Pack } from './pack.ts';
import type { CatalogueSubject } from './subject.ts';

/** What the packs measure by events, by key of the metric. Metrics of one call that read the same share a measure. */
export function resolveBaseMetrics(packs: readonly Pack[]): Map<string, CatalogueBaseMetric> {
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

/** By key. */
export function resolveStateMetrics(
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

/** By key; operands that are derived themselves are substituted. */
export function resolveDerivedMetrics(
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
