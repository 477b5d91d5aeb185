import type { ViewDeclaration } from '@tidemark/core';
import { COMPARE, equal, FILTERS, granularity, limit, only, range, TIME_ZONE } from '../view-parts.ts';

/** What is told of any set of requests. */
const REQUEST_FIGURES = [
  'http.requests',
  'http.errors',
  'http.server_errors',
  'http.error_rate',
  'http.success_rate',
  'http.duration_avg',
  'http.duration_min',
  'http.duration_max',
  'http.duration_p50',
  'http.duration_p95',
  'http.duration_p99',
  'http.bytes',
];

const HOURS = {
  name: 'hours',
  type: 'integer',
  description: 'How far back the range reaches.',
  unit: 'h',
  minimum: 1,
  maximum: 8_784,
  default: 24,
} as const;

const SERVICE = only('service', 'requests that this service answered');
const EVENT_TYPE = only('event_type', 'requests of this kind');
const NARROWED = [equal('service'), equal('event_type')];
const LAST_HOURS = { from: 'now-{hours}h', to: 'now', filters: NARROWED } as const;

const TABLE_METRICS = ['http.requests', 'http.error_rate', 'http.duration_avg', 'http.duration_p95'];
const MOST_REQUESTS = { metric: 'http.requests', direction: 'desc' } as const;

export const httpViews: readonly ViewDeclaration[] = [
  {
    key: 'http.summary',
    title: 'Summary of requests',
    description:
      'Volume, errors and duration of the last hours, in all and by kind, method, status and path. Rates and durations are null where nothing was asked.',
    path: 'summary',
    methods: ['GET'],
    parameters: [HOURS, SERVICE, EVENT_TYPE, COMPARE, limit(10, 'groups'), TIME_ZONE, FILTERS],
    sections: [
      {
        kind: 'figures',
        key: 'totals',
        title: 'In all',
        query: {
          ...LAST_HOURS,
          metrics: [
            ...REQUEST_FIGURES,
            'http.throughput',
            'http.unique_users',
            'http.unique_devices',
            'http.unique_clients',
          ],
          compare: '{compare}',
        },
      },
      ...(['event_type', 'method', 'status', 'path'] as const).map((dimension) => ({
        kind: 'table' as const,
        key: `by_${dimension}`,
        title: `By ${dimension.replace('_', ' ')}`,
        query: {
          ...LAST_HOURS,
          metrics: TABLE_METRICS,
          groupBy: [dimension],
          orderBy: MOST_REQUESTS,
          limit: '{limit}',
        },
      })),
      {
        kind: 'distribution',
        key: 'duration',
        title: 'How long requests took',
        description: 'Counts of requests by duration in milliseconds.',
        query: {
          metric: 'http.duration_avg',
          ...LAST_HOURS,
          bounds: [10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000],
        },
      },
    ],
  },
  {
    key: 'http.user',
    title: 'One user',
    description:
      'What is known of a user, their totals over the range, their activity by time, and what they asked for. Viewers see themselves alone. The subject is null when nobody of that id has asked for anything.',
    path: 'user/{id}',
    methods: ['GET'],
    parameters: [
      { name: 'id', type: 'string', description: 'The user, as in `data.user`.' },
      ...range('now-30d'),
      granularity('day'),
      limit(10, 'groups'),
      TIME_ZONE,
    ],
    ownedBy: 'id',
    sections: [
      { kind: 'subject', key: 'user', title: 'User', subject: 'http.user', id: '{id}' },
      {
        kind: 'figures',
        key: 'totals',
        title: 'Whole range',
        query: {
          metrics: [...REQUEST_FIGURES, 'http.unique_devices'],
          filters: [{ dimension: 'user', op: 'eq', value: '{id}' }],
          compare: 'previous_period',
        },
      },
      {
        kind: 'series',
        key: 'activity',
        title: 'Activity',
        query: {
          metrics: ['http.requests', 'http.errors'],
          filters: [{ dimension: 'user', op: 'eq', value: '{id}' }],
          granularity: '{granularity}',
          fill: 'zero',
        },
      },
      ...(['event_type', 'device', 'path'] as const).map((dimension) => ({
        kind: 'table' as const,
        key: `by_${dimension}`,
        title: `By ${dimension.replace('_', ' ')}`,
        query: {
          metrics: TABLE_METRICS,
          filters: [{ dimension: 'user', op: 'eq' as const, value: '{id}' }],
          groupBy: [dimension],
          orderBy: MOST_REQUESTS,
          limit: '{limit}',
        },
      })),
    ],
  },
  {
    key: 'http.dashboard',
    title: 'Requests at a glance',
    description:
      'The last 24 hours and the last 7 days, each against the time before, with their series, the busiest paths, users and devices. The tables of users and the list of them are for admins.',
    path: 'dashboard',
    methods: ['GET'],
    parameters: [SERVICE, EVENT_TYPE, limit(10, 'groups'), TIME_ZONE, FILTERS],
    sections: [
      ...(
        [
          ['last_24_hours', 'Last 24 hours', 'now-24h'],
          ['last_7_days', 'Last 7 days', 'now-7d'],
        ] as const
      ).map(([key, title, from]) => ({
        kind: 'figures' as const,
        key,
        title,
        query: {
          metrics: [...REQUEST_FIGURES, 'http.unique_users', 'http.unique_devices'],
          from,
          to: 'now',
          filters: NARROWED,
          compare: 'previous_period' as const,
        },
      })),
      {
        kind: 'series',
        key: 'by_hour',
        title: 'Last 24 hours, by hour',
        query: {
          metrics: ['http.requests', 'http.errors', 'http.duration_p95'],
          from: 'now-24h',
          to: 'now',
          filters: NARROWED,
          granularity: 'hour',
          fill: 'null',
        },
      },
      {
        kind: 'series',
        key: 'by_day',
        title: 'Last 7 days, by day',
        query: {
          metrics: ['http.requests', 'http.errors', 'http.duration_p95'],
          from: 'now-7d',
          to: 'now',
          filters: NARROWED,
          granularity: 'day',
          fill: 'null',
        },
      },
      ...(['path', 'device'] as const).map((dimension) => ({
        kind: 'table' as const,
        key: `by_${dimension}`,
        title: `Last 24 hours, by ${dimension}`,
        query: {
          metrics: TABLE_METRICS,
          from: 'now-24h',
          to: 'now',
          filters: NARROWED,
          groupBy: [dimension],
          orderBy: MOST_REQUESTS,
          limit: '{limit}',
        },
      })),
      {
        kind: 'table',
        key: 'by_user',
        title: 'Last 24 hours, by user',
        role: 'admin',
        query: {
          metrics: TABLE_METRICS,
          from: 'now-24h',
          to: 'now',
          filters: NARROWED,
          groupBy: ['user'],
          orderBy: MOST_REQUESTS,
          limit: '{limit}',
        },
      },
      {
        kind: 'subjects',
        key: 'users',
        title: 'Users seen last',
        role: 'admin',
        subject: 'http.user',
        limit: '{limit}',
      },
    ],
  },
];
