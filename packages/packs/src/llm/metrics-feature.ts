import type { BaseMetric, MetricDeclaration } from '@tidemark/core';

const USES = {
  kind: 'base',
  eventTypes: ['feature.used'],
  dimensions: ['feature', 'action', 'user', 'session'],
} as const satisfies Partial<BaseMetric>;

export const featureMetrics: readonly MetricDeclaration[] = [
  {
    ...USES,
    key: 'llm.feature_uses',
    title: 'Feature uses',
    description: 'How often features were used.',
    unit: '{use}',
    direction: 'up-is-better',
    aggregation: 'count',
  },
  {
    ...USES,
    key: 'llm.feature_users',
    title: 'Users of features',
    description: 'Distinct users of features.',
    unit: '{user}',
    direction: 'up-is-better',
    value: 'data.user',
    aggregation: 'unique',
  },
  {
    ...USES,
    key: 'llm.feature_errors',
    title: 'Failed feature uses',
    description: 'Uses of features that failed.',
    unit: '{use}',
    direction: 'down-is-better',
    filters: [{ field: 'data.success', op: 'eq', value: false }],
    aggregation: 'count',
  },
  {
    kind: 'derived',
    key: 'llm.feature_error_rate',
    title: 'Feature error rate',
    description: 'Share of feature uses that failed.',
    unit: '%',
    direction: 'down-is-better',
    expression: 'llm.feature_errors / llm.feature_uses * 100',
  },
  {
    ...USES,
    key: 'llm.feature_duration_avg',
    title: 'Feature duration, average',
    description: 'Mean time a use of a feature took.',
    unit: 'ms',
    direction: 'down-is-better',
    value: 'data.duration_ms',
    aggregation: 'avg',
  },
];
