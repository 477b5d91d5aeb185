/** The statements of a question about the states of subjects. */
import { stateMetricsOf } from '@tidemark/core';
import type { Asking, Reading, RowChoice } from '../asking.ts';
import { bucketAxis } from '../bucket-axis.ts';
import { rangeOf } from '../sources.ts';
import { bySubjects } from './figures.ts';
import type { StateRequest } from './state-sql.ts';

/** One for the metrics that look at the same subjects. */
export function stateRequests(
  { organization, query, besideFacts }: Asking,
  { layout }: Pick<Reading, 'layout'>,
  { groups, isOther }: RowChoice,
): StateRequest[] {
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
