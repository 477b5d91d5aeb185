import type { Pack } from '@tidemark/core';
import { supportDashboard } from './dashboard.ts';
import { supportEventTypes } from './event-types.ts';
import { supportImportMappings } from './import-mappings.ts';
import { eventMetrics } from './metrics-events.ts';
import { ticketMetrics } from './metrics-tickets.ts';
import { supportDimensions, supportSubjects } from './subjects.ts';
import { supportViews } from './views.ts';

/** Support tickets: volume, response and resolution time, sentiment, promises kept, distributions of what is now. */
export const support: Pack = {
  key: 'support',
  title: 'Support',
  description:
    'Support tickets: volume, time to response and resolution, sentiment, targets kept, and how tickets are spread now.',
  eventTypes: supportEventTypes,
  dimensions: supportDimensions,
  metrics: [...ticketMetrics, ...eventMetrics],
  subjects: supportSubjects,
  importMappings: supportImportMappings,
  recorders: [],
  views: supportViews,
  dashboard: supportDashboard,
};
