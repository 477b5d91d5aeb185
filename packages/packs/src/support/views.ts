import type { Targets, Template, ViewDeclaration, ViewParameter } from '@tidemark/core';
import { COMPARE, equal, FILTERS, granularity, limit, only, range, TIME_ZONE } from '../view-parts.ts';
import { eventMetrics } from './metrics-events.ts';
import { RESOLUTION_TARGETS, RESPONSE_TARGETS, ticketMetrics } from './metrics-tickets.ts';
import { DIMENSION_KEYS } from './subjects.ts';

const METRIC_NAMES = [...ticketMetrics, ...eventMetrics].map(({ key }) => key.slice('support.'.length));
/** A requester is a person: no list of them for everybody. */
const FIELDS = DIMENSION_KEYS.filter((key) => key !== 'requester');

const ONLY: readonly ViewParameter[] = [
  only('status', 'tickets of this status'),
  only('priority', 'tickets of this priority'),
  only('channel', 'tickets of this channel'),
  only('category', 'tickets of this category'),
  only('team', 'tickets of this team'),
  only('assignee', 'tickets of this member of staff'),
];
const NARROWED = ONLY.map(({ name }) => equal(name));

const PERCENTILES = [
  'support.first_response_avg',
  'support.first_response_p50',
  'support.first_response_p90',
  'support.first_response_p95',
  'support.first_response_p99',
  'support.resolution_avg',
  'support.resolution_p50',
  'support.resolution_p90',
  'support.resolution_p95',
  'support.resolution_p99',
];
/** Hours: up to a workday, then days and weeks. */
export const HOURS = [0.25, 0.5, 1, 2, 4, 8, 24, 48, 72, 168, 336];
const MOODS = [-0.6, -0.2, 0.2, 0.6];

const PRIORITIES = ['urgent', 'high', 'normal', 'low'] as const;
type Deadline = 'response' | 'resolution';
const DECLARED: Readonly<Record<Deadline, typeof RESPONSE_TARGETS | typeof RESOLUTION_TARGETS>> = {
  response: RESPONSE_TARGETS,
  resolution: RESOLUTION_TARGETS,
};

/** `response_hours_urgent`, … and `response_hours_other`. */
function targetParameters(deadline: Deadline): readonly ViewParameter[] {
  const { values, otherwise } = DECLARED[deadline];
  const what = deadline === 'response' ? 'the first response' : 'the resolution';
  const hours = { type: 'number', unit: 'h', minimum: 0, maximum: 8_784 } as const;
  return [
    ...PRIORITIES.map((priority) => ({
      ...hours,
      name: `${deadline}_hours_${priority}`,
      description: `Within how many hours ${what} of a ticket of priority ${priority} is due.`,
      default: values[priority],
    })),
    {
      ...hours,
      name: `${deadline}_hours_other`,
      description: `Within how many hours ${what} of any other ticket is due.`,
      default: otherwise,
    },
  ];
}

function targetsOf(deadline: Deadline): Template<Targets> {
  return {
    attribute: 'priority',
    values: Object.fromEntries(
      PRIORITIES.map((priority) => [priority, `{${deadline}_hours_${priority}}`]),
    ) as Template<Targets['values']>,
    otherwise: `{${deadline}_hours_other}`,
  };
}

const SLA = (deadline: Deadline) =>
  deadline === 'response'
    ? ['support.response_compliance', 'support.responses_within_target', 'support.responses_targeted']
    : ['support.resolution_compliance', 'support.resolutions_within_target', 'support.resolutions_targeted'];

