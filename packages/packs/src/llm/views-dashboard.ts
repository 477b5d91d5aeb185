import type { SectionQuery, Template, ViewDeclaration, ViewSection } from '@tidemark/core';
import { equal, FILTERS, granularity, limit, only, range, TIME_ZONE } from '../view-parts.ts';
import { SESSION_FIGURES, SIDES, type Side } from './figures.ts';

type SideKey = Side['key'];

/** Totals of the side against the time before, narrowed as the reader asked. */
function totals({ figures, only: names }: Side): ViewSection {
  return {
    kind: 'figures',
    key: 'totals',
    title: 'Whole range',
    query: { metrics: figures, compare: 'previous_period', filters: names.map(([name]) => equal(name)) },
  };
}

interface Narrowed {
  readonly side: Side;
  readonly key: string;
  readonly title: string;
}

function series({ side, key, title }: Narrowed, query: Template<SectionQuery>): ViewSection {
  const filters = side.only.map(([name]) => equal(name));
  return {
    kind: 'series',
    key,
    title,
    query: { ...query, filters, granularity: '{granularity}', fill: query.fill ?? 'null' },
  };
}

/** Greatest first by the first metric. */
function top({ side, key, title }: Narrowed, metrics: readonly string[], groupBy: string): ViewSection {
  return {
    kind: 'table',
    key,
    title,
    query: {
      metrics,
      groupBy: [groupBy],
      filters: side.only.map(([name]) => equal(name)),
      orderBy: { metric: metrics[0] ?? '', direction: 'desc' },
      limit: '{limit}',
    },
  };
}

const USAGE = (side: Side): readonly ViewSection[] => [
  series(
    { side, key: 'uses', title: 'Uses and users' },
    { metrics: ['llm.feature_uses', 'llm.feature_users'] },
  ),
  top(
    { side, key: 'top_features', title: 'Features used most' },
    ['llm.feature_uses', 'llm.feature_users', 'llm.feature_error_rate', 'llm.feature_duration_avg'],
    'feature',
  ),
  top(
    { side, key: 'failing_features', title: 'Features that fail most' },
    ['llm.feature_errors', 'llm.feature_error_rate', 'llm.feature_uses'],
    'feature',
  ),
  top(
    { side, key: 'top_actions', title: 'Actions' },
    ['llm.feature_uses', 'llm.feature_error_rate'],
    'action',
  ),
  {
    ...top(
      { side, key: 'top_users', title: 'Users who do most' },
      ['llm.feature_uses', 'llm.feature_error_rate'],
      'user',
    ),
    role: 'admin',
  },
];

const COST_METRICS = [
  'llm.cost',
  'llm.requests',
  'llm.cost_per_request',
  'llm.cost_per_1k_tokens',
  'llm.token_efficiency',
  'llm.unused_capacity',
];

const COST = (side: Side): readonly ViewSection[] => [
  series({ side, key: 'cost', title: 'Cost' }, { metrics: ['llm.cost', 'llm.cost_per_request'] }),
  series(
    { side, key: 'tokens', title: 'Tokens' },
    { metrics: ['llm.prompt_tokens', 'llm.completion_tokens'], fill: 'zero' },
  ),
  series(
    { side, key: 'capacity', title: 'Capacity' },
    { metrics: ['llm.allocated_capacity', 'llm.used_capacity'] },
  ),
  top({ side, key: 'by_service', title: 'By service' }, COST_METRICS, 'service'),
  top({ side, key: 'by_model', title: 'By model' }, COST_METRICS, 'model'),
  top({ side, key: 'by_provider', title: 'By provider' }, COST_METRICS, 'provider'),
  top({ side, key: 'by_operation', title: 'By operation' }, COST_METRICS, 'operation'),
  top(
    { side, key: 'by_user', title: 'By user' },
    ['llm.cost', 'llm.requests', 'llm.cost_per_request'],
    'user',
  ),
];

