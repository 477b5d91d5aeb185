import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '@tidemark/core';
import { envInteger, envPort, SHARED_FIELDS } from '@tidemark/runtime';

/** Limits that both profiles share; the embedded profile takes the fallbacks. */
export const PIPELINE_FIELDS = {
  batchRecordsMax: envInteger('TIDEMARK_AGGREGATOR_BATCH_RECORDS_MAX', {
    description: 'Records stored in one insert',
    minimum: 1,
    maximum: 100_000,
    fallback: 20_000,
  }),
  batchWaitMs: envInteger('TIDEMARK_AGGREGATOR_BATCH_WAIT_MS', {
    description: 'How long a batch is collected for',
    minimum: 1,
    maximum: 10_000,
    fallback: 200,
  }),
  unreadableRecordsMax: envInteger('TIDEMARK_AGGREGATOR_UNREADABLE_RECORDS_MAX', {
    description: 'Records of one batch that may all be unreadable; more stop the partition',
    minimum: 0,
    maximum: 100_000,
    fallback: 100,
  }),
  dedupeWindowMs: envInteger('TIDEMARK_AGGREGATOR_DEDUPE_WINDOW_MS', {
    description: 'How long after its arrival a copy of an event is recognised',
    minimum: HOUR_MS,
    maximum: 30 * DAY_MS,
    fallback: DAY_MS,
  }),
  dedupeBlocksMax: envInteger('TIDEMARK_AGGREGATOR_DEDUPE_BLOCKS_MAX', {
    description: 'Millions of identities remembered per partition, 1.5 MiB each',
    minimum: 1,
    maximum: 1_000,
    fallback: 64,
  }),
  auditIntervalMs: envInteger('TIDEMARK_AGGREGATOR_AUDIT_INTERVAL_MS', {
    description: 'How often the books are compared with raw and with ingest',
    minimum: SECOND_MS,
    maximum: HOUR_MS,
    fallback: MINUTE_MS,
  }),
} as const;

export const AGGREGATOR_FIELDS = {
  logLevel: SHARED_FIELDS.logLevel,
  kafkaBrokers: SHARED_FIELDS.kafkaBrokers,
  eventsPartitions: SHARED_FIELDS.eventsPartitions,
  postgresUrl: SHARED_FIELDS.postgresUrl,
  clickhouseUrl: SHARED_FIELDS.clickhouseUrl,
  allowedLatenessMs: SHARED_FIELDS.allowedLatenessMs,
  port: envPort('TIDEMARK_AGGREGATOR_PORT', {
    description: 'Port of /livez, /readyz and /metrics',
    fallback: 8082,
  }),
  ...PIPELINE_FIELDS,
} as const;
