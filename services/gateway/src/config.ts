import { envInteger, envPort, SHARED_FIELDS } from '@tidemark/runtime';

/** Limits that both profiles share; the embedded profile takes the fallbacks. */
export const READER_FIELDS = {
  bootstrapKey: SHARED_FIELDS.bootstrapKey,
  allowedLatenessMs: SHARED_FIELDS.allowedLatenessMs,
  requestsMax: envInteger('TIDEMARK_GATEWAY_REQUESTS_MAX', {
    description: 'Requests of one key in ten seconds',
    minimum: 1,
    maximum: 1_000_000,
    fallback: 2_000,
  }),
} as const;

export const GATEWAY_FIELDS = {
  logLevel: SHARED_FIELDS.logLevel,
  kafkaBrokers: SHARED_FIELDS.kafkaBrokers,
  eventsPartitions: SHARED_FIELDS.eventsPartitions,
  postgresUrl: SHARED_FIELDS.postgresUrl,
  clickhouseUrl: SHARED_FIELDS.clickhouseUrl,
  redisUrl: SHARED_FIELDS.redisUrl,
  port: envPort('TIDEMARK_GATEWAY_PORT', { description: 'Port of the query API', fallback: 8080 }),
  ...READER_FIELDS,
} as const;
