import type { BaseMetric, MetricDeclaration, StateMetric } from '@tidemark/core';
import { statistics } from '../statistics.ts';

const USES = {
  kind: 'base',
  eventTypes: ['feature.used'],
  dimensions: ['feature', 'action', 'user', 'session'],
} as const satisfies Partial<BaseMetric>;

const USERS = {
  kind: 'state',
  subject: 'llm.user',
  unit: '{user}',
  aggregation: 'count',
  dimensions: ['user'],
} as const satisfies Partial<StateMetric>;

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
  ...statistics(
    { ...USES, unit: 'ms', direction: 'down-is-better', value: 'data.duration_ms' },
    'llm.feature_duration',
    'Feature duration',
    { value: 'duration', of: 'uses of features' },
    ['avg', 'p95'],
  ),
  {
    ...USERS,
    key: 'llm.new_users',
    title: 'New users',
    description: 'Users whose first event of all lies in the range.',
    direction: 'up-is-better',
    at: 'first_seen',
  },
  {
    ...USERS,
    key: 'llm.users_last_seen',
    title: 'Users last seen',
    description:
      'Users whose newest event lies in the range: of a range long ago, those who have not come back.',
    direction: 'neutral',
    at: 'last_seen',
  },
];
