import type { ViewDeclaration, ViewParameter } from '@tidemark/core';
import { equal, FILTERS, granularity, limit, only, range, TIME_ZONE } from '../view-parts.ts';

const NULLS = 'Rates and times are null where nothing was sent.';

const MESSAGE_FIGURES = [
  'messaging.submitted',
  'messaging.delivered',
  'messaging.failed',
  'messaging.pending',
  'messaging.tps',
  'messaging.delivery_rate',
  'messaging.failure_rate',
  'messaging.success_rate',
  'messaging.delivery_time_avg',
  'messaging.delivery_time_p95',
  'messaging.delivery_time_p99',
];

export const HOST_FIGURES = [
  'messaging.cpu_avg',
  'messaging.cpu_max',
  'messaging.memory_avg',
  'messaging.memory_max',
  'messaging.disk_avg',
  'messaging.disk_max',
  'messaging.connections_avg',
  'messaging.connections_max',
  'messaging.pool_utilisation',
  'messaging.queue_depth_avg',
  'messaging.queue_depth_max',
  'messaging.received_rate',
  'messaging.sent_rate',
];

/** Of the newest sample of each host: only by host do they mean anything. */
const HOST_NOW = [
  'messaging.cpu_last',
  'messaging.memory_last',
  'messaging.disk_last',
  'messaging.connections_last',
  'messaging.queue_depth_last',
];

const MOST_SUBMITTED = { metric: 'messaging.submitted', direction: 'desc' } as const;

const NARROWING: readonly ViewParameter[] = [
  only('account', 'messages of this account'),
  only('campaign', 'messages of this campaign'),
  only('route', 'messages on this route'),
  only('channel', 'messages on this channel'),
];
const NARROWED = NARROWING.map(({ name }) => equal(name));

const realtime: ViewDeclaration = {
  key: 'messaging.realtime',
  title: 'Messages now',
  description: `The last seconds up to now. Buckets of this minute are open and marked \`partial\`. ${NULLS}`,
  path: 'metrics/messages/realtime',
  methods: ['GET'],
  parameters: [
    {
      name: 'window_seconds',
      type: 'integer',
      description: 'How many seconds the window reaches back.',
      unit: 's',
      minimum: 1,
      maximum: 86_400,
      default: 60,
    },
    ...NARROWING,
    FILTERS,
  ],
  sections: [
    {
      kind: 'figures',
      key: 'window',
      title: 'In the window',
      query: {
        metrics: MESSAGE_FIGURES,
        from: 'now-{window_seconds}s',
        to: 'now',
        filters: NARROWED,
        compare: 'previous_period',
      },
    },
    {
      kind: 'table',
      key: 'by_route',
      title: 'By route',
      query: {
        metrics: [
          'messaging.submitted',
          'messaging.tps',
          'messaging.success_rate',
          'messaging.delivery_time_p95',
        ],
        from: 'now-{window_seconds}s',
        to: 'now',
        filters: NARROWED,
        groupBy: ['route'],
        orderBy: MOST_SUBMITTED,
        limit: 20,
      },
    },
  ],
};

const OF_CAMPAIGN = [{ dimension: 'campaign', op: 'eq', value: '{id}' }] as const;
const CAMPAIGN_DAYS = { from: 'now-{days}d', to: 'now', filters: OF_CAMPAIGN } as const;

