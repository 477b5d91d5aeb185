import type { MetricDeclaration, StateMetric } from '@tidemark/core';

const CAMPAIGNS = {
  kind: 'state',
  subject: 'messaging.campaign',
  at: 'started_at',
  dimensions: ['campaign', 'account'],
} as const satisfies Partial<StateMetric>;

const campaigns: readonly MetricDeclaration[] = [
  {
    ...CAMPAIGNS,
    key: 'messaging.campaigns',
    title: 'Campaigns',
    description: 'Campaigns that started in the range.',
    unit: '{campaign}',
    direction: 'neutral',
    aggregation: 'count',
  },
  {
    ...CAMPAIGNS,
    key: 'messaging.running_campaigns',
    title: 'Running campaigns',
    description: 'Campaigns that started in the range and are not complete.',
    unit: '{campaign}',
    direction: 'neutral',
    filters: [{ field: 'completed_at', op: 'exists', value: false }],
    aggregation: 'count',
  },
  {
    ...CAMPAIGNS,
    key: 'messaging.campaign_recipients',
    title: 'Recipients of campaigns',
    description: 'To how many the campaigns that started in the range are to be sent.',
    unit: '{message}',
    direction: 'neutral',
    value: 'recipients',
    aggregation: 'sum',
  },
  {
    ...CAMPAIGNS,
    key: 'messaging.campaign_sending_time',
    title: 'Sending time of campaigns',
    description: 'From the first to the newest message of each campaign that started in the range, together.',
    unit: 's',
    direction: 'neutral',
    value: { since: 'first_sent_at', until: 'last_sent_at', unit: 's' },
    aggregation: 'sum',
  },
  {
    kind: 'derived',
    key: 'messaging.campaign_progress',
    title: 'Progress of campaigns',
    description:
      'Share of the recipients to whom messages were submitted: of a range that holds the whole campaign.',
    unit: '%',
    direction: 'up-is-better',
    expression: 'messaging.submitted / messaging.campaign_recipients * 100',
  },
  {
    kind: 'derived',
    key: 'messaging.campaign_reach',
    title: 'Reach of campaigns',
    description:
      'Share of the recipients whom messages have reached: of a range that holds the whole campaign.',
    unit: '%',
    direction: 'up-is-better',
    expression: 'messaging.delivered / messaging.campaign_recipients * 100',
  },
  {
    kind: 'derived',
    key: 'messaging.campaign_remaining',
    title: 'Left to send',
    description:
      'Recipients of campaigns to whom nothing was submitted yet: of a range that holds the whole campaign.',
    unit: '{message}',
    direction: 'down-is-better',
    expression: 'messaging.campaign_recipients - messaging.submitted',
  },
  {
    kind: 'derived',
    key: 'messaging.campaign_send_rate',
    title: 'Send rate of campaigns',
    description: 'Messages submitted a second between the first and the newest one.',
    unit: '{message}/s',
    direction: 'up-is-better',
    expression: 'messaging.submitted / messaging.campaign_sending_time',
  },
  {
    kind: 'derived',
    key: 'messaging.campaign_seconds_left',
    title: 'Time left to send',
    description:
      'How long the rest takes at the rate so far: added to the newest message, the estimated completion. Null before the second message.',
    unit: 's',
    direction: 'down-is-better',
    expression: 'messaging.campaign_remaining / messaging.campaign_send_rate',
  },
];

/** Of what was active last in the range: ranges that end now take in whatever is at work in them. */
const ACCOUNTS = {
  kind: 'state',
  subject: 'messaging.account',
  at: 'active_at',
  dimensions: ['account'],
  aggregation: 'sum',
} as const satisfies Partial<StateMetric>;

const accounts: readonly MetricDeclaration[] = [
  {
    ...ACCOUNTS,
    key: 'messaging.balance',
    title: 'Balance',
    description: 'Money left on the accounts whose newest message lies in the range, to the last decimal.',
    unit: 'USD',
    direction: 'up-is-better',
    value: 'balance',
  },
  {
    ...ACCOUNTS,
    key: 'messaging.tps_limit',
    title: 'Limit of TPS',
    description: 'What the accounts whose newest message lies in the range may submit a second, together.',
    unit: '{message}/s',
    direction: 'neutral',
    value: 'tps_limit',
  },
  {
    ...ACCOUNTS,
    key: 'messaging.daily_limit',
    title: 'Limit of a day',
    description: 'What the accounts whose newest message lies in the range may submit a day, together.',
    unit: '{message}',
    direction: 'neutral',
    value: 'daily_limit',
  },
  {
    ...ACCOUNTS,
    key: 'messaging.monthly_limit',
    title: 'Limit of a month',
    description: 'What the accounts whose newest message lies in the range may submit a month, together.',
    unit: '{message}',
    direction: 'neutral',
    value: 'monthly_limit',
  },
  {
    kind: 'derived',
    key: 'messaging.tps_utilisation',
    title: 'Utilisation of TPS',
    description: 'TPS as a share of the limit, by account; of a range that ends now.',
    unit: '%',
    direction: 'neutral',
    expression: 'messaging.tps / messaging.tps_limit * 100',
  },
  {
    kind: 'derived',
    key: 'messaging.daily_limit_used',
    title: 'Limit of a day, used',
    description:
      'Messages submitted as a share of the limit of a day; of the range from the start of today to now.',
    unit: '%',
    direction: 'neutral',
    expression: 'messaging.submitted / messaging.daily_limit * 100',
  },
  {
    kind: 'derived',
    key: 'messaging.monthly_limit_used',
    title: 'Limit of a month, used',
    description:
      'Messages submitted as a share of the limit of a month; of the range from the start of this month to now.',
    unit: '%',
    direction: 'neutral',
    expression: 'messaging.submitted / messaging.monthly_limit * 100',
  },
];

const routes: readonly MetricDeclaration[] = [
  {
    kind: 'state',
    subject: 'messaging.route',
    at: 'active_at',
    dimensions: ['route'],
    key: 'messaging.route_tps_limit',
    title: 'Limit of TPS of routes',
    description: 'What the routes whose newest message lies in the range carry a second, together.',
    unit: '{message}/s',
    direction: 'neutral',
    value: 'tps_limit',
    aggregation: 'sum',
  },
  {
    kind: 'derived',
    key: 'messaging.route_utilisation',
    title: 'Utilisation of routes',
    description: 'TPS as a share of what the routes carry, by route; of a range that ends now.',
    unit: '%',
    direction: 'neutral',
    expression: 'messaging.tps / messaging.route_tps_limit * 100',
  },
];

export const stateMetrics: readonly MetricDeclaration[] = [...campaigns, ...accounts, ...routes];
