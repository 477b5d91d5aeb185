/** How the values of one metric lie: exact counts, from raw events or from what is kept of subjects. */
import type { Bin, CatalogueOperand, DistributionAnswer, toDecimal } from '@tidemark/core';
import { type Asking, groupOf, rankGroups, type Reading, readFigures, run } from './asking.ts';
import type { Selection } from './ranking.ts';
import type { ResolvedDistribution } from './distribution-query.ts';
import { dimensionsOf, groupKey } from './series.ts';
import { planRaw, wholeLayout } from './sources.ts';
import { binsStatement } from './statement.ts';
import { stateBinsStatement, unitNsOf } from './subjects/state-sql.ts';
import type { ResolvedQuery } from './validate.ts';

type Decimal = ReturnType<typeof toDecimal>;

/** Values of events are kept to so many decimals, so between two of them no bound tells more. */
const VALUE_DECIMALS = 12;

export type DistributionAsking = Omit<Asking, 'query'> & { readonly query: ResolvedDistribution };

/** @throws what `QueryEngine.distribute` throws for reasons of the warehouse */
export async function readDistribution(
  asking: DistributionAsking,
): Promise<Pick<DistributionAnswer, 'groups' | 'groupsOmitted'>> {
  const { query } = asking;
  const layout = wholeLayout(query);
  const plan = planRaw(layout);
  const reading: Reading = { layout, planOf: () => plan };
  const values = aggregated(query.metric, 'count');
  const selection = await rankGroups({ ...asking, query: questionOf(query, [values]) }, reading);
  const edges = Array.isArray(query.bins)
    ? { inner: query.bins, outer: null }
    : await equalEdges(asking, reading);
  const counts = await readCounts(asking, reading, { selection, inner: edges?.inner ?? [] });
  const groups = selection.groups.map((group) => {
    const byBin = counts.get(groupKey(group)) ?? new Map<number, number>();
    const count = [...byBin.values()].reduce((sum, one) => sum + one, 0);
    return {
      dimensions: dimensionsOf(query.groupBy, group),
      count,
      bins: edges === null ? [] : binsOf(edges, byBin, count),
    };
  });
  return { groups, groupsOmitted: selection.omitted };
}

interface Edges {
  /** Between the bins, ascending. */
  readonly inner: readonly Decimal[];
  /** Where the first begins and the last ends; null: unbounded. */
  readonly outer: { readonly from: Decimal; readonly to: Decimal } | null;
}

/** From the least to the greatest value of all groups; null when there is none. */
async function equalEdges(asking: DistributionAsking, reading: Reading): Promise<Edges | null> {
  const { query } = asking;
  const [least, greatest] = [aggregated(query.metric, 'min'), aggregated(query.metric, 'max')];
  const whole = { ...questionOf(query, [least, greatest]), groupBy: [] };
  const all: Selection = { groups: [[]], omitted: 0, next: null };
  const table = await readFigures({ ...asking, query: whole }, reading, all);
  const found = table.get(groupKey([]))?.get(0);
  const from = found?.get(least.key) ?? null;
  const to = found?.get(greatest.key) ?? null;
  if (from === null || to === null) return null;
  const bins = Number(query.bins);
  const inner: Decimal[] = [];
  for (let index = 1; index < bins; index += 1) {
    const edge: Decimal = to
      .minus(from)
      .times(index)
      .dividedBy(bins)
      .plus(from)
      .toDecimalPlaces(VALUE_DECIMALS);
    // Values as near as the last decimal have room for fewer bins.
    if (edge.greaterThan(inner.at(-1) ?? from) && edge.lessThan(to)) inner.push(edge);
  }
  return { inner, outer: { from, to } };
}

async function readCounts(
  asking: DistributionAsking,
  reading: Reading,
  { selection, inner }: { readonly selection: Selection; readonly inner: readonly Decimal[] },
): Promise<ReadonlyMap<string, ReadonlyMap<number, number>>> {
  const { groupBy, filters } = asking.query;
  const metric = aggregated(asking.query.metric, 'min');
  const counts = new Map<string, Map<number, number>>();
  if (selection.groups.length === 0) return counts;
  const isCut = selection.omitted > 0;
  const groups = isCut ? { dimensions: groupBy, groups: selection.groups, isExcluded: false } : null;
  const unit = metric.kind === 'state' ? unitNsOf(metric.declaration) : 1;
  // Of two neighbouring values none lies between a bound and that bound rounded up.
  const bounds = inner.map((bound) =>
    bound.times(unit).toDecimalPlaces(VALUE_DECIMALS, ROUND_CEIL).toFixed(),
  );
  const common = { organization: asking.organization, groupBy, filters, buckets: null, groups };
  const statement =
    metric.kind === 'base'
      ? binsStatement(
          {
            ...common,
            measure: metric.measure,
            plan: reading.planOf(metric),
            figures: new Set(),
            levels: [],
          },
          bounds,
          asking.limits,
        )
      : stateBinsStatement(
          {
            ...common,
            metrics: [metric],
            range: asking.query,
            targets: null,
            rawIntervals: asking.besideFacts,
          },
          bounds,
          asking.limits,
        );
  const rows = await run(asking, statement, asking.signal);
  for (const row of rows) {
    const key = groupKey(groupOf(row, groupBy.length));
    const byBin = counts.get(key) ?? new Map<number, number>();
    byBin.set(Number(row['bin']), Number(row['bin_count']));
    counts.set(key, byBin);
  }
  return counts;
}

/** decimal.js: towards positive infinity. */
const ROUND_CEIL = 2;

function binsOf({ inner, outer }: Edges, byBin: ReadonlyMap<number, number>, total: number): Bin[] {
  return Array.from({ length: inner.length + 1 }, (_, index) => {
    const count = byBin.get(index) ?? 0;
    return {
      from: (index === 0 ? outer?.from : inner[index - 1])?.toNumber() ?? null,
      to: (index === inner.length ? outer?.to : inner[index])?.toNumber() ?? null,
      count,
      share: total === 0 ? null : count / total,
    };
  });
}

/** The same values, finished otherwise. */
function aggregated(metric: CatalogueOperand, aggregation: 'count' | 'min' | 'max'): CatalogueOperand {
  const key = `${aggregation} of ${metric.key}`;
  if (metric.kind === 'base')
    return { ...metric, key, declaration: { ...metric.declaration, key, aggregation } };
  return { ...metric, key, declaration: { ...metric.declaration, key, aggregation } };
}

/** What ranks the groups, and where the values end: ordinary questions over the whole range. */
function questionOf(
  query: ResolvedDistribution,
  metrics: readonly [CatalogueOperand, ...CatalogueOperand[]],
): ResolvedQuery {
  const { fromMs, toMs, nowMs, timeZone, groupBy, filters, limit } = query;
  return {
    metrics,
    fromMs,
    toMs,
    nowMs,
    granularity: null,
    timeZone,
    weekStart: 'monday',
    fiscalYearStart: 1,
    groupBy,
    filters,
    shift: null,
    fill: 'none',
    orderBy: { metric: metrics[0], direction: 'desc' },
    limit,
    other: false,
    after: null,
    targets: null,
  };
}
