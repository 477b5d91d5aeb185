import {
  type AttributeDeclaration,
  createCatalogue,
  type MetricDeclaration,
  type Pack,
  type StateMetric,
} from '@tidemark/core';

/** A domain of tickets that uses every aggregation of states; for the tests of this package. */
const common = { title: '', description: '', unit: '1', direction: 'neutral' } as const;

const attribute = (
  key: string,
  fields: Partial<AttributeDeclaration> & Pick<AttributeDeclaration, 'field'>,
): AttributeDeclaration => ({ key, title: key, type: 'string', keep: 'last', ...fields });

const attributes: readonly AttributeDeclaration[] = [
  attribute('status', { field: 'data.status' }),
  attribute('first_status', { field: 'data.status', keep: 'first' }),
  attribute('priority', { field: 'data.priority' }),
  attribute('agent', { field: 'data.agent', isPersonal: true }),
  attribute('cost', { field: 'data.cost', type: 'number', unit: 'USD' }),
  attribute('created', { field: 'time', type: 'time', eventTypes: ['ticket.opened'], keep: 'first' }),
  attribute('resolved', {
    field: 'time',
    type: 'time',
    eventTypes: ['ticket.changed'],
    filters: [{ field: 'data.status', op: 'eq', value: 'done' }],
  }),
  attribute('due', { field: 'data.due', type: 'time' }),
];

const tickets = {
  ...common,
  kind: 'state',
  subject: 'desk.ticket',
  at: 'created',
  dimensions: ['status', 'first_status', 'priority', 'agent'],
} as const satisfies Partial<StateMetric>;
const age = { since: 'created', until: 'resolved', unit: 'min' } as const;
export const DESK_TARGETS = {
  attribute: 'priority',
  values: { high: 60, low: 1440 },
  otherwise: null,
} as const;

const states: readonly StateMetric[] = [
  { ...tickets, key: 'desk.tickets', aggregation: 'count' },
  {
    ...tickets,
    key: 'desk.open',
    aggregation: 'count',
    filters: [{ field: 'status', op: 'ne', value: 'done' }],
  },
  { ...tickets, key: 'desk.priced', aggregation: 'count', value: 'cost' },
  { ...tickets, key: 'desk.assigned', aggregation: 'count', value: 'agent' },
  { ...tickets, key: 'desk.agents', aggregation: 'unique', value: 'agent' },
  { ...tickets, key: 'desk.cost', aggregation: 'sum', value: 'cost', unit: 'USD' },
  { ...tickets, key: 'desk.cost_avg', aggregation: 'avg', value: 'cost', unit: 'USD' },
  { ...tickets, key: 'desk.cost_max', aggregation: 'max', value: 'cost' },
  { ...tickets, key: 'desk.cost_p50', aggregation: 'quantile', level: 0.5, value: 'cost' },
  { ...tickets, key: 'desk.age_sum', aggregation: 'sum', value: age, unit: 'min' },
  { ...tickets, key: 'desk.age_min', aggregation: 'min', value: age, unit: 'min' },
  { ...tickets, key: 'desk.resolved_age', at: 'resolved', aggregation: 'avg', value: age, unit: 'min' },
  {
    ...tickets,
    key: 'desk.resolved_p90',
    at: 'resolved',
    aggregation: 'quantile',
    level: 0.9,
    value: age,
    unit: 'min',
  },
  { ...tickets, key: 'desk.due', at: 'due', aggregation: 'count' },
  {
    ...tickets,
    key: 'desk.in_time',
    at: 'resolved',
    aggregation: 'within',
    value: age,
    targets: DESK_TARGETS,
  },
  {
    ...tickets,
    key: 'desk.held',
    at: 'resolved',
    aggregation: 'targeted',
    value: age,
    targets: DESK_TARGETS,
  },
];

const others: readonly MetricDeclaration[] = [
  {
    ...common,
    kind: 'base',
    key: 'desk.changes',
    eventTypes: ['ticket.changed'],
    aggregation: 'count',
    dimensions: ['status', 'priority', 'agent'],
  },
  {
    ...common,
    kind: 'derived',
    key: 'desk.in_time_share',
    unit: '%',
    expression: 'desk.in_time / desk.held * 100',
  },
  {
    ...common,
    kind: 'derived',
    key: 'desk.changes_per_ticket',
    expression: 'desk.changes / desk.tickets',
  },
];

const eventType = (type: string) => ({ type, title: type, description: '', fields: [] });

const deskPack: Pack = {
  key: 'desk',
  title: 'Desk',
  description: '',
  eventTypes: ['ticket.opened', 'ticket.changed', 'call.ended', 'agent.seen'].map(eventType),
  dimensions: [
    { key: 'status', title: 'Status', field: 'data.status', rolledUp: true },
    { key: 'priority', title: 'Priority', field: 'data.priority', rolledUp: true },
    { key: 'agent', title: 'Agent', field: 'data.agent', rolledUp: false, isPersonal: true },
  ],
  metrics: [...states, ...others],
  importMappings: [],
  recorders: [],
  subjects: [
    {
      kind: 'desk.ticket',
      title: 'Ticket',
      description: '',
      events: [
        { eventTypes: ['ticket.opened', 'ticket.changed'], id: 'subject' },
        { eventTypes: ['call.ended'], id: 'data.ticket' },
      ],
      attributes,
    },
    {
      kind: 'desk.agent',
      title: 'Agent',
      description: '',
      isPerson: true,
      events: [{ eventTypes: ['agent.seen'], id: 'subject' }],
      attributes: [attribute('team', { field: 'data.team' })],
    },
  ],
  views: [],
  dashboard: [],
};

export const deskCatalogue = () => createCatalogue([deskPack]);
