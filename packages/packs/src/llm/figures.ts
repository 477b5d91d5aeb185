/** Which metrics stand for each of the four sides of the pack, first those that matter most. */
import type { Role } from '@tidemark/core';

export interface Side {
  /** Last segment of its paths. */
  readonly key: 'usage' | 'cost' | 'performance' | 'behavior';
  readonly title: string;
  /** The least role that sees it: what things cost and how servers fared is for admins. */
  readonly role: Role;
  /** Totals over a range. All of one side share the dimensions by which its endpoints filter. */
  readonly figures: readonly string[];
  /** By what its totals are taken apart. */
  readonly dimensions: readonly string[];
  readonly only: readonly (readonly [name: string, what: string])[];
}

export const SIDES: readonly Side[] = [
  {
    key: 'usage',
    title: 'Usage',
    role: 'viewer',
    figures: [
      'llm.feature_uses',
      'llm.feature_users',
      'llm.feature_errors',
      'llm.feature_error_rate',
      'llm.feature_duration_avg',
      'llm.feature_duration_p95',
    ],
    dimensions: ['feature', 'action'],
    only: [
      ['feature', 'uses of this feature'],
      ['action', 'uses for this action'],
    ],
  },
  {
    key: 'cost',
    title: 'Cost',
    role: 'admin',
    figures: [
      'llm.cost',
      'llm.cost_per_request',
      'llm.cost_per_user',
      'llm.cost_per_1k_tokens',
      'llm.requests',
      'llm.users',
      'llm.prompt_tokens',
      'llm.completion_tokens',
      'llm.total_tokens',
      'llm.tokens_per_request',
      'llm.token_efficiency',
      'llm.cache_hit_rate',
      'llm.allocated_capacity',
      'llm.used_capacity',
      'llm.unused_capacity',
      'llm.unused_capacity_share',
      'llm.capacity_utilisation',
    ],
    dimensions: ['service', 'provider', 'model', 'operation'],
    only: [
      ['service', 'requests of this service'],
      ['provider', 'requests to this provider'],
      ['model', 'requests to this model'],
      ['operation', 'requests of this operation'],
    ],
  },
  {
    key: 'performance',
    title: 'Performance',
    role: 'admin',
    figures: [
      'llm.response_time_avg',
      'llm.response_time_p50',
      'llm.response_time_p95',
      'llm.response_time_p99',
      'llm.response_time_max',
      'llm.endpoint_calls',
      'llm.throughput',
      'llm.endpoint_errors',
      'llm.endpoint_error_rate',
      'llm.cpu_avg',
      'llm.cpu_max',
      'llm.memory_avg',
      'llm.memory_max',
      'llm.db_time_avg',
    ],
    dimensions: ['endpoint', 'method', 'status'],
    only: [
      ['endpoint', 'calls of this endpoint'],
      ['method', 'calls by this method'],
    ],
  },
  {
    key: 'behavior',
    title: 'Behaviour',
    role: 'viewer',
    figures: [
      'llm.page_views',
      'llm.interactions',
      'llm.sessions',
      'llm.pages_per_session',
      'llm.dwell_avg',
      'llm.dwell_total',
      'llm.dwell_per_session',
    ],
    dimensions: ['page', 'referrer'],
    only: [
      ['page', 'what happened on this page'],
      ['referrer', 'visits that came from there'],
    ],
  },
];

/** Of whole visits: they have a way in and a way out, and no single page. */
export const SESSION_FIGURES = [
  'llm.sessions_started',
  'llm.session_duration_avg',
  'llm.session_duration_p50',
  'llm.session_duration_p95',
  'llm.bounced_sessions',
  'llm.bounce_rate',
];

/** Of people, seen by any event of the pack: they know no page and no feature. */
export const USER_FIGURES = ['llm.active_users', 'llm.new_users', 'llm.users_last_seen'];
