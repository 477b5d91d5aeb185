import type { ViewSection } from '@tidemark/core';

export const llmDashboard: readonly ViewSection[] = [
  {
    kind: 'figures',
    key: 'models',
    title: 'Models',
    query: {
      metrics: [
        'llm.requests',
        'llm.total_tokens',
        'llm.latency_p95',
        'llm.error_rate',
        'llm.cache_hit_rate',
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
      metrics: [
        'llm.cost',
        'llm.cost_per_request',
        'llm.cost_per_1k_tokens',
        'llm.cost_per_user',
        'llm.unused_capacity',
      ],
      compare: 'previous_period',
    },
  },
  {
    kind: 'figures',
    key: 'people',
    title: 'People',
    query: {
      metrics: [
        'llm.active_users',
        'llm.new_users',
        'llm.feature_uses',
        'llm.sessions',
        'llm.session_duration_avg',
        'llm.bounce_rate',
      ],
      compare: 'previous_period',
    },
  },
  {
    kind: 'series',
    key: 'requests_by_model',
    title: 'Requests by model',
    query: {
      metrics: ['llm.requests'],
      granularity: '{granularity}',
      groupBy: ['model'],
      orderBy: { metric: 'llm.requests', direction: 'desc' },
      limit: 6,
      other: true,
      fill: 'zero',
    },
  },
  {
    kind: 'series',
    key: 'cost_by_service',
    title: 'Cost by service',
    role: 'admin',
    query: {
      metrics: ['llm.cost'],
      granularity: '{granularity}',
      groupBy: ['service'],
      orderBy: { metric: 'llm.cost', direction: 'desc' },
      limit: 6,
      other: true,
      fill: 'zero',
    },
  },
  {
    kind: 'series',
    key: 'tokens',
    title: 'Tokens',
    query: {
      metrics: ['llm.prompt_tokens', 'llm.completion_tokens'],
      granularity: '{granularity}',
      fill: 'zero',
    },
  },
  {
    kind: 'series',
    key: 'latency',
    title: 'Latency',
    query: {
      metrics: ['llm.latency_p50', 'llm.latency_p95', 'llm.latency_p99'],
      granularity: '{granularity}',
      fill: 'null',
    },
  },
  {
    kind: 'table',
    key: 'top_features',
    title: 'Features used most',
    query: {
      metrics: ['llm.feature_uses', 'llm.feature_users', 'llm.feature_error_rate'],
      groupBy: ['feature'],
      orderBy: { metric: 'llm.feature_uses', direction: 'desc' },
      limit: 10,
      compare: 'previous_period',
    },
  },
  {
    kind: 'table',
    key: 'slowest_endpoints',
    title: 'Slowest endpoints',
    query: {
      metrics: ['llm.response_time_p95', 'llm.endpoint_calls', 'llm.endpoint_error_rate'],
      groupBy: ['endpoint'],
      orderBy: { metric: 'llm.response_time_p95', direction: 'desc' },
      limit: 10,
    },
  },
  {
    kind: 'table',
    key: 'costliest_users',
    title: 'Costliest users',
    role: 'admin',
    query: {
      metrics: ['llm.cost', 'llm.requests', 'llm.cost_per_request'],
      groupBy: ['user'],
      orderBy: { metric: 'llm.cost', direction: 'desc' },
      limit: 10,
    },
  },
  {
    kind: 'distribution',
    key: 'latency_distribution',
    title: 'How long models took',
    query: {
      metric: 'llm.latency_avg',
      bounds: [100, 250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000],
    },
  },
];
