/** The metrics of a question: keys of the catalogue, other levels of quantiles, and expressions of the asker's own. */
import {
  type Catalogue,
  type CatalogueDerivedMetric,
  type CatalogueMetric,
  type CatalogueOperand,
  type Expression,
  metricsOf,
  type MetricSelection,
  operandsOf,
  parseExpression,
  type Role,
  roleAllows,
} from '@tidemark/core';
import { quote, type Report } from './faults.ts';
import { EXPRESSION_TERMS_MAX, METRICS_PER_QUERY_MAX, OPERANDS_PER_QUERY_MAX } from './limits.ts';

export interface SelectionContext {
  readonly catalogue: Pick<Catalogue, 'metric'>;
  readonly role: Role;
}

/** Without a dot, so that it is never taken for a metric of a catalogue, not even of one to come. */
const NAME = /^[A-Za-z0-9_][A-Za-z0-9_ -]{0,63}$/;
const UNIT_LENGTH_MAX = 32;

/** Each once, in the order asked; `key` is what the answer calls it. Those with a fault are reported and left out. */
export function resolveSelections(
  selections: readonly MetricSelection[],
  context: SelectionContext,
  report: Report,
): CatalogueMetric[] {
  if (selections.length === 0) report('/metrics', 'names no metric: expected at least one');
  if (selections.length > METRICS_PER_QUERY_MAX) {
    report('/metrics', `names ${selections.length} metrics: expected at most ${METRICS_PER_QUERY_MAX}`);
    return [];
  }
  const metrics = new Map<string, CatalogueMetric>();
  selections.forEach((selection, index) => {
    const at = `/metrics/${index}`;
    const metric = resolveSelection(selection, at, context, report);
    if (typeof selection !== 'string') checkName(selection.as, `${at}/as`, metrics, report);
    if (metric !== null) metrics.set(metric.key, metric);
  });
  const operands = new Set(
    [...metrics.values()].flatMap((metric) => operandsOf(metric).map(({ key }) => key)),
  );
  if (operands.size > OPERANDS_PER_QUERY_MAX) {
    report(
      '/metrics',
      `are computed from ${operands.size} metrics: expected at most ${OPERANDS_PER_QUERY_MAX}`,
    );
  }
  return [...metrics.values()];
}

function resolveSelection(
  selection: MetricSelection,
  at: string,
  context: SelectionContext,
  report: Report,
): CatalogueMetric | null {
  if (typeof selection === 'string') return permitted(selection, at, context, report);
  if ('expression' in selection) return resolveExpression(selection, at, context, report);
  const metric = permitted(selection.metric, `${at}/metric`, context, report);
  if (metric === null) return null;
  if (metric.kind === 'derived' || metric.declaration.aggregation !== 'quantile') {
    report(`${at}/metric`, `${quote(metric.key)} is no quantile: it has no other levels`);
    return null;
  }
  if (!(selection.level > 0 && selection.level < 1)) {
    report(`${at}/level`, `${String(selection.level)} is out of range: expected a number between 0 and 1`);
    return null;
  }
  return atLevel(metric, selection.as, selection.level);
}

/** The same measure (or subject), finished at another level. */
function atLevel(metric: CatalogueOperand, key: string, level: number): CatalogueOperand {
  if (metric.kind === 'base')
    return { ...metric, key, declaration: { ...metric.declaration, key, title: key, level } };
  return { ...metric, key, declaration: { ...metric.declaration, key, title: key, level } };
}

function checkName(
  name: string,
  at: string,
  taken: ReadonlyMap<string, CatalogueMetric>,
  report: Report,
): void {
  if (!NAME.test(name)) {
    report(at, `${quote(name)} is no name: expected 1 to 64 of A-Z a-z 0-9 _ - and space, without a dot`);
  } else if (taken.has(name)) {
    report(at, `${quote(name)} names two metrics`);
  }
}

