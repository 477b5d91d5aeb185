import type { ViewDeclaration } from '@tidemark/core';
import { COMPARE, equal, FILTERS, granularity, limit, only, range, TIME_ZONE } from '../view-parts.ts';

const NULLS =
  'Rates, averages and percentiles are null where nothing happened; a change is null without a base.';

const AGENT_FIGURES = [
  'agents.messages',
  'agents.conversations',
  'agents.unique_users',
  'agents.response_time_avg',
  'agents.response_time_p50',
  'agents.response_time_p95',
  'agents.error_rate',
  'agents.satisfaction_avg',
  'agents.ratings',
  'agents.messages_per_conversation',
  'agents.conversation_length_avg',
  'agents.resolution_rate',
  'agents.handoff_rate',
  'agents.tokens',
];

const TOP_METRICS = [
  'agents.messages',
  'agents.conversations',
  'agents.unique_users',
  'agents.response_time_avg',
  'agents.error_rate',
  'agents.satisfaction_avg',
  'agents.resolution_rate',
  'agents.handoff_rate',
  'agents.tokens',
];

const CHANNEL = only('channel', 'what happened on this channel');

const overview: ViewDeclaration = {
  key: 'agents.overview',
  title: 'Agents at a glance',
  description: `Volume, quality and cost against the time before, over time, and the agents that do most. Estimated cost is for admins. ${NULLS}`,
  path: 'overview',
  methods: ['GET'],
  parameters: [...range('now-7d'), granularity('day'), limit(5, 'agents'), TIME_ZONE],
  sections: [
    {
      kind: 'figures',
      key: 'totals',
      title: 'Whole range',
      query: {
        metrics: [
          'agents.messages',
          'agents.conversations',
          'agents.active_agents',
          'agents.unique_users',
          'agents.response_time_avg',
          'agents.response_time_p95',
          'agents.error_rate',
          'agents.satisfaction_avg',
          'agents.resolution_rate',
          'agents.handoff_rate',
          'agents.tokens',
          'agents.api_calls',
          'agents.workflow_runs',
          'agents.new_users',
        ],
        compare: 'previous_period',
      },
    },
    {
      kind: 'figures',
      key: 'cost',
      title: 'Cost',
      role: 'admin',
      query: {
        metrics: [
          'agents.cost',
          'agents.estimated_cost',
          'agents.estimated_token_cost',
          'agents.estimated_api_cost',
        ],
        compare: 'previous_period',
      },
    },
    {
      kind: 'figures',
      key: 'churn',
      title: 'Gone for a month',
      description: 'People last seen between 60 and 30 days ago, whatever the range.',
      query: { metrics: ['agents.users_last_seen'], from: 'now-60d', to: 'now-30d' },
    },
    {
      kind: 'series',
      key: 'volume',
      title: 'Messages and conversations',
      query: {
        metrics: ['agents.messages', 'agents.conversations'],
        granularity: '{granularity}',
        fill: 'zero',
      },
    },
    {
      kind: 'series',
      key: 'quality',
      title: 'Response time, errors and satisfaction',
      query: {
        metrics: ['agents.response_time_p95', 'agents.error_rate', 'agents.satisfaction_avg'],
        granularity: '{granularity}',
        fill: 'null',
      },
    },
    {
      kind: 'table',
      key: 'top_agents',
      title: 'Agents that do most',
      query: {
        metrics: TOP_METRICS,
        groupBy: ['agent'],
        orderBy: { metric: 'agents.messages', direction: 'desc' },
        limit: '{limit}',
        compare: 'previous_period',
      },
    },
  ],
};

const OF_AGENT = [{ dimension: 'agent', op: 'eq', value: '{id}' }] as const;

