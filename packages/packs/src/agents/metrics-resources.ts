import type { BaseMetric, MetricDeclaration, StateMetric } from '@tidemark/core';
import { statistics } from '../statistics.ts';
import { DOCUMENT_EVENTS, MESSAGE_EVENTS } from './event-types.ts';

const OF_AGENTS = { kind: 'base', dimensions: ['agent', 'user'] } as const satisfies Partial<BaseMetric>;
const WORKFLOWS = {
  kind: 'base',
  dimensions: ['agent', 'workflow', 'user'],
  unit: '{workflow}',
} as const satisfies Partial<BaseMetric>;
const OF_CUSTOMERS = { kind: 'base', dimensions: ['plan', 'user'] } as const satisfies Partial<BaseMetric>;

function counted(
  shared: Omit<BaseMetric, 'key' | 'title' | 'description' | 'aggregation'>,
  key: string,
  title: string,
  description: string,
): MetricDeclaration {
  return { ...shared, key, title, description, aggregation: 'count' };
}

const work: readonly MetricDeclaration[] = [
  counted(
    { ...WORKFLOWS, eventTypes: ['workflow.executed', 'workflow.failed'], direction: 'up-is-better' },
    'agents.workflow_runs',
    'Workflow runs',
    'Workflows that ran, to their end or not.',
  ),
  counted(
    { ...WORKFLOWS, eventTypes: ['workflow.failed'], direction: 'down-is-better' },
    'agents.workflow_failures',
    'Workflow failures',
    'Workflows that ended before their end.',
  ),
  {
    kind: 'derived',
    key: 'agents.workflow_failure_rate',
    title: 'Workflow failure rate',
    description: 'Share of workflow runs that failed.',
    unit: '%',
    direction: 'down-is-better',
    expression: 'agents.workflow_failures / agents.workflow_runs * 100',
  },
  ...statistics(
    {
      ...WORKFLOWS,
      eventTypes: ['workflow.executed', 'workflow.failed'],
      unit: 'ms',
      direction: 'down-is-better',
      value: 'data.duration_ms',
    },
    'agents.workflow_duration',
    'Workflow duration',
    { value: 'duration', of: 'workflow runs' },
    ['avg', 'p95'],
  ),
  counted(
    { ...OF_AGENTS, eventTypes: ['search.performed'], unit: '{search}', direction: 'neutral' },
    'agents.searches',
    'Searches',
    'Look-ups in the documents.',
  ),
  counted(
    { ...OF_AGENTS, eventTypes: ['document.uploaded'], unit: '{document}', direction: 'neutral' },
    'agents.documents_uploaded',
    'Documents uploaded',
    'Documents that were uploaded.',
  ),
  counted(
    { ...OF_AGENTS, eventTypes: ['document.deleted'], unit: '{document}', direction: 'neutral' },
    'agents.documents_deleted',
    'Documents deleted',
    'Documents that were deleted.',
  ),
  {
    ...OF_AGENTS,
    eventTypes: ['document.uploaded'],
    key: 'agents.uploaded_bytes',
    title: 'Storage added',
    description: 'Size of the documents that were uploaded.',
    unit: 'By',
    direction: 'neutral',
    value: 'data.bytes',
    aggregation: 'sum',
  },
  counted(
    {
      ...OF_AGENTS,
      eventTypes: [
        ...MESSAGE_EVENTS,
        ...DOCUMENT_EVENTS,
        'search.performed',
        'workflow.executed',
        'workflow.failed',
      ],
      unit: '{call}',
      direction: 'neutral',
    },
    'agents.api_calls',
    'API calls',
    'Messages, searches, workflow runs and changes of documents: each is one call of the product.',
  ),
];

const DOCUMENTS = {
  kind: 'state',
  subject: 'agents.document',
  at: 'uploaded_at',
  dimensions: ['agent', 'user'],
  filters: [{ field: 'deleted_at', op: 'exists', value: false }],
  direction: 'neutral',
} as const satisfies Partial<StateMetric>;

const USERS = {
  kind: 'state',
  subject: 'agents.user',
  dimensions: ['plan', 'user'],
  unit: '{user}',
  aggregation: 'count',
} as const satisfies Partial<StateMetric>;

