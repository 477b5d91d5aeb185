import type { Pack } from '@tidemark/core';
import { messagingDashboard } from './dashboard.ts';
import { messagingEventTypes } from './event-types.ts';
import { messagingImportMappings } from './import-mappings.ts';
import { hostMetrics } from './metrics-hosts.ts';
import { messageMetrics } from './metrics-messages.ts';
import { stateMetrics } from './metrics-states.ts';
import { messagingDimensions, messagingSubjects } from './subjects.ts';
import { messagingViews } from './views.ts';

/** Bulk messaging: throughput, delivery, campaigns, accounts, routes, hosts, capacity. */
export const messaging: Pack = {
  key: 'messaging',
  title: 'Messaging',
  description: 'Bulk messaging: throughput, delivery, campaigns, accounts and their limits, routes, hosts.',
  eventTypes: messagingEventTypes,
  dimensions: messagingDimensions,
  metrics: [...messageMetrics, ...stateMetrics, ...hostMetrics],
  subjects: messagingSubjects,
  importMappings: messagingImportMappings,
  recorders: [],
  views: messagingViews,
  dashboard: messagingDashboard,
};