const agent: ViewDeclaration = {
  key: 'agents.agent',
  title: 'One agent',
  description: `What the agent is, its totals against the time before, its last seven days, and by model and channel. The subject is null when no event names the agent. ${NULLS}`,
  path: 'agents/{id}',
  methods: ['GET'],
  parameters: [
    { name: 'id', type: 'string', description: 'The agent, as in `data.agent`.' },
    ...range('now-30d'),
    TIME_ZONE,
  ],
  sections: [
    { kind: 'subject', key: 'agent', title: 'Agent', subject: 'agents.agent', id: '{id}' },
    {
      kind: 'figures',
      key: 'totals',
      title: 'Whole range',
      query: { metrics: AGENT_FIGURES, filters: OF_AGENT, compare: 'previous_period' },
    },
    {
      kind: 'series',
      key: 'trends',
      title: 'Last seven days',
      query: {
        metrics: [
          'agents.messages',
          'agents.conversations',
          'agents.response_time_avg',
          'agents.error_rate',
          'agents.satisfaction_avg',
          'agents.resolution_rate',
          'agents.handoff_rate',
        ],
        from: 'now-6d/d',
        to: 'now',
        granularity: 'day',
        filters: OF_AGENT,
        fill: 'null',
      },
    },
    {
      kind: 'trend',
      key: 'message_trend',
      title: 'Trend of messages, last seven days',
      query: {
        metrics: ['agents.messages'],
        from: 'now-6d/d',
        to: 'now',
        granularity: 'day',
        filters: OF_AGENT,
        fill: 'zero',
      },
    },
    {
      kind: 'table',
      key: 'by_model',
      title: 'By model',
      query: {
        metrics: ['agents.messages_sent', 'agents.response_time_avg', 'agents.error_rate', 'agents.tokens'],
        filters: OF_AGENT,
        groupBy: ['model'],
        limit: 10,
      },
    },
    {
      kind: 'table',
      key: 'by_channel',
      title: 'By channel',
      query: {
        metrics: ['agents.messages', 'agents.conversations', 'agents.satisfaction_avg'],
        filters: OF_AGENT,
        groupBy: ['channel'],
        limit: 10,
      },
    },
    {
      kind: 'distribution',
      key: 'satisfaction',
      title: 'Ratings',
      query: { metric: 'agents.satisfaction_avg', bounds: [1, 2, 3, 4, 5], filters: OF_AGENT },
    },
  ],
};

const usage: ViewDeclaration = {
  key: 'agents.usage',
  title: 'Resources used',
  description: `Tokens, storage and API calls, over time and by agent, with what they cost by resource (for admins; estimates at the list prices that each metric tells). Storage is all that is kept now, whatever the range. ${NULLS}`,
  path: 'usage',
  methods: ['GET'],
  parameters: [
    ...range('now-30d'),
    granularity('day'),
    limit(10, 'agents'),
    only('agent', 'what this agent used'),
    TIME_ZONE,
  ],
  sections: [
    {
      kind: 'figures',
      key: 'totals',
      title: 'Whole range',
      query: {
        metrics: [
          'agents.tokens',
          'agents.input_tokens',
          'agents.output_tokens',
          'agents.tokens_per_answer',
          'agents.api_calls',
          'agents.searches',
          'agents.workflow_runs',
          'agents.documents_uploaded',
          'agents.uploaded_bytes',
        ],
        filters: [equal('agent')],
        compare: 'previous_period',
      },
    },
    {
      kind: 'figures',
      key: 'storage',
      title: 'Kept now',
      query: {
        metrics: ['agents.storage', 'agents.documents'],
        from: '2000-01-01',
        to: 'now',
        filters: [equal('agent')],
      },
    },
    {
      kind: 'figures',
      key: 'cost',
      title: 'Cost by resource',
      role: 'admin',
      query: {
        metrics: [
          'agents.cost',
          'agents.estimated_cost',
          'agents.estimated_token_cost',
          'agents.estimated_api_cost',
        ],
        filters: [equal('agent')],
        compare: 'previous_period',
      },
    },
    {
      kind: 'figures',
      key: 'storage_cost',
      title: 'Cost of a month of what is kept',
      role: 'admin',
      query: {
        metrics: ['agents.estimated_storage_cost'],
        from: '2000-01-01',
        to: 'now',
        filters: [equal('agent')],
      },
    },
    {
      kind: 'series',
      key: 'series',
      title: 'Over time',
      query: {
        metrics: ['agents.input_tokens', 'agents.output_tokens', 'agents.api_calls'],
        granularity: '{granularity}',
        filters: [equal('agent')],
        fill: 'zero',
      },
    },
    {
      kind: 'table',
      key: 'by_agent',
      title: 'By agent',
      query: {
        metrics: ['agents.api_calls', 'agents.tokens', 'agents.input_tokens', 'agents.output_tokens'],
        groupBy: ['agent'],
        filters: [equal('agent')],
        orderBy: { metric: 'agents.api_calls', direction: 'desc' },
        limit: '{limit}',
      },
    },
  ],
};

