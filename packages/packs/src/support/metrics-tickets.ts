import type { MetricDeclaration, StateMetric, Targets } from '@tidemark/core';
import { statistics } from '../statistics.ts';
import { DIMENSION_KEYS } from './subjects.ts';

/** Tickets as they are now: each counts under the status, priority, … that it has now. */
const TICKETS = {
  kind: 'state',
  subject: 'support.ticket',
  at: 'created_at',
  unit: '{ticket}',
  dimensions: DIMENSION_KEYS,
} as const satisfies Partial<StateMetric>;

const IS_OPEN = { field: 'status', op: 'nin', value: ['resolved', 'closed'] } as const;

const RESPONSE = {
  ...TICKETS,
  at: 'responded_at',
  value: { since: 'created_at', until: 'responded_at', unit: 'h' },
  unit: 'h',
  direction: 'down-is-better',
} as const satisfies Partial<StateMetric>;

const RESOLUTION = {
  ...TICKETS,
  at: 'resolved_at',
  value: { since: 'created_at', until: 'resolved_at', unit: 'h' },
  unit: 'h',
  direction: 'down-is-better',
} as const satisfies Partial<StateMetric>;

/** Hours, by priority. */
export const RESPONSE_TARGETS = {
  attribute: 'priority',
  values: { urgent: 1, high: 4, normal: 8, low: 24 },
  otherwise: 24,
} as const satisfies Targets;
/** Hours, by priority. */
export const RESOLUTION_TARGETS = {
  attribute: 'priority',
  values: { urgent: 4, high: 24, normal: 72, low: 168 },
  otherwise: 72,
} as const satisfies Targets;

const counts: readonly MetricDeclaration[] = [
  {
    ...TICKETS,
    key: 'support.tickets',
    title: 'Tickets',
    description: 'Tickets created in the range, under what they are now.',
    direction: 'neutral',
    aggregation: 'count',
  },
  {
    ...TICKETS,
    key: 'support.open_tickets',
    title: 'Open tickets',
    description: 'Tickets created in the range that are neither resolved nor closed now.',
    direction: 'down-is-better',
    filters: [IS_OPEN],
    aggregation: 'count',
  },
  {
    ...TICKETS,
    key: 'support.unanswered_tickets',
    title: 'Unanswered tickets',
    description: 'Open tickets created in the range to which nobody has responded yet.',
    direction: 'down-is-better',
    filters: [IS_OPEN, { field: 'responded_at', op: 'exists', value: false }],
    aggregation: 'count',
  },
  {
    ...TICKETS,
    key: 'support.unassigned_tickets',
    title: 'Unassigned tickets',
    description: 'Open tickets created in the range that nobody is in charge of.',
    direction: 'down-is-better',
    filters: [IS_OPEN, { field: 'assignee', op: 'exists', value: false }],
    aggregation: 'count',
  },
  {
    ...TICKETS,
    key: 'support.solved_tickets',
    title: 'Solved tickets',
    description: 'Tickets whose newest resolution lies in the range, whenever they were created.',
    direction: 'up-is-better',
    at: 'resolved_at',
    aggregation: 'count',
  },
  {
    kind: 'derived',
    key: 'support.backlog_growth',
    title: 'Growth of the backlog',
    description: 'Tickets created in the range, less those solved in it.',
    unit: '{ticket}',
    direction: 'down-is-better',
    expression: 'support.tickets - support.solved_tickets',
  },
  {
    ...TICKETS,
    key: 'support.ticket_sentiment_avg',
    title: 'Sentiment of tickets, average',
    description: 'Mean mood (-1 to 1) that tickets created in the range show now.',
    unit: '1',
    direction: 'up-is-better',
    value: 'sentiment',
    aggregation: 'avg',
  },
];

const times: readonly MetricDeclaration[] = [
  ...statistics(
    RESPONSE,
    'support.first_response',
    'Time to first response',
    { value: 'time from creation to the first response', of: 'tickets first responded to in the range' },
    ['avg', 'min', 'max', 'p50', 'p90', 'p95', 'p99'],
  ),
  ...statistics(
    RESOLUTION,
    'support.resolution',
    'Time to resolution',
    { value: 'time from creation to the newest resolution', of: 'tickets solved in the range' },
    ['avg', 'min', 'max', 'p50', 'p90', 'p95', 'p99'],
  ),
];

const compliance: readonly MetricDeclaration[] = [
  {
    ...RESPONSE,
    key: 'support.responses_within_target',
    title: 'First responses in time',
    description: 'Tickets first responded to in the range, within the hours their priority allows.',
    unit: '{ticket}',
    direction: 'up-is-better',
    aggregation: 'within',
    targets: RESPONSE_TARGETS,
  },
  {
    ...RESPONSE,
    key: 'support.responses_targeted',
    title: 'First responses with a target',
    description: 'Tickets first responded to in the range that are held to a target.',
    unit: '{ticket}',
    direction: 'neutral',
    aggregation: 'targeted',
    targets: RESPONSE_TARGETS,
  },
  {
    kind: 'derived',
    key: 'support.response_compliance',
    title: 'First responses in time, share',
    description: 'Share of first responses that kept the target of their priority.',
    unit: '%',
    direction: 'up-is-better',
    expression: 'support.responses_within_target / support.responses_targeted * 100',
  },
  {
    ...RESOLUTION,
    key: 'support.resolutions_within_target',
    title: 'Resolutions in time',
    description: 'Tickets solved in the range, within the hours their priority allows.',
    unit: '{ticket}',
    direction: 'up-is-better',
    aggregation: 'within',
    targets: RESOLUTION_TARGETS,
  },
  {
    ...RESOLUTION,
    key: 'support.resolutions_targeted',
    title: 'Resolutions with a target',
    description: 'Tickets solved in the range that are held to a target.',
    unit: '{ticket}',
    direction: 'neutral',
    aggregation: 'targeted',
    targets: RESOLUTION_TARGETS,
  },
  {
    kind: 'derived',
    key: 'support.resolution_compliance',
    title: 'Resolutions in time, share',
    description: 'Share of resolutions that kept the target of their priority.',
    unit: '%',
    direction: 'up-is-better',
    expression: 'support.resolutions_within_target / support.resolutions_targeted * 100',
  },
];

export const ticketMetrics: readonly MetricDeclaration[] = [...counts, ...times, ...compliance];