const campaign: ViewDeclaration = {
  key: 'messaging.campaign',
  title: 'One campaign',
  description: `What it is, how far it has come, how fast it sends and how long the rest takes at that rate. The estimated completion is its newest message (\`last_sent_at\`) and \`messaging.campaign_seconds_left\`. The subject is null when no event names the campaign; progress is null when its recipients were not told, or it began before the range. ${NULLS}`,
  path: 'metrics/campaigns/{id}',
  methods: ['GET'],
  parameters: [
    { name: 'id', type: 'string', description: 'The campaign, as in `data.campaign`.' },
    {
      name: 'days',
      type: 'integer',
      description: 'How far back the campaign is looked for; it must have begun within.',
      unit: 'd',
      minimum: 1,
      maximum: 90,
      default: 30,
    },
    granularity('hour'),
    TIME_ZONE,
  ],
  sections: [
    { kind: 'subject', key: 'campaign', title: 'Campaign', subject: 'messaging.campaign', id: '{id}' },
    {
      kind: 'figures',
      key: 'progress',
      title: 'Progress',
      query: {
        ...CAMPAIGN_DAYS,
        metrics: [
          'messaging.campaign_recipients',
          'messaging.campaign_progress',
          'messaging.campaign_reach',
          'messaging.campaign_remaining',
          'messaging.campaign_send_rate',
          'messaging.campaign_seconds_left',
          'messaging.campaign_sending_time',
        ],
      },
    },
    {
      kind: 'figures',
      key: 'messages',
      title: 'Messages',
      query: {
        ...CAMPAIGN_DAYS,
        // Not TPS: over all the days it would say nothing.
        metrics: MESSAGE_FIGURES.filter((key) => key !== 'messaging.tps'),
      },
    },
    {
      kind: 'figures',
      key: 'last_hour',
      title: 'Last hour',
      query: {
        metrics: ['messaging.submitted', 'messaging.tps', 'messaging.success_rate'],
        from: 'now-1h',
        to: 'now',
        filters: OF_CAMPAIGN,
      },
    },
    {
      kind: 'series',
      key: 'series',
      title: 'Over time',
      query: {
        ...CAMPAIGN_DAYS,
        metrics: ['messaging.submitted', 'messaging.delivered', 'messaging.failed'],
        granularity: '{granularity}',
      },
    },
    {
      kind: 'table',
      key: 'errors',
      title: 'Why messages failed',
      query: {
        ...CAMPAIGN_DAYS,
        metrics: ['messaging.failed'],
        groupBy: ['error'],
        orderBy: { metric: 'messaging.failed', direction: 'desc' },
        limit: 20,
      },
    },
  ],
};

const system: ViewDeclaration = {
  key: 'messaging.system',
  title: 'Hosts',
  description:
    'How each host fares now and fared over the range: processor, memory, disk, network, connections, pools, queue. Null where no sample tells it.',
  path: 'metrics/system',
  methods: ['GET'],
  parameters: [
    ...range('now-1h'),
    granularity('minute'),
    only('host', 'this host'),
    limit(50, 'hosts'),
    TIME_ZONE,
  ],
  sections: [
    {
      kind: 'figures',
      key: 'totals',
      title: 'All hosts',
      query: { metrics: ['messaging.hosts', ...HOST_FIGURES], filters: [equal('host')] },
    },
    {
      kind: 'table',
      key: 'now',
      title: 'Newest sample of each host',
      query: {
        metrics: HOST_NOW,
        filters: [equal('host')],
        groupBy: ['host'],
        orderBy: { metric: 'messaging.cpu_last', direction: 'desc' },
        limit: '{limit}',
      },
    },
    {
      kind: 'table',
      key: 'range',
      title: 'Over the range',
      query: {
        metrics: HOST_FIGURES,
        filters: [equal('host')],
        groupBy: ['host'],
        orderBy: { metric: 'messaging.cpu_avg', direction: 'desc' },
        limit: '{limit}',
      },
    },
    {
      kind: 'series',
      key: 'load',
      title: 'Load by host',
      query: {
        metrics: [
          'messaging.cpu_avg',
          'messaging.memory_avg',
          'messaging.connections_avg',
          'messaging.queue_depth_avg',
        ],
        filters: [equal('host')],
        groupBy: ['host'],
        orderBy: { metric: 'messaging.cpu_avg', direction: 'desc' },
        limit: 10,
        granularity: '{granularity}',
        fill: 'null',
      },
    },
    {
      kind: 'subjects',
      key: 'hosts',
      title: 'Hosts, as last heard of',
      subject: 'messaging.host',
      limit: '{limit}',
    },
  ],
};

const OF_ACCOUNT = [{ dimension: 'account', op: 'eq', value: '{id}' }] as const;

