import type { Pack } from '@tidemark/core';
import { agentsDashboard } from './dashboard.ts';
import { agentsEventTypes } from './event-types.ts';
import { conversationMetrics } from './metrics-conversations.ts';
import { resourceMetrics } from './metrics-resources.ts';
import { agentsDimensions, agentsSubjects } from './subjects.ts';
import { agentsViews } from './views.ts';

/** Agents and their conversations: volume, response time, satisfaction, resources, who comes and who stays away. */
export const agents: Pack = {
  key: 'agents',
  title: 'Agents',
  description:
    'AI agents and their conversations: volume, response time, satisfaction, tokens, storage, cost, and who comes and stays away.',
  eventTypes: agentsEventTypes,
  dimensions: agentsDimensions,
  metrics: [...conversationMetrics, ...resourceMetrics],
  subjects: agentsSubjects,
  importMappings: [],
  recorders: [],
  views: agentsViews,
  dashboard: agentsDashboard,
};
