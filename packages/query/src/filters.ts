/** The filters of a question: conditions, joined by `and`, `or` and `not` to any bounded depth. */
import {
  type CatalogueMetric,
  conditionValueFault,
  FILTER_OPERATORS,
  type FilterNode,
  type QueryFilter,
} from '@tidemark/core';
import { conditionSql, type SqlParameters } from '@tidemark/warehouse';
import { oneOf, quote, type Report } from './faults.ts';
import {
  FILTER_CONDITIONS_MAX,
  FILTER_DEPTH_MAX,
  FILTER_TEXT_LENGTH_MAX,
  FILTER_VALUES_MAX,
} from './limits.ts';

/** Every condition of the tree, in the order in which it is written. */
export function conditionsOf(nodes: readonly FilterNode[]): QueryFilter[] {
  return nodes.flatMap((node) => {
    if ('and' in node) return conditionsOf(node.and);
    if ('or' in node) return conditionsOf(node.or);
    if ('not' in node) return conditionsOf([node.not]);
    return [node];
  });
}

/**
 * SQL that is true where the node holds; never NULL, so that `not` is its opposite.
 *
 * @param text SQL of the text of a dimension, '' when absent
 */
export function filterSql(
  node: FilterNode,
  text: (dimension: string) => string,
  parameters: SqlParameters,
): string {
  const all = (nodes: readonly FilterNode[]) => nodes.map((one) => filterSql(one, text, parameters));
  if ('and' in node) return `(${all(node.and).join(' AND ')})`;
  if ('or' in node) return `(${all(node.or).join(' OR ')})`;
  if ('not' in node) return `NOT (${filterSql(node.not, text, parameters)})`;
  return conditionSql(text(node.dimension), node, parameters);
}

/** A derived metric is answered from its operands, so each of them must have the dimension. */
export function checkDimension(
  key: string,
  pointer: string,
  metrics: readonly CatalogueMetric[],
  report: Report,
): void {
  for (const metric of metrics) {
    if (metric.dimensions.some((dimension) => dimension.key === key)) continue;
    const known = metric.dimensions.map((dimension) => dimension.key).join(', ');
    report(
      pointer,
      `${quote(key)} is no dimension of ${metric.key} (it has: ${known === '' ? 'none' : known})`,
    );
  }
}

/** Whatever has its shape from elsewhere (a body, a URL, a template) is held to it here. */
export function checkFilters(
  filters: readonly FilterNode[],
  metrics: readonly CatalogueMetric[],
  report: Report,
): void {
  let conditions = 0;
  const checkNode = (node: FilterNode, at: string, depth: number): void => {
    if (depth > FILTER_DEPTH_MAX) {
      report(at, `is nested too deep: expected at most ${FILTER_DEPTH_MAX} levels`);
      return;
    }
    const form = formOf(node);
    if (form === null) {
      report(at, 'is no filter: expected {dimension, op, value}, {and: […]}, {or: […]} or {not: …}');
      return;
    }
    if (form.kind === 'condition') {
      conditions += 1;
      if (conditions <= FILTER_CONDITIONS_MAX) checkCondition(form.condition, at, metrics, report);
    } else if (form.nodes.length === 0) {
      report(`${at}/${form.kind}`, 'is empty: expected at least one filter');
    }
    form.nodes.forEach((child, index) =>
      checkNode(child, form.kind === 'not' ? `${at}/not` : `${at}/${form.kind}/${index}`, depth + 1),
    );
  };
  filters.forEach((node, index) => checkNode(node, `/filters/${index}`, 1));
  if (conditions > FILTER_CONDITIONS_MAX) {
    report('/filters', `holds ${conditions} conditions: expected at most ${FILTER_CONDITIONS_MAX}`);
  }
}

type Form =
  | { readonly kind: 'and' | 'or' | 'not'; readonly nodes: readonly FilterNode[] }
  | { readonly kind: 'condition'; readonly condition: QueryFilter; readonly nodes: readonly never[] };

function formOf(node: unknown): Form | null {
  if (typeof node !== 'object' || node === null) return null;
  const members = node as Readonly<Record<string, unknown>>;
  const names = Object.keys(members).filter((name) => members[name] !== undefined);
  const [name] = names;
  if (names.length === 1 && name === 'not') return { kind: name, nodes: [members[name] as FilterNode] };
  if (names.length === 1 && (name === 'and' || name === 'or') && Array.isArray(members[name])) {
    return { kind: name, nodes: members[name] as FilterNode[] };
  }
  if (!names.every((one) => CONDITION_MEMBERS.has(one)) || names.length !== CONDITION_MEMBERS.size)
    return null;
  if (typeof members['dimension'] !== 'string' || typeof members['op'] !== 'string') return null;
  return { kind: 'condition', condition: node as QueryFilter, nodes: [] };
}

const CONDITION_MEMBERS: ReadonlySet<string> = new Set(['dimension', 'op', 'value']);

function checkCondition(
  { dimension, op, value }: QueryFilter,
  at: string,
  metrics: readonly CatalogueMetric[],
  report: Report,
): void {
  checkDimension(dimension, `${at}/dimension`, metrics, report);
  if (!FILTER_OPERATORS.includes(op)) {
    oneOf(FILTER_OPERATORS, op, `${at}/op`, report);
    return;
  }
  const detail = conditionValueFault(op, value);
  if (detail !== null) report(`${at}/value`, detail);
  const values = Array.isArray(value) ? value : [value];
  if (values.length > FILTER_VALUES_MAX) {
    report(`${at}/value`, `holds ${values.length} values: expected at most ${FILTER_VALUES_MAX}`);
  } else if (values.some((item) => String(item).length > FILTER_TEXT_LENGTH_MAX)) {
    report(`${at}/value`, `is longer than ${FILTER_TEXT_LENGTH_MAX} characters`);
  }
}