const account: ViewDeclaration = {
  key: 'messaging.account',
  title: 'One account',
  description: `What the account has and may do, what it used today and this month (days and months of the zone), how much of its limits that is, and its TPS of the last minute. Shares are null without a limit, and when it has sent nothing in that time. The subject is null when no event names the account. ${NULLS}`,
  path: 'metrics/accounts/{id}',
  methods: ['GET'],
  parameters: [{ name: 'id', type: 'string', description: 'The account, as in `data.account`.' }, TIME_ZONE],
  sections: [
    { kind: 'subject', key: 'account', title: 'Account', subject: 'messaging.account', id: '{id}' },
    {
      kind: 'figures',
      key: 'now',
      title: 'Last minute',
      query: {
        metrics: ['messaging.tps', 'messaging.tps_limit', 'messaging.tps_utilisation'],
        from: 'now-1m',
        to: 'now',
        filters: OF_ACCOUNT,
      },
    },
    {
      kind: 'figures',
      key: 'today',
      title: 'Today',
      query: {
        metrics: [...MESSAGE_FIGURES, 'messaging.daily_limit', 'messaging.daily_limit_used'],
        from: 'now/d',
        to: 'now',
        filters: OF_ACCOUNT,
        compare: 'previous_period',
      },
    },
    {
      kind: 'figures',
      key: 'this_month',
      title: 'This month',
      query: {
        metrics: [...MESSAGE_FIGURES, 'messaging.monthly_limit', 'messaging.monthly_limit_used'],
        from: 'now/M',
        to: 'now',
        filters: OF_ACCOUNT,
        compare: 'previous_period',
      },
    },
    {
      kind: 'series',
      key: 'by_day',
      title: 'This month, by day',
      query: {
        metrics: ['messaging.submitted', 'messaging.delivered', 'messaging.failed'],
        from: 'now/M',
        to: 'now',
        filters: OF_ACCOUNT,
        granularity: 'day',
        fill: 'zero',
      },
    },
    {
      kind: 'table',
      key: 'campaigns',
      title: 'This month, by campaign',
      query: {
        metrics: ['messaging.submitted', 'messaging.delivery_rate', 'messaging.failure_rate'],
        from: 'now/M',
        to: 'now',
        filters: OF_ACCOUNT,
        groupBy: ['campaign'],
        orderBy: MOST_SUBMITTED,
        limit: 20,
      },
    },
  ],
};

const ROUTE_FIGURES = [
  'messaging.submitted',
  'messaging.delivered',
  'messaging.failed',
  'messaging.success_rate',
  'messaging.delivery_rate',
  'messaging.delivery_time_avg',
  'messaging.delivery_time_p95',
  'messaging.tps',
  'messaging.route_tps_limit',
  'messaging.route_utilisation',
];

const routes: ViewDeclaration = {
  key: 'messaging.routes',
  title: 'Routes',
  description: `Success, delivery time and utilisation of each route over a range that ends now. Utilisation is null where no limit was told. ${NULLS}`,
  path: 'metrics/routes',
  methods: ['GET'],
  parameters: [
    {
      name: 'hours',
      type: 'integer',
      description: 'How far back the range reaches.',
      unit: 'h',
      minimum: 1,
      maximum: 2_160,
      default: 24,
    },
    only('route', 'this route'),
    granularity('hour'),
    limit(50, 'routes'),
    TIME_ZONE,
  ],
  sections: [
    {
      kind: 'table',
      key: 'routes',
      title: 'Routes',
      query: {
        metrics: ROUTE_FIGURES,
        from: 'now-{hours}h',
        to: 'now',
        filters: [equal('route')],
        groupBy: ['route'],
        orderBy: MOST_SUBMITTED,
        limit: '{limit}',
      },
    },
    {
      kind: 'table',
      key: 'last_minute',
      title: 'Last minute',
      query: {
        metrics: [
          'messaging.submitted',
          'messaging.tps',
          'messaging.route_tps_limit',
          'messaging.route_utilisation',
        ],
        from: 'now-1m',
        to: 'now',
        filters: [equal('route')],
        groupBy: ['route'],
        orderBy: MOST_SUBMITTED,
        limit: '{limit}',
      },
    },
    {
      kind: 'series',
      key: 'series',
      title: 'Success over time',
      query: {
        metrics: ['messaging.success_rate', 'messaging.submitted'],
        from: 'now-{hours}h',
        to: 'now',
        filters: [equal('route')],
        groupBy: ['route'],
        orderBy: MOST_SUBMITTED,
        limit: 10,
        granularity: '{granularity}',
        fill: 'null',
      },
    },
    {
      kind: 'table',
      key: 'errors',
      title: 'Why messages failed',
      query: {
        metrics: ['messaging.failed'],
        from: 'now-{hours}h',
        to: 'now',
        filters: [equal('route')],
        groupBy: ['route', 'error'],
        orderBy: { metric: 'messaging.failed', direction: 'desc' },
        limit: 20,
      },
    },
  ],
};

