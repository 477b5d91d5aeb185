/**
 * Dimensions that name persons. An administrator may use them freely; a viewer only to ask about themselves: with a filter `eq` on their
 * own value that every row must meet. Anything else (a group, another value, a part of an `or`, targets by person) would tell them of others.
 */
import {
  type CatalogueMetric,
  type FilterNode,
  operandsOf,
  type Principal,
  type QueryFilter,
  roleAllows,
  type Targets,
} from '@tidemark/core';
import { quote, type Report } from './faults.ts';
import { heldMetricsOf } from './targets.ts';

export interface PersonalQuestion {
  readonly metrics: readonly CatalogueMetric[];
  readonly groupBy: readonly string[];
  readonly filters: readonly FilterNode[];
  readonly targets?: Targets | null;
}

export function checkPersonal(
  { metrics, groupBy, filters, targets = null }: PersonalQuestion,
  { role, user }: Pick<Principal, 'role' | 'user'>,
  report: Report,
): void {
  if (roleAllows(role, 'admin')) return;
  const personal = new Set(
    metrics
      .flatMap(operandsOf)
      .flatMap(({ dimensions }) => dimensions.flatMap((one) => (one.isPersonal === true ? [one.key] : []))),
  );
  const isPersonTarget = targets !== null && namesPersons(targets, metrics);
  if (isPersonTarget) personal.add(targets.attribute);
  if (personal.size === 0) return;
  const isOwn = ({ dimension, op, value }: QueryFilter) =>
    personal.has(dimension) && user !== null && op === 'eq' && value === user;
  const own = new Set<string>();
  /** @param isJoined every row must meet the node */
  const visit = (node: FilterNode, at: string, isJoined: boolean): void => {
    if ('and' in node) return node.and.forEach((one, index) => visit(one, `${at}/and/${index}`, isJoined));
    if ('or' in node) return node.or.forEach((one, index) => visit(one, `${at}/or/${index}`, false));
    if ('not' in node) return visit(node.not, `${at}/not`, false);
    if (!personal.has(node.dimension)) return;
    if (isJoined && isOwn(node)) own.add(node.dimension);
    else report(at, refusal(node.dimension, user), 'forbidden');
  };
  filters.forEach((node, index) => visit(node, `/filters/${index}`, true));
  groupBy.forEach((key, index) => {
    if (personal.has(key) && !own.has(key)) report(`/groupBy/${index}`, refusal(key, user), 'forbidden');
  });
  if (isPersonTarget && !own.has(targets.attribute)) {
    report('/targets/attribute', refusal(targets.attribute, user), 'forbidden');
  }
}

/** A target for one person alone counts what is theirs. */
function namesPersons({ attribute }: Targets, metrics: readonly CatalogueMetric[]): boolean {
  return heldMetricsOf(metrics).some(({ subject }) =>
    subject.attributes.some(
      ({ declaration: { key, isPersonal } }) => key === attribute && isPersonal === true,
    ),
  );
}

function refusal(dimension: string, user: string | null): string {
  const name = quote(dimension);
  return user === null
    ? `${name} names persons: a viewer may ask about themselves alone, and this credential is nobody's`
    : `${name} names persons: a viewer may ask about themselves alone, with {"dimension":${name},"op":"eq","value":${quote(user)}} among the filters`;
}
