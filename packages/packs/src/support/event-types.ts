import type { EventFieldDeclaration, EventTypeDeclaration } from '@tidemark/core';

/** Each event tells of the ticket what it knows; what it leaves out stays as it was. */
const FIELDS: readonly EventFieldDeclaration[] = [
  { field: 'data.ticket', type: 'string', description: 'The ticket, as an id stable over time.' },
  {
    field: 'data.status',
    type: 'string',
    description:
      'Where the ticket stands now. A ticket counts as open unless this is `resolved` or `closed`; other values are yours.',
  },
  {
    field: 'data.priority',
    type: 'string',
    description: 'How urgent it is: `urgent`, `high`, `normal` and `low` have targets of their own.',
  },
  { field: 'data.channel', type: 'string', description: 'How it came in: email, chat, phone, …' },
  { field: 'data.category', type: 'string', description: 'What it is about.' },
  { field: 'data.product', type: 'string', description: 'The product it concerns.' },
  { field: 'data.service_level', type: 'string', description: 'What was agreed with the customer.' },
  { field: 'data.team', type: 'string', description: 'The group in charge.' },
  { field: 'data.assignee', type: 'string', description: 'The member of staff in charge.' },
  { field: 'data.requester', type: 'string', description: 'The customer who asked.' },
  {
    field: 'data.sentiment',
    type: 'number',
    description: 'The mood of the customer: -1 (bad) to 1 (good).',
    unit: '1',
  },
];

export const supportEventTypes: readonly EventTypeDeclaration[] = [
  {
    type: 'ticket.created',
    title: 'Ticket created',
    description:
      'A customer asked for help. A ticket counts from the earliest event that names it, this one or not.',
    fields: FIELDS,
  },
  {
    type: 'ticket.updated',
    title: 'Ticket updated',
    description: 'Anything about a ticket has changed: its status, its priority, who is in charge, the mood.',
    fields: FIELDS,
  },
  {
    type: 'ticket.responded',
    title: 'Ticket responded',
    description: 'Staff answered the customer; the earliest of a ticket is its first response.',
    fields: FIELDS,
  },
  {
    type: 'ticket.resolved',
    title: 'Ticket resolved',
    description: 'The ticket was solved; of a ticket that was opened again, the newest counts.',
    fields: FIELDS,
  },
];

export const TICKET_EVENTS = supportEventTypes.map(({ type }) => type);