const timeSeries: ViewDeclaration = {
  key: 'support.time_series',
  title: 'One metric over time',
  description:
    'Points of one metric of support. Metrics of tickets lie where the ticket was created, first responded to or solved, and change when the ticket does. Null where there is nothing.',
  path: 'time-series/{metric}',
  methods: ['GET'],
  parameters: [
    {
      name: 'metric',
      type: 'string',
      enum: METRIC_NAMES,
      description: 'The metric, without the pack: `support.{metric}`.',
    },
    ...range('now-30d'),
    granularity('day'),
    {
      name: 'group_by',
      type: 'string',
      enum: FIELDS,
      description: 'One series for each value, the greatest ten; one for all when absent.',
    },
    COMPARE,
    ...ONLY,
    TIME_ZONE,
    FILTERS,
  ],
  sections: [
    {
      kind: 'series',
      key: 'series',
      title: 'Over time',
      query: {
        metrics: ['support.{metric}'],
        granularity: '{granularity}',
        groupBy: ['{group_by}'],
        filters: NARROWED,
        compare: '{compare}',
        fill: 'null',
        limit: 10,
      },
    },
  ],
};

const aggregations: ViewDeclaration = {
  key: 'support.aggregations',
  title: 'Several metrics, grouped',
  description:
    'Any metrics in all and by one dimension, with percentiles of the times and the distribution of one of them, over the same tickets. Null where there is nothing.',
  path: 'aggregations',
  methods: ['POST'],
  parameters: [
    {
      name: 'metrics',
      type: 'metrics',
      description: 'Which metrics: keys (`support.tickets`), other levels of quantiles, or expressions.',
      isRequired: true,
    },
    {
      name: 'group_by',
      type: 'string',
      enum: FIELDS,
      description: 'By what the groups are made.',
      default: 'status',
    },
    {
      name: 'distribution',
      type: 'string',
      enum: ['first_response', 'resolution', 'sentiment'],
      description: 'Whose values are laid out in bins.',
      default: 'resolution',
    },
    {
      name: 'bins',
      type: 'integer',
      description: 'How many bins of equal width.',
      minimum: 1,
      maximum: 100,
      default: 10,
    },
    ...range('now-30d'),
    COMPARE,
    limit(20, 'groups'),
    TIME_ZONE,
    FILTERS,
  ],
  sections: [
    {
      kind: 'figures',
      key: 'totals',
      title: 'In all',
      query: { metrics: ['{metrics}'], compare: '{compare}' },
    },
    {
      kind: 'table',
      key: 'groups',
      title: 'By group',
      query: {
        metrics: ['{metrics}'],
        groupBy: ['{group_by}'],
        compare: '{compare}',
        limit: '{limit}',
      },
    },
    {
      kind: 'figures',
      key: 'percentiles',
      title: 'Percentiles of the times',
      query: { metrics: PERCENTILES },
    },
    {
      kind: 'distribution',
      key: 'distribution',
      title: 'Distribution',
      query: {
        metric: 'support.{distribution}_avg',
        bins: '{bins}',
      },
    },
  ],
};

const performance: ViewDeclaration = {
  key: 'support.performance',
  title: 'Times and promises kept',
  description:
    'Percentiles of the time to first response and to resolution, in hours, and the share of tickets that kept the target of their priority: of first responses and resolutions that happened in the range. Shares are null where no ticket had a target.',
  path: 'performance',
  methods: ['GET'],
  parameters: [
    ...range('now-30d'),
    granularity('day'),
    ...targetParameters('response'),
    ...targetParameters('resolution'),
    limit(20, 'members of staff'),
    ...ONLY,
    TIME_ZONE,
    FILTERS,
  ],
  sections: [
    {
      kind: 'figures',
      key: 'times',
      title: 'Times',
      query: { metrics: PERCENTILES, filters: NARROWED, compare: 'previous_period' },
    },
    ...(['response', 'resolution'] as const).map((deadline) => ({
      kind: 'figures' as const,
      key: `${deadline}_sla`,
      title: `${deadline === 'response' ? 'First responses' : 'Resolutions'} in time`,
      query: {
        metrics: SLA(deadline),
        targets: targetsOf(deadline),
        filters: NARROWED,
        compare: 'previous_period' as const,
      },
    })),
    ...(['response', 'resolution'] as const).map((deadline) => ({
      kind: 'table' as const,
      key: `${deadline}_sla_by_priority`,
      title: `${deadline === 'response' ? 'First responses' : 'Resolutions'} in time, by priority`,
      query: {
        metrics: SLA(deadline),
        targets: targetsOf(deadline),
        filters: NARROWED,
        groupBy: ['priority'],
      },
    })),
    ...(['response', 'resolution'] as const).map((deadline) => ({
      kind: 'series' as const,
      key: `${deadline}_sla_series`,
      title: `${deadline === 'response' ? 'First responses' : 'Resolutions'} in time, over time`,
      query: {
        metrics: [`support.${deadline}_compliance`],
        targets: targetsOf(deadline),
        filters: NARROWED,
        granularity: '{granularity}',
        fill: 'null' as const,
      },
    })),
    {
      kind: 'table',
      key: 'by_priority',
      title: 'Times by priority',
      query: {
        metrics: [
          'support.solved_tickets',
          'support.first_response_p50',
          'support.first_response_p95',
          'support.resolution_p50',
          'support.resolution_p95',
        ],
        filters: NARROWED,
        groupBy: ['priority'],
      },
    },
    {
      kind: 'table',
      key: 'by_assignee',
      title: 'Times by member of staff',
      query: {
        metrics: ['support.solved_tickets', 'support.first_response_p50', 'support.resolution_p50'],
        filters: NARROWED,
        groupBy: ['assignee'],
        orderBy: { metric: 'support.solved_tickets', direction: 'desc' },
        limit: '{limit}',
      },
    },
  ],
};

