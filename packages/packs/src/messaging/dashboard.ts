import type { ViewSection } from '@tidemark/core';
import { HOST_FIGURES } from './views.ts';

const MOST_SUBMITTED = { metric: 'messaging.submitted', direction: 'desc' } as const;

export const messagingDashboard: readonly ViewSection[] = [
  {
    kind: 'figures',
    key: 'messages',
    title: 'Messages',
    query: {
      metrics: [
        'messaging.submitted',
        'messaging.tps',
        'messaging.delivery_rate',
        'messaging.failure_rate',
        'messaging.pending',
        'messaging.delivery_time_p95',
        'messaging.active_accounts',
        'messaging.active_campaigns',
      ],
      compare: 'previous_period',
    },
  },
  { kind: 'figures', key: 'hosts', title: 'Hosts', query: { metrics: ['messaging.hosts', ...HOST_FIGURES] } },
  {
    kind: 'series',
    key: 'volume',
    title: 'Submitted, delivered, failed',
    query: {
      metrics: ['messaging.submitted', 'messaging.delivered', 'messaging.failed'],
      granularity: '{granularity}',
      fill: 'zero',
    },
  },
  {
    kind: 'series',
    key: 'delivery_time',
    title: 'Delivery time',
    query: {
      metrics: ['messaging.delivery_time_p50', 'messaging.delivery_time_p95', 'messaging.delivery_time_p99'],
      granularity: '{granularity}',
      fill: 'null',
    },
  },
  {
    kind: 'series',
    key: 'load',
    title: 'Load of hosts',
    query: {
      metrics: ['messaging.cpu_avg', 'messaging.memory_avg', 'messaging.disk_avg'],
      granularity: '{granularity}',
      fill: 'null',
    },
  },
  ...(['account', 'campaign', 'route'] as const).map((dimension) => ({
    kind: 'table' as const,
    key: `top_${dimension}s`,
    title: `Busiest ${dimension}s`,
    query: {
      metrics: [
        'messaging.submitted',
        'messaging.success_rate',
        'messaging.failure_rate',
        'messaging.delivery_time_p95',
      ],
      groupBy: [dimension],
      orderBy: MOST_SUBMITTED,
      limit: 10,
      compare: 'previous_period' as const,
    },
  })),
  {
    kind: 'table',
    key: 'errors',
    title: 'Why messages failed',
    query: {
      metrics: ['messaging.failed'],
      groupBy: ['error'],
      orderBy: { metric: 'messaging.failed', direction: 'desc' },
      limit: 10,
    },
  },
  {
    kind: 'distribution',
    key: 'delivery_time_distribution',
    title: 'How long deliveries took',
    query: {
      metric: 'messaging.delivery_time_avg',
      bounds: [500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 300_000],
    },
  },
];
