export { createQueryEngine, type QueryEngine, type QueryEngineOptions } from './engine.ts';
export { DEFAULT_STATEMENT_LIMITS, type StatementLimits } from './limits.ts';
export type { QueryPipeline } from './pipeline.ts';
