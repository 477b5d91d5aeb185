/** From a question about a distribution as it came to one that can be read; every fault is reported, with its place. */
import {
  type Catalogue,
  type CatalogueMetric,
  type CatalogueOperand,
  type DistributionQuery,
  type Fault,
  type FilterNode,
  type Principal,
  type Query,
  toDecimal,
} from '@tidemark/core';
import { VALUE_MAGNITUDE_LIMIT } from '@tidemark/warehouse';
import type { Report } from './faults.ts';
import { checkFilters } from './filters.ts';
import { BINS_DEFAULT, BINS_MAX, BOUNDS_MAX } from './limits.ts';
import { checkPersonal } from './personal.ts';
import { resolveSelections } from './selections.ts';
import { attributeOf } from './subjects/pivot.ts';
import { refusal, resolveCalendar, resolveGroupBy, resolveLimit, resolveRange } from './validate.ts';

type Decimal = ReturnType<typeof toDecimal>;

export interface ResolvedDistribution {
  /** It has values that are numbers. */
  readonly metric: CatalogueOperand;
  readonly fromMs: number;
  readonly toMs: number;
  readonly nowMs: number;
  readonly timeZone: string;
  readonly groupBy: readonly string[];
  readonly filters: readonly FilterNode[];
  readonly limit: number;
  /** Bounds, ascending; or how many bins of equal width. */
  readonly bins: readonly Decimal[] | number;
}

export interface DistributionContext extends Pick<Principal, 'role' | 'user'> {
  readonly catalogue: Pick<Catalogue, 'metric'>;
  readonly nowMs: number;
}

/**
 * @throws unknown-metric, forbidden or invalid-query, with all faults of the question
 */
export function resolveDistribution(
  query: DistributionQuery & Pick<Query, 'fiscalYearStart'>,
  context: DistributionContext,
): ResolvedDistribution {
  const faults: Fault[] = [];
  const report: Report = (pointer, detail, code = 'invalid-query') => {
    // One metric is asked, under a name of its own.
    faults.push({ code, pointer: pointer.replace('/metrics/0', '/metric'), detail });
  };
  const metrics = resolveSelections([query.metric], context, report);
  const [asked] = metrics;
  const metric = asked !== undefined && readsNumbers(asked) ? asked : null;
  if (asked !== undefined && metric === null) {
    report(
      '/metric',
      `${JSON.stringify(asked.key)} reads no numbers of events or subjects: their distribution is asked for`,
    );
  }
  const calendar = resolveCalendar(query, report);
  const range = resolveRange(query, { nowMs: context.nowMs, ...calendar }, report);
  const groupBy = resolveGroupBy(query, metrics, report);
  const filters = query.filters ?? [];
  checkFilters(filters, metrics, report);
  const limit = resolveLimit(query.limit, report);
  const bins = resolveBins(query, report);
  if (faults.length === 0) checkPersonal({ metrics, groupBy, filters }, context, report);
  if (faults.length > 0 || metric === null) throw refusal(faults);
  const { timeZone } = calendar;
  return { metric, ...range, timeZone, groupBy, filters, limit, bins };
}

function readsNumbers(metric: CatalogueMetric): metric is CatalogueOperand {
  switch (metric.kind) {
    case 'base':
      return metric.measure.valueKind === 'number';
    case 'state': {
      const { value } = metric.declaration;
      if (typeof value !== 'string') return value !== undefined;
      return attributeOf(metric.subject, value).declaration.type === 'number';
    }
    case 'derived':
      return false;
  }
}

function resolveBins({ bounds, bins }: DistributionQuery, report: Report): ResolvedDistribution['bins'] {
  if (bounds !== undefined && bins !== undefined)
    report('/bins', 'stands beside bounds: expected one of them');
  if (bounds === undefined) {
    const count = bins ?? BINS_DEFAULT;
    if (!Number.isInteger(count) || count < 1 || count > BINS_MAX) {
      report('/bins', `${count} is out of range: expected a whole number from 1 to ${BINS_MAX}`);
    }
    return count;
  }
  if (bounds.length === 0 || bounds.length > BOUNDS_MAX) {
    report('/bounds', `holds ${bounds.length} bounds: expected 1 to ${BOUNDS_MAX}`);
  }
  bounds.forEach((bound, index) => {
    const before = bounds[index - 1];
    if (!(Math.abs(bound) < VALUE_MAGNITUDE_LIMIT)) {
      report(`/bounds/${index}`, `${bound} is out of range: expected less than ${VALUE_MAGNITUDE_LIMIT}`);
    } else if (before !== undefined && !(before < bound)) {
      report(`/bounds/${index}`, `${bound} is not greater than the bound before it, ${before}`);
    }
  });
  return bounds.map((bound) => toDecimal(Number.isFinite(bound) ? bound : 0));
}
