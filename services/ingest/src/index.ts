export { INGEST_FIELDS, INGEST_LIMIT_FIELDS, toIngestLimits, type IngestLimits } from './config.ts';
export { ingestRoutes, type IngestDependencies, type IngestRateLimits } from './plugin.ts';
