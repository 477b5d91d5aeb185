import { DEFAULT_EVENT_LIMITS } from '@tidemark/contracts';
import { envInteger, envPort, envText, SHARED_FIELDS } from '@tidemark/runtime';

/** Limits that both profiles share; the embedded profile takes the fallbacks. */
export const READER_FIELDS = {
  bootstrapKey: SHARED_FIELDS.bootstrapKey,
  allowedLatenessMs: SHARED_FIELDS.allowedLatenessMs,
  jwtIssuers: SHARED_FIELDS.jwtIssuers,
  requestsMax: envInteger('TIDEMARK_GATEWAY_REQUESTS_MAX', {
    description: 'Requests of one key in ten seconds',
    minimum: 1,
    maximum: 1_000_000,
    fallback: 2_000,
  }),
  organizationRequestsMax: envInteger('TIDEMARK_GATEWAY_ORGANIZATION_REQUESTS_MAX', {
    description: 'Requests in ten seconds of one organization that is granted nothing else',
    minimum: 1,
    maximum: 10_000_000,
    fallback: 20_000,
  }),
  operatorOrganization: envText('TIDEMARK_GATEWAY_OPERATOR_ORGANIZATION', {
    description:
      'The organization whose administrators administer all others and see dead letters that do not say whose they are',
    pattern: '^[a-z0-9][a-z0-9-]{0,62}$',
    fallback: 'default',
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
  // Ingest's own: a replayed event may be as large as one that is sent, and no larger.
  eventBytesMax: envInteger('TIDEMARK_INGEST_EVENT_BYTES_MAX', {
    description: 'Bytes of one event; the bus must take records as large, and dead letters of them',
    minimum: 1024,
    maximum: 512 * 1024,
    fallback: DEFAULT_EVENT_LIMITS.eventBytesMax,
  }),
  ...READER_FIELDS,
} as const;
