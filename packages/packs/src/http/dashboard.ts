import type { ViewSection } from '@tidemark/core';

export const httpDashboard: readonly ViewSection[] = [
  {
    kind: 'figures',
    key: 'totals',
    title: 'Requests',
    query: {
      metrics: [
        'http.requests',
        'http.throughput',
        'http.error_rate',
        'http.duration_p50',
        'http.duration_p95',
        'http.unique_users',
        'http.unique_clients',
        'http.bytes',
      ],
      compare: 'previous_period',
    },
  },
  {
    kind: 'series',
    key: 'volume',
    title: 'Requests and errors',
    query: { metrics: ['http.requests', 'http.errors'], granularity: '{granularity}', fill: 'zero' },
  },
  {
    kind: 'series',
    key: 'duration',
    title: 'Duration',
    query: {
      metrics: ['http.duration_p50', 'http.duration_p95', 'http.duration_p99'],
      granularity: '{granularity}',
      fill: 'null',
    },
  },
  {
    kind: 'series',
    key: 'volume_by_status',
    title: 'Requests by status',
    query: {
      metrics: ['http.requests'],
      granularity: '{granularity}',
      groupBy: ['status'],
      orderBy: { metric: 'http.requests', direction: 'desc' },
      limit: 6,
      other: true,
      fill: 'zero',
    },
  },
  {
    kind: 'table',
    key: 'busiest_paths',
    title: 'Busiest paths',
    query: {
      metrics: ['http.requests', 'http.error_rate', 'http.duration_p95'],
      groupBy: ['path'],
      orderBy: { metric: 'http.requests', direction: 'desc' },
      limit: 10,
      compare: 'previous_period',
    },
  },
  {
    kind: 'table',
    key: 'slowest_paths',
    title: 'Slowest paths',
    query: {
      metrics: ['http.duration_p95', 'http.requests', 'http.error_rate'],
      groupBy: ['path'],
      orderBy: { metric: 'http.duration_p95', direction: 'desc' },
      limit: 10,
    },
  },
  {
    kind: 'table',
    key: 'errors_by_path',
    title: 'Paths with the most errors',
    query: {
      metrics: ['http.errors', 'http.server_errors', 'http.error_rate'],
      groupBy: ['path', 'status'],
      orderBy: { metric: 'http.errors', direction: 'desc' },
      limit: 10,
    },
  },
  {
    kind: 'table',
    key: 'busiest_users',
    title: 'Busiest users',
    role: 'admin',
    query: {
      metrics: ['http.requests', 'http.error_rate', 'http.duration_avg'],
      groupBy: ['user'],
      orderBy: { metric: 'http.requests', direction: 'desc' },
      limit: 10,
    },
  },
  {
    kind: 'distribution',
    key: 'duration_distribution',
    title: 'How long requests took',
    query: {
      metric: 'http.duration_avg',
      bounds: [10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000],
    },
  },
];