/** The metric of the catalogue, if the role may ask for it. */
function permitted(
  key: string,
  at: string,
  { catalogue, role }: SelectionContext,
  report: Report,
  where = '',
): CatalogueMetric | null {
  const metric = catalogue.metric(key);
  if (metric === null) {
    const detail = `${where}${quote(key)} is not in the catalogue: GET /api/v1/metrics lists it`;
    report(at, detail, 'unknown-metric');
    return null;
  }
  if (roleAllows(role, metric.role)) return metric;
  report(at, `${where}${quote(key)} is for role ${metric.role}, the credential has ${role}`, 'forbidden');
  return null;
}

function resolveExpression(
  selection: Extract<MetricSelection, { expression: string }>,
  place: string,
  context: SelectionContext,
  report: Report,
): CatalogueDerivedMetric | null {
  const at = `${place}/expression`;
  const { as: key, expression: text, unit = '1' } = selection;
  if (unit.length === 0 || unit.length > UNIT_LENGTH_MAX) {
    report(`${place}/unit`, `is no unit: expected 1 to ${UNIT_LENGTH_MAX} characters`);
  }
  const parsed = parseExpression(text);
  if (!parsed.ok) {
    report(at, `at character ${parsed.position}: ${parsed.detail}`);
    return null;
  }
  const known = new Map<string, CatalogueMetric>();
  const keys = metricsOf(parsed.expression);
  if (keys.length === 0) report(at, 'names no metric');
  for (const name of keys) {
    const where = `at character ${positionOf(parsed.expression, name) ?? 0}: `;
    const metric = permitted(name, at, context, report, where);
    if (metric !== null) known.set(name, metric);
  }
  if (keys.length === 0 || known.size < keys.length) return null;
  const expression = expanded(parsed.expression, known);
  const terms = termsOf(expression);
  if (terms > EXPRESSION_TERMS_MAX) {
    report(
      at,
      `has ${terms} terms when its metrics are written out: expected at most ${EXPRESSION_TERMS_MAX}`,
    );
    return null;
  }
  const operands = new Map([...known.values()].flatMap(operandsOf).map((operand) => [operand.key, operand]));
  const [first, ...rest] = operands.values();
  return {
    kind: 'derived',
    key,
    declaration: {
      kind: 'derived',
      key,
      title: key,
      description: '',
      unit,
      direction: 'neutral',
      expression: text,
    },
    expression,
    operands: [...operands.values()],
    dimensions: (first?.dimensions ?? []).filter((dimension) =>
      rest.every((operand) => operand.dimensions.some((one) => one.key === dimension.key)),
    ),
    role: [...known.values()].some(({ role }) => role === 'admin') ? 'admin' : 'viewer',
    eventTypes: [...new Set([...operands.values()].flatMap(({ eventTypes }) => eventTypes))].toSorted(),
  };
}

/** Derived metrics in it stand for their expressions. */
function expanded(expression: Expression, known: ReadonlyMap<string, CatalogueMetric>): Expression {
  switch (expression.kind) {
    case 'number':
    case 'seconds':
      return expression;
    case 'negate':
      return { kind: 'negate', operand: expanded(expression.operand, known) };
    case 'binary':
      return {
        ...expression,
        left: expanded(expression.left, known),
        right: expanded(expression.right, known),
      };
    case 'metric': {
      const metric = known.get(expression.key);
      return metric?.kind === 'derived' ? metric.expression : expression;
    }
  }
}

function termsOf(expression: Expression): number {
  if (expression.kind === 'negate') return termsOf(expression.operand);
  return expression.kind === 'binary' ? termsOf(expression.left) + termsOf(expression.right) : 1;
}

/** Where the metric is named first. */
function positionOf(expression: Expression, key: string): number | null {
  if (expression.kind === 'metric') return expression.key === key ? expression.position : null;
  if (expression.kind === 'negate') return positionOf(expression.operand, key);
  if (expression.kind !== 'binary') return null;
  return positionOf(expression.left, key) ?? positionOf(expression.right, key);
}
