import type { BaseMetric, MetricDeclaration } from '@tidemark/core';

const VISITS = {
  kind: 'base',
  eventTypes: ['page.viewed', 'ui.event'],
  dimensions: ['page', 'referrer', 'user', 'session'],
} as const satisfies Partial<BaseMetric>;

/** Everything a person can be seen by. */
const ANY_ACTIVITY = ['endpoint.called', 'feature.used', 'llm.request', 'page.viewed', 'ui.event'];

export const behaviorMetrics: readonly MetricDeclaration[] = [
  {
    ...VISITS,
    key: 'llm.page_views',
    title: 'Page views',
    description: 'Views of pages: events of a page that name no element of it.',
    unit: '{view}',
    direction: 'up-is-better',
    filters: [{ field: 'data.element', op: 'exists', value: false }],
    aggregation: 'count',
  },
  {
    ...VISITS,
    dimensions: [...VISITS.dimensions, 'element', 'action'],
    key: 'llm.interactions',
    title: 'Interactions',
    description: 'Uses of elements of pages.',
    unit: '{event}',
    direction: 'up-is-better',
    filters: [{ field: 'data.element', op: 'exists', value: true }],
    aggregation: 'count',
  },
  {
    ...VISITS,
    key: 'llm.sessions',
    title: 'Sessions',
    description: 'Distinct visits.',
    unit: '{session}',
    direction: 'up-is-better',
    value: 'data.session',
    aggregation: 'unique',
  },
  {
    ...VISITS,
    key: 'llm.dwell_total',
    title: 'Dwell time',
    description: 'Time visitors stayed, all together.',
    unit: 'ms',
    direction: 'up-is-better',
    value: 'data.dwell_ms',
    aggregation: 'sum',
  },
  {
    ...VISITS,
    key: 'llm.dwell_avg',
    title: 'Dwell time, average',
    description: 'Mean time a visitor stayed.',
    unit: 'ms',
    direction: 'up-is-better',
    value: 'data.dwell_ms',
    aggregation: 'avg',
  },
  {
    kind: 'derived',
    key: 'llm.dwell_per_session',
    title: 'Dwell time per session',
    description: 'Dwell time that pages reported, divided by distinct visits.',
    unit: 'ms/{session}',
    direction: 'up-is-better',
    expression: 'llm.dwell_total / llm.sessions',
  },
  {
    kind: 'derived',
    key: 'llm.pages_per_session',
    title: 'Pages per session',
    description: 'Page views divided by distinct visits.',
    unit: '{view}/{session}',
    direction: 'up-is-better',
    expression: 'llm.page_views / llm.sessions',
  },
  {
    kind: 'base',
    eventTypes: ANY_ACTIVITY,
    dimensions: ['user'],
    key: 'llm.active_users',
    title: 'Active users',
    description: 'Distinct users seen by any event of the pack.',
    unit: '{user}',
    direction: 'up-is-better',
    value: 'data.user',
    aggregation: 'unique',
  },
];
