import type { AttributeDeclaration, DimensionDeclaration, SubjectDeclaration } from '@tidemark/core';
import { MESSAGE_EVENTS } from './event-types.ts';

export const messagingDimensions: readonly DimensionDeclaration[] = [
  { key: 'account', title: 'Account', field: 'data.account', rolledUp: true },
  { key: 'campaign', title: 'Campaign', field: 'data.campaign', rolledUp: false },
  { key: 'route', title: 'Route', field: 'data.route', rolledUp: true },
  { key: 'channel', title: 'Channel', field: 'data.channel', rolledUp: true },
  { key: 'status', title: 'Status', field: 'data.status', rolledUp: true },
  { key: 'error', title: 'Error', field: 'data.error', rolledUp: true },
  { key: 'host', title: 'Host', field: 'data.host', rolledUp: true },
];

function text(key: string, title: string): AttributeDeclaration {
  return { key, title, type: 'string', field: `data.${key}`, keep: 'last' };
}

function number(key: string, title: string, unit: string): AttributeDeclaration {
  return { key, title, type: 'number', unit, field: `data.${key}`, keep: 'last' };
}

function when(
  key: string,
  title: string,
  keep: 'first' | 'last',
  eventTypes: readonly string[],
): AttributeDeclaration {
  return { key, title, type: 'time', field: 'time', eventTypes, keep };
}

const CAMPAIGN_EVENTS = ['campaign.started', 'campaign.completed'];

export const messagingSubjects: readonly SubjectDeclaration[] = [
  {
    kind: 'messaging.campaign',
    title: 'Campaign',
    description: 'A campaign from its start, with when it sent last.',
    events: [{ eventTypes: [...CAMPAIGN_EVENTS, 'message.submitted'], id: 'data.campaign' }],
    attributes: [
      text('campaign', 'Campaign'),
      { ...text('name', 'Name'), eventTypes: CAMPAIGN_EVENTS },
      text('account', 'Account'),
      { ...number('recipients', 'Recipients', '{message}'), eventTypes: CAMPAIGN_EVENTS },
      when('started_at', 'Started', 'first', ['campaign.started']),
      when('completed_at', 'Completed', 'last', ['campaign.completed']),
      when('first_sent_at', 'First message', 'first', ['message.submitted']),
      when('last_sent_at', 'Newest message', 'last', ['message.submitted']),
    ],
  },
  {
    kind: 'messaging.account',
    title: 'Account',
    description: 'An account as it is now, with when it sent last.',
    events: [{ eventTypes: ['account.updated', ...MESSAGE_EVENTS], id: 'data.account' }],
    attributes: [
      text('account', 'Account'),
      { ...text('name', 'Name'), eventTypes: ['account.updated'] },
      number('balance', 'Balance', 'USD'),
      { ...number('tps_limit', 'Limit of TPS', '{message}/s'), eventTypes: ['account.updated'] },
      number('daily_limit', 'Limit of a day', '{message}'),
      number('monthly_limit', 'Limit of a month', '{message}'),
      when('updated_at', 'Updated', 'last', ['account.updated']),
      when('active_at', 'Newest message', 'last', MESSAGE_EVENTS),
    ],
  },
  {
    kind: 'messaging.route',
    title: 'Route',
    description: 'A route as it is now, with when it carried anything last.',
    events: [{ eventTypes: ['route.updated', ...MESSAGE_EVENTS], id: 'data.route' }],
    attributes: [
      text('route', 'Route'),
      { ...text('name', 'Name'), eventTypes: ['route.updated'] },
      { ...number('tps_limit', 'Limit of TPS', '{message}/s'), eventTypes: ['route.updated'] },
      when('active_at', 'Newest message', 'last', MESSAGE_EVENTS),
    ],
  },
  {
    kind: 'messaging.host',
    title: 'Host',
    description: 'A host as its newest sample tells.',
    events: [{ eventTypes: ['host.sampled'], id: 'data.host' }],
    attributes: [
      text('host', 'Host'),
      number('cpu_percent', 'Processor load', '%'),
      number('memory_percent', 'Memory', '%'),
      number('disk_percent', 'Disk', '%'),
      number('connections', 'Connections', '{connection}'),
      number('pool_used', 'Pools in use', '{connection}'),
      number('pool_size', 'Pools', '{connection}'),
      number('queue_depth', 'Queue', '{message}'),
      when('sampled_at', 'Newest sample', 'last', ['host.sampled']),
    ],
  },
];
