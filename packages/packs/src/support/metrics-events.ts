import type { BaseMetric, MetricDeclaration } from '@tidemark/core';
import { statistics } from '../statistics.ts';
import { TICKET_EVENTS } from './event-types.ts';
import { DIMENSION_KEYS } from './subjects.ts';

/** What happened, by when it happened; what was said of the ticket then. */
const EVENTS = {
  kind: 'base',
  eventTypes: TICKET_EVENTS,
  dimensions: DIMENSION_KEYS,
} as const satisfies Partial<BaseMetric>;

export const eventMetrics: readonly MetricDeclaration[] = [
  {
    ...EVENTS,
    key: 'support.events',
    title: 'Ticket events',
    description: 'Everything that happened to tickets.',
    unit: '{event}',
    direction: 'neutral',
    aggregation: 'count',
  },
  {
    ...EVENTS,
    key: 'support.creations',
    title: 'Creations',
    description: 'Events that created a ticket.',
    eventTypes: ['ticket.created'],
    unit: '{event}',
    direction: 'neutral',
    aggregation: 'count',
  },
  {
    ...EVENTS,
    key: 'support.responses',
    title: 'Responses',
    description: 'Answers of staff, the first and all further ones.',
    eventTypes: ['ticket.responded'],
    unit: '{event}',
    direction: 'up-is-better',
    aggregation: 'count',
  },
  {
    ...EVENTS,
    key: 'support.resolutions',
    title: 'Resolutions',
    description: 'Events that resolved a ticket; one that is resolved twice counts twice.',
    eventTypes: ['ticket.resolved'],
    unit: '{event}',
    direction: 'up-is-better',
    aggregation: 'count',
  },
  {
    ...EVENTS,
    key: 'support.tickets_touched',
    title: 'Tickets touched',
    description: 'Distinct tickets to which anything happened.',
    unit: '{ticket}',
    direction: 'neutral',
    value: 'data.ticket',
    aggregation: 'unique',
  },
  {
    ...EVENTS,
    key: 'support.requesters',
    title: 'Requesters',
    description: 'Distinct customers to whose tickets anything happened.',
    unit: '{user}',
    direction: 'neutral',
    value: 'data.requester',
    aggregation: 'unique',
  },
  ...statistics(
    { ...EVENTS, unit: '1', direction: 'up-is-better', value: 'data.sentiment' },
    'support.sentiment',
    'Sentiment',
    { value: 'mood (-1 to 1)', of: 'events that tell it' },
    ['avg', 'min', 'max', 'p50'],
  ),
];
