import type { Pack } from '@tidemark/core';
import { llmDashboard } from './dashboard.ts';
import { llmDimensions } from './dimensions.ts';
import { llmEventTypes } from './event-types.ts';
import { llmImportMappings } from './import-mappings.ts';
import { behaviorMetrics } from './metrics-behavior.ts';
import { endpointMetrics } from './metrics-endpoint.ts';
import { featureMetrics } from './metrics-feature.ts';
import { requestMetrics } from './metrics-request.ts';
import { sessionMetrics } from './metrics-session.ts';
import { llmRecorders } from './recorders.ts';
import { llmSubjects } from './subjects.ts';
import { aggregatedViews, timeSeriesViews } from './views-series.ts';
import { dashboardViews } from './views-dashboard.ts';

/** Usage, cost, performance and user behaviour of a product built on language models. */
export const llm: Pack = {
  key: 'llm',
  title: 'Language models',
  description: 'Usage, cost, performance and user behaviour of a product built on language models.',
  eventTypes: llmEventTypes,
  dimensions: llmDimensions,
  metrics: [...requestMetrics, ...featureMetrics, ...endpointMetrics, ...behaviorMetrics, ...sessionMetrics],
  importMappings: llmImportMappings,
  recorders: llmRecorders,
  subjects: llmSubjects,
  views: [...dashboardViews, ...aggregatedViews, ...timeSeriesViews],
  dashboard: llmDashboard,
};
