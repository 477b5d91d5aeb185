import type { BaseMetric, MetricDeclaration, StateMetric } from '@tidemark/core';
import { statistics } from '../statistics.ts';
import { CONVERSATION_EVENTS, MESSAGE_EVENTS } from './event-types.ts';

const MESSAGES = {
  kind: 'base',
  eventTypes: MESSAGE_EVENTS,
  dimensions: ['agent', 'model', 'channel', 'conversation', 'user'],
  unit: '{message}',
} as const satisfies Partial<BaseMetric>;
const ANSWERS = { ...MESSAGES, eventTypes: ['message.sent'] } as const satisfies Partial<BaseMetric>;

const STARTED = {
  kind: 'base',
  eventTypes: ['conversation.started'],
  dimensions: ['agent', 'channel', 'conversation', 'user'],
  unit: '{conversation}',
} as const satisfies Partial<BaseMetric>;
const ENDED = { ...STARTED, eventTypes: ['conversation.ended'] } as const satisfies Partial<BaseMetric>;

/** Lies where the conversation began. */
const CONVERSATIONS = {
  kind: 'state',
  subject: 'agents.conversation',
  at: 'started_at',
  dimensions: ['agent', 'channel', 'user', 'resolved', 'handed_off'],
} as const satisfies Partial<StateMetric>;

const messages: readonly MetricDeclaration[] = [
  {
    ...MESSAGES,
    key: 'agents.messages',
    title: 'Messages',
    description: 'Messages of people and answers of agents.',
    direction: 'up-is-better',
    aggregation: 'count',
  },
  {
    ...ANSWERS,
    key: 'agents.messages_sent',
    title: 'Answers',
    description: 'Answers of agents, failed ones included.',
    direction: 'neutral',
    aggregation: 'count',
  },
  {
    ...MESSAGES,
    eventTypes: ['message.received'],
    key: 'agents.messages_received',
    title: 'Messages of people',
    description: 'Messages that people sent to agents.',
    direction: 'up-is-better',
    aggregation: 'count',
  },
  {
    ...ANSWERS,
    key: 'agents.errors',
    title: 'Failed answers',
    description: 'Times an agent failed to answer.',
    direction: 'down-is-better',
    filters: [{ field: 'data.success', op: 'eq', value: false }],
    aggregation: 'count',
  },
  {
    kind: 'derived',
    key: 'agents.error_rate',
    title: 'Error rate',
    description: 'Share of answers that failed.',
    unit: '%',
    direction: 'down-is-better',
    expression: 'agents.errors / agents.messages_sent * 100',
  },
  ...statistics(
    { ...ANSWERS, unit: 'ms', direction: 'down-is-better', value: 'data.response_time_ms' },
    'agents.response_time',
    'Response time',
    { value: 'response time', of: 'answers' },
    ['avg', 'max', 'p50', 'p95', 'p99'],
  ),
  {
    ...ANSWERS,
    key: 'agents.input_tokens',
    title: 'Tokens read',
    description: 'Tokens that models read.',
    unit: '{token}',
    direction: 'neutral',
    value: 'data.input_tokens',
    aggregation: 'sum',
  },
  {
    ...ANSWERS,
    key: 'agents.output_tokens',
    title: 'Tokens written',
    description: 'Tokens that models wrote.',
    unit: '{token}',
    direction: 'neutral',
    value: 'data.output_tokens',
    aggregation: 'sum',
  },
  {
    kind: 'derived',
    key: 'agents.tokens',
    title: 'Tokens',
    description: 'Tokens that models read and wrote.',
    unit: '{token}',
    direction: 'neutral',
    expression: 'agents.input_tokens + agents.output_tokens',
  },
  {
    kind: 'derived',
    key: 'agents.tokens_per_answer',
    title: 'Tokens per answer',
    description: 'Tokens that the average answer took.',
    unit: '{token}/{message}',
    direction: 'down-is-better',
    expression: '(agents.input_tokens + agents.output_tokens) / agents.messages_sent',
  },
];