const CONVERSATIONS_NARROWED = [equal('agent'), equal('channel')];

const conversations: ViewDeclaration = {
  key: 'agents.conversations',
  title: 'Conversations',
  description: `How many, how long, how they ended and how content people were; the list of conversations is for admins. Lengths are of conversations that have ended. ${NULLS}`,
  path: 'conversations',
  methods: ['GET'],
  parameters: [
    ...range('now-30d'),
    granularity('day'),
    limit(20, 'conversations'),
    only('agent', 'conversations with this agent'),
    CHANNEL,
    TIME_ZONE,
    FILTERS,
  ],
  sections: [
    {
      kind: 'figures',
      key: 'totals',
      title: 'Whole range',
      query: {
        metrics: [
          'agents.conversations',
          'agents.conversations_ended',
          'agents.open_conversations',
          'agents.messages_per_conversation',
          'agents.conversation_length_avg',
          'agents.conversation_length_p50',
          'agents.conversation_length_p95',
          'agents.resolution_rate',
          'agents.handoff_rate',
          'agents.satisfaction_avg',
          'agents.ratings',
        ],
        filters: CONVERSATIONS_NARROWED,
        compare: 'previous_period',
      },
    },
    {
      kind: 'series',
      key: 'volume',
      title: 'Begun and ended',
      query: {
        metrics: ['agents.conversations', 'agents.conversations_ended'],
        granularity: '{granularity}',
        filters: CONVERSATIONS_NARROWED,
        fill: 'zero',
      },
    },
    {
      kind: 'series',
      key: 'quality',
      title: 'How they ended',
      query: {
        metrics: ['agents.resolution_rate', 'agents.handoff_rate', 'agents.satisfaction_avg'],
        granularity: '{granularity}',
        filters: CONVERSATIONS_NARROWED,
        fill: 'null',
      },
    },
    {
      kind: 'table',
      key: 'by_channel',
      title: 'By channel',
      query: {
        metrics: [
          'agents.conversations',
          'agents.resolution_rate',
          'agents.handoff_rate',
          'agents.satisfaction_avg',
        ],
        groupBy: ['channel'],
        filters: CONVERSATIONS_NARROWED,
        orderBy: { metric: 'agents.conversations', direction: 'desc' },
        limit: 10,
      },
    },
    {
      kind: 'distribution',
      key: 'length',
      title: 'How long they lasted, in minutes',
      query: {
        metric: 'agents.conversation_length_avg',
        bounds: [1, 2, 5, 10, 20, 30, 60, 120],
        filters: CONVERSATIONS_NARROWED,
      },
    },
    {
      kind: 'distribution',
      key: 'satisfaction',
      title: 'Ratings',
      query: {
        metric: 'agents.satisfaction_avg',
        bounds: [1, 2, 3, 4, 5],
        filters: CONVERSATIONS_NARROWED,
      },
    },
    {
      kind: 'subjects',
      key: 'newest',
      title: 'Conversations touched last',
      role: 'admin',
      subject: 'agents.conversation',
      limit: '{limit}',
    },
  ],
};

const topAgents: ViewDeclaration = {
  key: 'agents.top_agents',
  title: 'Top agents',
  description: `Agents ranked by one metric, with what else matters about each and its change. ${NULLS}`,
  path: 'top-agents',
  methods: ['GET'],
  parameters: [
    {
      name: 'by',
      type: 'string',
      enum: TOP_METRICS.map((key) => key.slice('agents.'.length)),
      description: 'By which metric they are ranked.',
      default: 'messages',
    },
    {
      name: 'direction',
      type: 'string',
      enum: ['desc', 'asc'],
      description: 'The greatest first, or the least.',
      default: 'desc',
    },
    ...range('now-30d'),
    limit(10, 'agents'),
    COMPARE,
    TIME_ZONE,
  ],
  sections: [
    {
      kind: 'table',
      key: 'agents',
      title: 'Agents',
      query: {
        metrics: TOP_METRICS,
        groupBy: ['agent'],
        orderBy: { metric: 'agents.{by}', direction: '{direction}' },
        limit: '{limit}',
        compare: '{compare}',
      },
    },
  ],
};

export const agentsViews: readonly ViewDeclaration[] = [overview, agent, usage, conversations, topAgents];
