/** The statements of a question about the states of subjects. */
import { type OrganizationId, stateMetricsOf } from '@tidemark/core';
import { bucketAxis } from '../bucket-axis.ts';
import type { Interval } from '../plan.ts';
import { type Layout, rangeOf } from '../sources.ts';
import type { GroupChoice } from '../state-rows.ts';
import type { ResolvedQuery } from '../validate.ts';
import { bySubjects } from './figures.ts';
import type { StateRequest } from './state-sql.ts';

interface AskedStates {
  readonly organization: OrganizationId;
  readonly query: Pick<ResolvedQuery, 'metrics' | 'groupBy' | 'filters' | 'targets'>;
  readonly besideFacts: readonly Interval[];
  readonly layout: Layout;
  readonly groups: GroupChoice | null;
  /** Whether the rows are one group. */
  readonly isOther: boolean;
}

/** One for the metrics that look at the same subjects. */
export function stateRequests(asked: AskedStates): StateRequest[] {
  const { organization, query, besideFacts, layout, groups, isOther } = asked;
  return bySubjects(query.metrics.flatMap(stateMetricsOf)).map((metrics) => ({
    organization,
    metrics,
    groupBy: isOther ? [] : query.groupBy,
    filters: query.filters,
    range: rangeOf(layout),
    buckets: layout.bucketed ? bucketAxis(layout.edgesMs.slice(0, -1)) : null,
    groups,
    targets: query.targets,
    rawIntervals: besideFacts,
  }));
}