const states: readonly MetricDeclaration[] = [
  {
    kind: 'state',
    subject: 'agents.agent',
    at: 'created_at',
    key: 'agents.agents',
    title: 'Agents',
    description: 'Agents first heard of in the range that are not deleted.',
    unit: '{agent}',
    direction: 'up-is-better',
    filters: [{ field: 'deleted_at', op: 'exists', value: false }],
    aggregation: 'count',
    dimensions: ['agent', 'model', 'version'],
  },
  {
    ...DOCUMENTS,
    key: 'agents.documents',
    title: 'Documents kept',
    description: 'Documents uploaded in the range that are still there.',
    unit: '{document}',
    aggregation: 'count',
  },
  {
    ...DOCUMENTS,
    key: 'agents.storage',
    title: 'Storage',
    description:
      'Size of the documents uploaded in the range that are still there: ask for all time to have all of it.',
    unit: 'By',
    value: 'bytes',
    aggregation: 'sum',
  },
  {
    ...USERS,
    key: 'agents.new_users',
    title: 'New users',
    description: 'People whose first event of all lies in the range.',
    direction: 'up-is-better',
    at: 'first_seen',
  },
  {
    ...USERS,
    key: 'agents.users_last_seen',
    title: 'Users last seen',
    description:
      'People whose newest event lies in the range: of a range a month ago and more, those who are gone.',
    direction: 'neutral',
    at: 'last_seen',
  },
];

const customers: readonly MetricDeclaration[] = [
  counted(
    { ...OF_CUSTOMERS, eventTypes: ['user.logged_in'], unit: '{login}', direction: 'up-is-better' },
    'agents.logins',
    'Logins',
    'Times people came.',
  ),
  counted(
    { ...OF_CUSTOMERS, eventTypes: ['user.invited'], unit: '{invitation}', direction: 'up-is-better' },
    'agents.invitations',
    'Invitations',
    'Times people asked others to come.',
  ),
  counted(
    {
      ...OF_CUSTOMERS,
      eventTypes: ['subscription.created'],
      unit: '{subscription}',
      direction: 'up-is-better',
    },
    'agents.subscriptions',
    'Subscriptions',
    'Subscriptions that began.',
  ),
  {
    ...OF_CUSTOMERS,
    eventTypes: ['payment.succeeded'],
    key: 'agents.revenue',
    title: 'Revenue',
    description: 'Money that came in, to the last decimal.',
    unit: 'USD',
    direction: 'up-is-better',
    role: 'admin',
    value: 'data.amount',
    aggregation: 'sum',
  },
  counted(
    {
      ...OF_CUSTOMERS,
      eventTypes: ['payment.succeeded', 'payment.failed'],
      unit: '{payment}',
      direction: 'neutral',
      role: 'admin',
    },
    'agents.payments',
    'Payments',
    'Payments tried.',
  ),
  counted(
    {
      ...OF_CUSTOMERS,
      eventTypes: ['payment.failed'],
      unit: '{payment}',
      direction: 'down-is-better',
      role: 'admin',
    },
    'agents.payments_failed',
    'Failed payments',
    'Payments that did not come in.',
  ),
  {
    kind: 'derived',
    key: 'agents.payment_failure_rate',
    title: 'Payment failure rate',
    description: 'Share of payments that did not come in.',
    unit: '%',
    direction: 'down-is-better',
    role: 'admin',
    expression: 'agents.payments_failed / agents.payments * 100',
  },
];

/** Estimates at list prices that stand in the expressions: declare a metric of your own where yours differ. */
const costs: readonly MetricDeclaration[] = [
  {
    ...OF_AGENTS,
    eventTypes: ['message.sent', 'workflow.executed', 'workflow.failed', 'search.performed'],
    key: 'agents.cost',
    title: 'Cost, as billed',
    description: 'What events say they cost, to the last decimal.',
    unit: 'USD',
    direction: 'down-is-better',
    role: 'admin',
    value: 'data.cost',
    aggregation: 'sum',
  },
  {
    kind: 'derived',
    key: 'agents.estimated_token_cost',
    title: 'Estimated cost of tokens',
    description: 'At 2.50 USD for a million tokens read and 10 USD for a million written.',
    unit: 'USD',
    direction: 'down-is-better',
    role: 'admin',
    expression: 'agents.input_tokens * 0.0000025 + agents.output_tokens * 0.00001',
  },
  {
    kind: 'derived',
    key: 'agents.estimated_storage_cost',
    title: 'Estimated cost of storage',
    description: 'Of a month of the storage that is kept, at 0.023 USD for a gigabyte (10^9 bytes).',
    unit: 'USD',
    direction: 'down-is-better',
    role: 'admin',
    expression: 'agents.storage / 1000000000 * 0.023',
  },
  {
    kind: 'derived',
    key: 'agents.estimated_api_cost',
    title: 'Estimated cost of API calls',
    description: 'At 0.10 USD for a thousand calls.',
    unit: 'USD',
    direction: 'down-is-better',
    role: 'admin',
    expression: 'agents.api_calls * 0.0001',
  },
  {
    kind: 'derived',
    key: 'agents.estimated_cost',
    title: 'Estimated cost of tokens and calls',
    description: 'Tokens and API calls together, without storage; null where no tokens were told.',
    unit: 'USD',
    direction: 'down-is-better',
    role: 'admin',
    expression: 'agents.estimated_token_cost + agents.estimated_api_cost',
  },
];

export const resourceMetrics: readonly MetricDeclaration[] = [...work, ...states, ...customers, ...costs];
