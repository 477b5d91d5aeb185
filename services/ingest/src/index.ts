export { INGEST_FIELDS, INGEST_LIMIT_FIELDS, toIngestLimits, type IngestLimits } from './config.ts';
export type { IngestDependencies, IngestRateLimits } from './dependencies.ts';
export { ingestRoutes } from './plugin.ts';