const PERFORMANCE = (side: Side): readonly ViewSection[] => [
  series(
    { side, key: 'response_time', title: 'Response time' },
    { metrics: ['llm.response_time_p50', 'llm.response_time_p95', 'llm.response_time_p99'] },
  ),
  series(
    { side, key: 'throughput', title: 'Throughput and errors' },
    { metrics: ['llm.throughput', 'llm.endpoint_error_rate'] },
  ),
  series(
    { side, key: 'resources', title: 'Resources' },
    { metrics: ['llm.cpu_avg', 'llm.memory_avg', 'llm.db_time_avg'] },
  ),
  top(
    { side, key: 'slowest_endpoints', title: 'Slowest endpoints' },
    [
      'llm.response_time_p95',
      'llm.response_time_avg',
      'llm.db_time_avg',
      'llm.endpoint_calls',
      'llm.endpoint_error_rate',
    ],
    'endpoint',
  ),
  top(
    { side, key: 'failing_endpoints', title: 'Endpoints that fail most' },
    ['llm.endpoint_errors', 'llm.endpoint_error_rate', 'llm.endpoint_calls'],
    'endpoint',
  ),
  top({ side, key: 'by_status', title: 'By status' }, ['llm.endpoint_calls'], 'status'),
  {
    kind: 'distribution',
    key: 'response_time_distribution',
    title: 'How long calls took',
    query: {
      metric: 'llm.response_time_avg',
      filters: side.only.map(([name]) => equal(name)),
      bounds: [10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000],
    },
  },
];

/** Visits as a whole know no single page, so these sections leave out what narrows the others to one. */
const BEHAVIOR = (side: Side): readonly ViewSection[] => [
  {
    kind: 'figures',
    key: 'sessions',
    title: 'Sessions',
    description: 'Of visits as a whole: not narrowed to a page.',
    query: { metrics: SESSION_FIGURES, compare: 'previous_period', filters: [equal('referrer')] },
  },
  series(
    { side, key: 'visits', title: 'Page views and sessions' },
    { metrics: ['llm.page_views', 'llm.sessions', 'llm.interactions'] },
  ),
  {
    kind: 'series',
    key: 'session_duration',
    title: 'Session duration and bounces',
    query: {
      metrics: ['llm.session_duration_avg', 'llm.bounce_rate'],
      filters: [equal('referrer')],
      granularity: '{granularity}',
      fill: 'null',
    },
  },
  top(
    { side, key: 'top_pages', title: 'Pages seen most' },
    ['llm.page_views', 'llm.sessions', 'llm.dwell_avg'],
    'page',
  ),
  top(
    { side, key: 'referrers', title: 'Where visitors come from' },
    ['llm.sessions', 'llm.page_views'],
    'referrer',
  ),
  {
    kind: 'table',
    key: 'entry_pages',
    title: 'Pages entered by',
    query: {
      metrics: ['llm.sessions_started', 'llm.bounce_rate', 'llm.session_duration_avg'],
      groupBy: ['entry_page'],
      filters: [equal('referrer')],
      orderBy: { metric: 'llm.sessions_started', direction: 'desc' },
      limit: '{limit}',
    },
  },
  {
    kind: 'table',
    key: 'exit_pages',
    title: 'Pages left from',
    query: {
      metrics: ['llm.sessions_started', 'llm.session_duration_avg'],
      groupBy: ['exit_page'],
      filters: [equal('referrer')],
      orderBy: { metric: 'llm.sessions_started', direction: 'desc' },
      limit: '{limit}',
    },
  },
];

const SECTIONS: Readonly<Record<SideKey, (side: Side) => readonly ViewSection[]>> = {
  usage: USAGE,
  cost: COST,
  performance: PERFORMANCE,
  behavior: BEHAVIOR,
};

/** `GET|POST dashboard/{usage|cost|performance|behavior}`. */
export const dashboardViews: readonly ViewDeclaration[] = SIDES.map((side) => ({
  key: `llm.dashboard_${side.key}`,
  title: `${side.title} at a glance`,
  description:
    'Totals against the time before, what they were over time, and what made them. Rates, averages and percentiles are null where nothing happened; a change is null without a base.',
  path: `dashboard/${side.key}`,
  methods: ['GET', 'POST'],
  role: side.role,
  parameters: [
    ...range('now-7d'),
    granularity('day'),
    limit(10, 'groups'),
    ...side.only.map(([name, what]) => only(name, what)),
    TIME_ZONE,
    FILTERS,
  ],
  sections: [totals(side), ...SECTIONS[side.key](side)],
}));
