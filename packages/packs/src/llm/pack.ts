import type { Pack } from '@tidemark/core';
import { llmDimensions } from './dimensions.ts';
import { llmEventTypes } from './event-types.ts';
import { llmImportMappings } from './import-mappings.ts';
import { behaviorMetrics } from './metrics-behavior.ts';
import { endpointMetrics } from './metrics-endpoint.ts';
import { featureMetrics } from './metrics-feature.ts';
import { requestMetrics } from './metrics-request.ts';
import { llmRecorders } from './recorders.ts';

/** Usage, cost, performance and user behaviour of a product built on language models. */
export const llm: Pack = {
  key: 'llm',
  title: 'Language models',
  description: 'Usage, cost, performance and user behaviour of a product built on language models.',
  eventTypes: llmEventTypes,
  dimensions: llmDimensions,
  metrics: [...requestMetrics, ...featureMetrics, ...endpointMetrics, ...behaviorMetrics],
  importMappings: llmImportMappings,
  recorders: llmRecorders,
  subjects: [],
  views: [],
  dashboard: [],
};
