import type { ImportMapping } from '@tidemark/core';

export const llmImportMappings: readonly ImportMapping[] = [
  {
    key: 'llm.azure-trace',
    title: 'Azure LLM inference trace (CSV: TIMESTAMP, ContextTokens, GeneratedTokens)',
    format: 'csv',
    eventType: 'llm.request',
    source: '/import/llm/azure-trace',
    time: { column: 'TIMESTAMP', format: 'rfc3339', assumeUtc: true },
    fields: [
      { field: 'data.prompt_tokens', column: 'ContextTokens', type: 'number' },
      { field: 'data.completion_tokens', column: 'GeneratedTokens', type: 'number' },
    ],
    settable: [
      { field: 'data.service', name: 'service', required: true },
      { field: 'data.provider', name: 'provider', required: false },
      { field: 'data.model', name: 'model', required: false },
      { field: 'data.operation', name: 'operation', required: false },
    ],
  },
];
