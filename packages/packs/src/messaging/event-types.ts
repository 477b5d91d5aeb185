import type { EventFieldDeclaration, EventTypeDeclaration } from '@tidemark/core';

const ACCOUNT: EventFieldDeclaration = {
  field: 'data.account',
  type: 'string',
  description: 'The account that sends, as an id stable over time.',
};
const CAMPAIGN: EventFieldDeclaration = {
  field: 'data.campaign',
  type: 'string',
  description: 'The campaign; absent for single messages.',
};
const ROUTE: EventFieldDeclaration = {
  field: 'data.route',
  type: 'string',
  description: 'The way out: a carrier, a provider, a gateway.',
};

const MESSAGE: readonly EventFieldDeclaration[] = [
  {
    field: 'data.message',
    type: 'string',
    description: 'The message: one that is submitted is delivered or failed under the same id.',
  },
  ACCOUNT,
  CAMPAIGN,
  ROUTE,
  { field: 'data.channel', type: 'string', description: 'SMS, email, push, …' },
  { field: 'data.recipient', type: 'string', description: 'To whom it goes.' },
  { field: 'data.status', type: 'string', description: 'What the way out says of it, in its own words.' },
];

const PERCENT = { type: 'number', unit: '%' } as const;

/** What each event adds up to is counted; what is a level is a sample of that moment. */
export const messagingEventTypes: readonly EventTypeDeclaration[] = [
  {
    type: 'message.submitted',
    title: 'Message submitted',
    description: 'A message was handed over to be sent.',
    fields: MESSAGE,
  },
  {
    type: 'message.delivered',
    title: 'Message delivered',
    description: 'A message has reached its recipient.',
    fields: [
      ...MESSAGE,
      {
        field: 'data.delivery_time_ms',
        type: 'number',
        description: 'From submission to delivery.',
        unit: 'ms',
      },
    ],
  },
  {
    type: 'message.failed',
    title: 'Message failed',
    description: 'A message will not reach its recipient.',
    fields: [...MESSAGE, { field: 'data.error', type: 'string', description: 'Why not, as a short code.' }],
  },
  {
    type: 'campaign.started',
    title: 'Campaign started',
    description: 'A campaign begins to send.',
    fields: [
      CAMPAIGN,
      ACCOUNT,
      { field: 'data.name', type: 'string', description: 'What people call it.' },
      {
        field: 'data.recipients',
        type: 'number',
        description: 'To how many it is to be sent.',
        unit: '{message}',
      },
    ],
  },
  {
    type: 'campaign.completed',
    title: 'Campaign completed',
    description: 'A campaign has submitted all it had to send.',
    fields: [CAMPAIGN, ACCOUNT],
  },
  {
    type: 'account.updated',
    title: 'Account updated',
    description: 'What an account has, or may do, has changed.',
    fields: [
      ACCOUNT,
      { field: 'data.name', type: 'string', description: 'What people call it.' },
      {
        field: 'data.balance',
        type: 'number',
        description: 'Money left; decimal text keeps every digit.',
        unit: 'USD',
      },
      {
        field: 'data.tps_limit',
        type: 'number',
        description: 'How many messages a second it may submit.',
        unit: '{message}/s',
      },
      {
        field: 'data.daily_limit',
        type: 'number',
        description: 'How many messages a day it may submit.',
        unit: '{message}',
      },
      {
        field: 'data.monthly_limit',
        type: 'number',
        description: 'How many messages a month it may submit.',
        unit: '{message}',
      },
    ],
  },
  {
    type: 'route.updated',
    title: 'Route updated',
    description: 'What a route is called, or can carry, has changed.',
    fields: [
      ROUTE,
      { field: 'data.name', type: 'string', description: 'What people call it.' },
      {
        field: 'data.tps_limit',
        type: 'number',
        description: 'How many messages a second it carries.',
        unit: '{message}/s',
      },
    ],
  },
  {
    type: 'host.sampled',
    title: 'Host sampled',
    description: 'How a host fared at one moment.',
    fields: [
      { field: 'data.host', type: 'string', description: 'The host.' },
      { field: 'data.cpu_percent', ...PERCENT, description: 'Processor load.' },
      { field: 'data.memory_percent', ...PERCENT, description: 'Memory in use.' },
      { field: 'data.disk_percent', ...PERCENT, description: 'Disk in use.' },
      {
        field: 'data.received_bytes',
        type: 'number',
        description: 'Network traffic in since the sample before.',
        unit: 'By',
      },
      {
        field: 'data.sent_bytes',
        type: 'number',
        description: 'Network traffic out since the sample before.',
        unit: 'By',
      },
      { field: 'data.connections', type: 'number', description: 'Open connections.', unit: '{connection}' },
      {
        field: 'data.pool_used',
        type: 'number',
        description: 'Connections of pools that are in use.',
        unit: '{connection}',
      },
      {
        field: 'data.pool_size',
        type: 'number',
        description: 'Connections that pools have.',
        unit: '{connection}',
      },
      {
        field: 'data.queue_depth',
        type: 'number',
        description: 'Messages that wait to be sent.',
        unit: '{message}',
      },
    ],
  },
];

export const MESSAGE_EVENTS = ['message.submitted', 'message.delivered', 'message.failed'];