const trends: ViewDeclaration = {
  key: 'messaging.trends',
  title: 'Trend of messages',
  description:
    'Points of one metric of messages, their least, greatest, mean and standard deviation, and whether they rise or fall: of complete buckets alone.',
  path: 'trends/messages',
  methods: ['GET'],
  parameters: [
    {
      name: 'metric',
      type: 'string',
      enum: MESSAGE_FIGURES.map((key) => key.slice('messaging.'.length)),
      description: 'The metric, without the pack: `messaging.{metric}`.',
      default: 'submitted',
    },
    granularity('hour'),
    {
      name: 'hours',
      type: 'integer',
      description: 'How far back the range reaches.',
      unit: 'h',
      minimum: 1,
      maximum: 8_784,
      default: 24,
    },
    ...NARROWING,
    TIME_ZONE,
    FILTERS,
  ],
  sections: [
    {
      kind: 'trend',
      key: 'trend',
      title: 'Trend',
      query: {
        metrics: ['messaging.{metric}'],
        from: 'now-{hours}h',
        to: 'now',
        filters: NARROWED,
        granularity: '{granularity}',
        fill: 'null',
      },
    },
  ],
};

const summary: ViewDeclaration = {
  key: 'messaging.summary',
  title: 'Messaging at a glance',
  description: `Messages, campaigns, accounts, routes and hosts over the range, against the time before. ${NULLS}`,
  path: 'dashboard/summary',
  methods: ['GET'],
  parameters: [...range('now-24h'), granularity('hour'), limit(5, 'groups'), TIME_ZONE],
  sections: [
    {
      kind: 'figures',
      key: 'messages',
      title: 'Messages',
      query: {
        metrics: [...MESSAGE_FIGURES, 'messaging.active_accounts', 'messaging.active_campaigns'],
        compare: 'previous_period',
      },
    },
    {
      kind: 'figures',
      key: 'last_minute',
      title: 'Last minute',
      query: {
        metrics: ['messaging.submitted', 'messaging.tps', 'messaging.delivery_tps'],
        from: 'now-1m',
        to: 'now',
      },
    },
    {
      kind: 'figures',
      key: 'campaigns',
      title: 'Campaigns of thirty days',
      query: {
        metrics: ['messaging.campaigns', 'messaging.running_campaigns'],
        from: 'now-30d',
        to: 'now',
      },
    },
    {
      kind: 'figures',
      key: 'hosts',
      title: 'Hosts',
      query: { metrics: ['messaging.hosts', ...HOST_FIGURES] },
    },
    {
      kind: 'series',
      key: 'volume',
      title: 'Messages over time',
      query: {
        metrics: ['messaging.submitted', 'messaging.delivered', 'messaging.failed'],
        granularity: '{granularity}',
        fill: 'zero',
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
        limit: '{limit}',
      },
    })),
    {
      kind: 'subjects',
      key: 'newest_campaigns',
      title: 'Campaigns heard of last',
      subject: 'messaging.campaign',
      limit: '{limit}',
    },
  ],
};

export const messagingViews: readonly ViewDeclaration[] = [
  realtime,
  campaign,
  system,
  account,
  routes,
  trends,
  summary,
];
