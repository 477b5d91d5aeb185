import type { ViewSection } from '@tidemark/core';

export const agentsDashboard: readonly ViewSection[] = [
  {
    kind: 'figures',
    key: 'totals',
    title: 'Agents',
    query: {
      metrics: [
        'agents.messages',
        'agents.conversations',
        'agents.active_agents',
        'agents.unique_users',
        'agents.response_time_p95',
        'agents.error_rate',
        'agents.satisfaction_avg',
        'agents.resolution_rate',
        'agents.handoff_rate',
        'agents.tokens',
      ],
      compare: 'previous_period',
    },
  },
  {
    kind: 'figures',
    key: 'cost',
    title: 'Cost',
    role: 'admin',
    query: {
      metrics: ['agents.cost', 'agents.estimated_cost', 'agents.revenue', 'agents.payment_failure_rate'],
      compare: 'previous_period',
    },
  },
  {
    kind: 'series',
    key: 'volume',
    title: 'Messages and conversations',
    query: {
      metrics: ['agents.messages', 'agents.conversations'],
      granularity: '{granularity}',
      fill: 'zero',
    },
  },
  {
    kind: 'series',
    key: 'response_time',
    title: 'Response time',
    query: {
      metrics: ['agents.response_time_p50', 'agents.response_time_p95'],
      granularity: '{granularity}',
      fill: 'null',
    },
  },
  {
    kind: 'series',
    key: 'quality',
    title: 'How conversations ended',
    query: {
      metrics: ['agents.resolution_rate', 'agents.handoff_rate'],
      granularity: '{granularity}',
      fill: 'null',
    },
  },
  {
    kind: 'series',
    key: 'messages_by_agent',
    title: 'Messages by agent',
    query: {
      metrics: ['agents.messages'],
      granularity: '{granularity}',
      groupBy: ['agent'],
      orderBy: { metric: 'agents.messages', direction: 'desc' },
      limit: 6,
      other: true,
      fill: 'zero',
    },
  },
  {
    kind: 'table',
    key: 'top_agents',
    title: 'Agents that do most',
    query: {
      metrics: [
        'agents.messages',
        'agents.conversations',
        'agents.response_time_avg',
        'agents.error_rate',
        'agents.satisfaction_avg',
        'agents.resolution_rate',
      ],
      groupBy: ['agent'],
      orderBy: { metric: 'agents.messages', direction: 'desc' },
      limit: 10,
      compare: 'previous_period',
    },
  },
  {
    kind: 'table',
    key: 'failing_agents',
    title: 'Agents that fail most',
    query: {
      metrics: ['agents.errors', 'agents.error_rate', 'agents.messages_sent'],
      groupBy: ['agent'],
      orderBy: { metric: 'agents.errors', direction: 'desc' },
      limit: 10,
    },
  },
  {
    kind: 'distribution',
    key: 'satisfaction_distribution',
    title: 'Ratings',
    query: { metric: 'agents.satisfaction_avg', bounds: [1, 2, 3, 4, 5] },
  },
];
