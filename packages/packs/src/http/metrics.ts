import type { BaseMetric, MetricDeclaration } from '@tidemark/core';

const REQUESTS = {
  kind: 'base',
  eventTypes: ['http.request'],
  dimensions: [
    'service',
    'event_type',
    'method',
    'status',
    'path',
    'client',
    'user',
    'device',
    'referrer',
    'agent',
  ],
} as const satisfies Partial<BaseMetric>;

const DURATION = {
  ...REQUESTS,
  value: 'data.duration_ms',
  unit: 'ms',
  direction: 'down-is-better',
} as const satisfies Partial<BaseMetric>;

const volume: readonly MetricDeclaration[] = [
  {
    ...REQUESTS,
    key: 'http.requests',
    title: 'Requests',
    description: 'Requests answered, well or badly.',
    unit: '{request}',
    direction: 'neutral',
    aggregation: 'count',
  },
  {
    ...REQUESTS,
    key: 'http.errors',
    title: 'Errors',
    description: 'Requests answered with status 400 or above.',
    unit: '{request}',
    direction: 'down-is-better',
    filters: [{ field: 'data.status', op: 'gte', value: 400 }],
    aggregation: 'count',
  },
  {
    kind: 'derived',
    key: 'http.error_rate',
    title: 'Error rate',
    description: 'Share of requests answered with status 400 or above.',
    unit: '%',
    direction: 'down-is-better',
    expression: 'http.errors / http.requests * 100',
  },
  {
    kind: 'derived',
    key: 'http.success_rate',
    title: 'Success rate',
    description: 'Share of requests answered with a status below 400.',
    unit: '%',
    direction: 'up-is-better',
    expression: '(http.requests - http.errors) / http.requests * 100',
  },
  {
    ...REQUESTS,
    key: 'http.bytes',
    title: 'Bytes sent',
    description: 'Size of all response bodies together.',
    unit: 'By',
    direction: 'neutral',
    value: 'data.bytes',
    aggregation: 'sum',
  },
  {
    ...REQUESTS,
    key: 'http.unique_clients',
    title: 'Clients',
    description: 'Distinct addresses that asked.',
    unit: '{client}',
    direction: 'up-is-better',
    value: 'data.client',
    aggregation: 'unique',
  },
  {
    ...REQUESTS,
    key: 'http.unique_users',
    title: 'Users',
    description: 'Distinct users who asked.',
    unit: '{user}',
    direction: 'up-is-better',
    value: 'data.user',
    aggregation: 'unique',
  },
];

const duration: readonly MetricDeclaration[] = [
  {
    ...DURATION,
    key: 'http.duration_avg',
    title: 'Duration, average',
    description: 'Mean time from request to response.',
    aggregation: 'avg',
  },
  {
    ...DURATION,
    key: 'http.duration_min',
    title: 'Duration, shortest',
    description: 'The fastest answer.',
    aggregation: 'min',
  },
  {
    ...DURATION,
    key: 'http.duration_max',
    title: 'Duration, longest',
    description: 'The slowest answer.',
    aggregation: 'max',
  },
  {
    ...DURATION,
    key: 'http.duration_p50',
    title: 'Duration, median',
    description: 'Half of the requests were answered within this time.',
    aggregation: 'quantile',
    level: 0.5,
  },
  {
    ...DURATION,
    key: 'http.duration_p95',
    title: 'Duration, p95',
    description: '95 % of the requests were answered within this time.',
    aggregation: 'quantile',
    level: 0.95,
  },
  {
    ...DURATION,
    key: 'http.duration_p99',
    title: 'Duration, p99',
    description: '99 % of the requests were answered within this time.',
    aggregation: 'quantile',
    level: 0.99,
  },
];

export const httpMetrics: readonly MetricDeclaration[] = [...volume, ...duration];
