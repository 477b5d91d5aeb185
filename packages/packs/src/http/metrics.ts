import type { BaseMetric, MetricDeclaration, StateMetric } from '@tidemark/core';
import { statistics } from '../statistics.ts';

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
    ...REQUESTS,
    key: 'http.server_errors',
    title: 'Server errors',
    description: 'Requests answered with status 500 or above: not the fault of who asked.',
    unit: '{request}',
    direction: 'down-is-better',
    filters: [{ field: 'data.status', op: 'gte', value: 500 }],
    aggregation: 'count',
  },
  {
    kind: 'derived',
    key: 'http.throughput',
    title: 'Throughput',
    description: 'Requests answered a second, on average over the bucket or range.',
    unit: '{request}/s',
    direction: 'neutral',
    expression: 'http.requests / seconds',
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
  {
    ...REQUESTS,
    key: 'http.unique_devices',
    title: 'Devices',
    description: 'Distinct devices that asked.',
    unit: '{device}',
    direction: 'up-is-better',
    value: 'data.device',
    aggregation: 'unique',
  },
];

const duration = statistics(DURATION, 'http.duration', 'Duration', { value: 'duration', of: 'requests' }, [
  'avg',
  'min',
  'max',
  'p50',
  'p90',
  'p95',
  'p99',
]);

const USERS = {
  kind: 'state',
  subject: 'http.user',
  dimensions: ['user', 'device'],
  unit: '{user}',
  aggregation: 'count',
} as const satisfies Partial<StateMetric>;

const users: readonly MetricDeclaration[] = [
  {
    ...USERS,
    key: 'http.new_users',
    title: 'New users',
    description: 'Users whose first request of all lies in the range.',
    direction: 'up-is-better',
    at: 'first_seen',
  },
  {
    ...USERS,
    key: 'http.users_last_seen',
    title: 'Users last seen',
    description:
      'Users whose newest request lies in the range: of a range long ago, those who have not come back.',
    direction: 'neutral',
    at: 'last_seen',
  },
];

export const httpMetrics: readonly MetricDeclaration[] = [...volume, ...duration, ...users];