const conversations: readonly MetricDeclaration[] = [
  {
    ...STARTED,
    key: 'agents.conversations',
    title: 'Conversations',
    description: 'Conversations that began.',
    direction: 'up-is-better',
    aggregation: 'count',
  },
  {
    ...ENDED,
    key: 'agents.conversations_ended',
    title: 'Conversations ended',
    description: 'Conversations that came to their end.',
    direction: 'neutral',
    aggregation: 'count',
  },
  {
    ...ENDED,
    key: 'agents.conversations_resolved',
    title: 'Conversations resolved',
    description: 'Ended conversations in which the person got what they came for.',
    direction: 'up-is-better',
    filters: [{ field: 'data.resolved', op: 'eq', value: true }],
    aggregation: 'count',
  },
  {
    ...ENDED,
    key: 'agents.conversations_handed_off',
    title: 'Conversations handed over',
    description: 'Ended conversations in which the agent handed over to a human.',
    direction: 'down-is-better',
    filters: [{ field: 'data.handed_off', op: 'eq', value: true }],
    aggregation: 'count',
  },
  {
    kind: 'derived',
    key: 'agents.resolution_rate',
    title: 'Resolution rate',
    description: 'Share of ended conversations in which the person got what they came for.',
    unit: '%',
    direction: 'up-is-better',
    expression: 'agents.conversations_resolved / agents.conversations_ended * 100',
  },
  {
    kind: 'derived',
    key: 'agents.handoff_rate',
    title: 'Handoff rate',
    description: 'Share of ended conversations that were handed over to a human.',
    unit: '%',
    direction: 'down-is-better',
    expression: 'agents.conversations_handed_off / agents.conversations_ended * 100',
  },
  ...statistics(
    { ...ENDED, unit: '1', direction: 'up-is-better', value: 'data.satisfaction' },
    'agents.satisfaction',
    'Satisfaction',
    { value: 'satisfaction (1 to 5)', of: 'rated conversations' },
    ['avg', 'min', 'p50'],
  ),
  {
    ...ENDED,
    key: 'agents.ratings',
    title: 'Ratings',
    description: 'Ended conversations that were rated.',
    direction: 'up-is-better',
    filters: [{ field: 'data.satisfaction', op: 'exists', value: true }],
    aggregation: 'count',
  },
  {
    kind: 'derived',
    key: 'agents.messages_per_conversation',
    title: 'Messages per conversation',
    description: 'Messages of both sides, divided by the conversations that began.',
    unit: '{message}/{conversation}',
    direction: 'neutral',
    expression: 'agents.messages / agents.conversations',
  },
  ...statistics(
    {
      ...CONVERSATIONS,
      unit: 'min',
      direction: 'neutral',
      value: { since: 'started_at', until: 'ended_at', unit: 'min' },
    },
    'agents.conversation_length',
    'Conversation length',
    { value: 'time from the first event to the end', of: 'ended conversations that began in the range' },
    ['avg', 'max', 'p50', 'p95'],
  ),
  {
    ...CONVERSATIONS,
    key: 'agents.open_conversations',
    title: 'Open conversations',
    description: 'Conversations that began in the range and have not ended.',
    unit: '{conversation}',
    direction: 'neutral',
    filters: [{ field: 'ended_at', op: 'exists', value: false }],
    aggregation: 'count',
  },
];

const participants: readonly MetricDeclaration[] = [
  {
    kind: 'base',
    eventTypes: [...CONVERSATION_EVENTS, ...MESSAGE_EVENTS],
    dimensions: ['agent', 'channel', 'user'],
    key: 'agents.active_agents',
    title: 'Active agents',
    description: 'Distinct agents that talked with anybody.',
    unit: '{agent}',
    direction: 'up-is-better',
    value: 'data.agent',
    aggregation: 'unique',
  },
  {
    kind: 'base',
    eventTypes: [...CONVERSATION_EVENTS, ...MESSAGE_EVENTS],
    dimensions: ['agent', 'channel', 'user'],
    key: 'agents.unique_users',
    title: 'Users',
    description: 'Distinct people who talked with an agent.',
    unit: '{user}',
    direction: 'up-is-better',
    value: 'data.user',
    aggregation: 'unique',
  },
];

export const conversationMetrics: readonly MetricDeclaration[] = [
  ...messages,
  ...conversations,
  ...participants,
];
