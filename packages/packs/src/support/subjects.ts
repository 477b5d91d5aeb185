import type { AttributeDeclaration, DimensionDeclaration, SubjectDeclaration } from '@tidemark/core';
import { TICKET_EVENTS } from './event-types.ts';

/** Of events, and under the same keys attributes of tickets: both kinds of metrics are grouped alike. */
export const supportDimensions: readonly DimensionDeclaration[] = [
  { key: 'status', title: 'Status', field: 'data.status', rolledUp: true },
  { key: 'priority', title: 'Priority', field: 'data.priority', rolledUp: true },
  { key: 'channel', title: 'Channel', field: 'data.channel', rolledUp: true },
  { key: 'category', title: 'Category', field: 'data.category', rolledUp: true },
  { key: 'product', title: 'Product', field: 'data.product', rolledUp: true },
  { key: 'service_level', title: 'Service level', field: 'data.service_level', rolledUp: true },
  { key: 'team', title: 'Team', field: 'data.team', rolledUp: true },
  { key: 'assignee', title: 'Assignee', field: 'data.assignee', rolledUp: false },
  { key: 'requester', title: 'Requester', field: 'data.requester', rolledUp: false, isPersonal: true },
];
export const DIMENSION_KEYS = supportDimensions.map(({ key }) => key);

const described: readonly AttributeDeclaration[] = supportDimensions.map(
  ({ key, title, field, isPersonal }) => ({
    key,
    title,
    field,
    type: 'string',
    keep: 'last',
    ...(isPersonal === undefined ? {} : { isPersonal }),
  }),
);

export const supportSubjects: readonly SubjectDeclaration[] = [
  {
    kind: 'support.ticket',
    title: 'Ticket',
    description: 'A request for help as it stands now.',
    events: [{ eventTypes: TICKET_EVENTS, id: 'data.ticket' }],
    attributes: [
      ...described,
      {
        key: 'sentiment',
        title: 'Sentiment',
        field: 'data.sentiment',
        type: 'number',
        unit: '1',
        keep: 'last',
      },
      { key: 'created_at', title: 'Created', field: 'time', type: 'time', keep: 'first' },
      {
        key: 'responded_at',
        title: 'First response',
        field: 'time',
        type: 'time',
        eventTypes: ['ticket.responded'],
        keep: 'first',
      },
      {
        key: 'resolved_at',
        title: 'Resolved',
        field: 'time',
        type: 'time',
        eventTypes: ['ticket.resolved'],
        keep: 'last',
      },
      { key: 'updated_at', title: 'Newest event', field: 'time', type: 'time', keep: 'last' },
    ],
  },
];