const distributionOfField: ViewDeclaration = {
  key: 'support.distribution',
  title: 'Distribution over one field',
  description:
    'How tickets are spread over the values of a field as they are NOW (of those created in the range, and of the open ones among them), and how events in the range were spread over it when they happened. The value null: not told.',
  path: 'distribution/{field}',
  methods: ['GET'],
  parameters: [
    { name: 'field', type: 'string', enum: FIELDS, description: 'The field.' },
    ...range('now-30d'),
    limit(50, 'values'),
    ...ONLY,
    TIME_ZONE,
    FILTERS,
  ],
  sections: [
    {
      kind: 'table',
      key: 'current',
      title: 'Tickets as they are now',
      query: {
        metrics: ['support.tickets', 'support.open_tickets', 'support.ticket_sentiment_avg'],
        filters: NARROWED,
        groupBy: ['{field}'],
        orderBy: { metric: 'support.tickets', direction: 'desc' },
        limit: '{limit}',
      },
    },
    {
      kind: 'table',
      key: 'events',
      title: 'Events',
      query: {
        metrics: ['support.events', 'support.sentiment_avg'],
        filters: NARROWED,
        groupBy: ['{field}'],
        orderBy: { metric: 'support.events', direction: 'desc' },
        limit: '{limit}',
      },
    },
  ],
};

/** Fields that are numbers are spread over bins. */
const distributionsOfValues = (
  [
    ['sentiment', 'support.sentiment_avg', 'Mood of the events that tell it (-1 to 1).', MOODS],
    ['first_response', 'support.first_response_avg', 'Hours from creation to the first response.', HOURS],
    ['resolution', 'support.resolution_avg', 'Hours from creation to the newest resolution.', HOURS],
  ] as const
).map(
  ([name, metric, description, bounds]): ViewDeclaration => ({
    key: `support.distribution_${name}`,
    title: `Distribution of ${name.replace('_', ' ')}`,
    description: `${description} Counted in bins, in all and by priority.`,
    path: `distribution/${name}`,
    methods: ['GET'],
    parameters: [...range('now-30d'), ...ONLY, TIME_ZONE, FILTERS],
    sections: [
      {
        kind: 'distribution',
        key: 'all',
        title: 'In all',
        query: { metric, bounds, filters: NARROWED },
      },
      {
        kind: 'distribution',
        key: 'by_priority',
        title: 'By priority',
        query: { metric, bounds, filters: NARROWED, groupBy: ['priority'], limit: 10 },
      },
    ],
  }),
);

export const supportViews: readonly ViewDeclaration[] = [
  timeSeries,
  aggregations,
  performance,
  distributionOfField,
  ...distributionsOfValues,
];
