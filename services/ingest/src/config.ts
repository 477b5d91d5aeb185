import { DEFAULT_EVENT_LIMITS, type EventLimits } from '@tidemark/contracts';
import { envInteger, envPort, SHARED_FIELDS, type ConfigValues } from '@tidemark/runtime';
import { DEFAULT_BACKPRESSURE_LIMITS, type BackpressureLimits } from './app/backpressure.ts';
import { DEFAULT_OVERLOAD_LIMITS, type OverloadLimits } from './app/overload-gate.ts';
import { DEFAULT_LETTER_LIMITS, type LetterLimits } from './app/reject-letters.ts';
import { DEFAULT_WATCH_LIMITS, type WatchLimits } from './app/stored-watch.ts';
import type { IngestRateLimits } from './dependencies.ts';

const MIB = 1024 * 1024;

/** Limits that both profiles share; the embedded profile takes the fallbacks. */
export const INGEST_LIMIT_FIELDS = {
  bodyBytesMax: envInteger('TIDEMARK_INGEST_BODY_BYTES_MAX', {
    description: 'Bytes of a body after inflation',
    minimum: 1024,
    maximum: 256 * MIB,
    fallback: DEFAULT_EVENT_LIMITS.bodyBytesMax,
  }),
  compressedBodyBytesMax: envInteger('TIDEMARK_INGEST_COMPRESSED_BODY_BYTES_MAX', {
    description: 'Bytes of a compressed body as it travels',
    minimum: 1024,
    maximum: 256 * MIB,
    fallback: DEFAULT_EVENT_LIMITS.compressedBodyBytesMax,
  }),
  eventBytesMax: envInteger('TIDEMARK_INGEST_EVENT_BYTES_MAX', {
    description: 'Bytes of one event; the bus must take records as large, and dead letters of them',
    minimum: 1024,
    maximum: MIB / 2,
    fallback: DEFAULT_EVENT_LIMITS.eventBytesMax,
  }),
  batchEventsMax: envInteger('TIDEMARK_INGEST_BATCH_EVENTS_MAX', {
    description: 'Events in one request',
    minimum: 1,
    maximum: 100_000,
    fallback: DEFAULT_EVENT_LIMITS.batchEventsMax,
  }),
  inFlightBytesMax: envInteger('TIDEMARK_INGEST_IN_FLIGHT_BYTES_MAX', {
    description: 'Bytes of bodies held in memory at once; memory of about five times as much is needed',
    minimum: MIB,
    maximum: 4096 * MIB,
    fallback: DEFAULT_OVERLOAD_LIMITS.inFlightBytesMax,
  }),
  inFlightRequestsMax: envInteger('TIDEMARK_INGEST_IN_FLIGHT_REQUESTS_MAX', {
    description: 'Requests under way at once',
    minimum: 1,
    maximum: 100_000,
    fallback: DEFAULT_OVERLOAD_LIMITS.inFlightRequestsMax,
  }),
  requestsPerKeyMax: envInteger('TIDEMARK_INGEST_REQUESTS_PER_KEY_MAX', {
    description: 'Requests of one key in a window',
    minimum: 1,
    maximum: 100_000_000,
    fallback: 100_000,
  }),
  eventsPerKeyMax: envInteger('TIDEMARK_INGEST_EVENTS_PER_KEY_MAX', {
    description: 'Events of one key in a window; at least a full batch',
    minimum: 1,
    maximum: 1_000_000_000,
    fallback: 2_000_000,
  }),
  rateWindowSeconds: envInteger('TIDEMARK_INGEST_RATE_WINDOW_SECONDS', {
    description: 'Length of the window of rate limits',
    minimum: 1,
    maximum: 3_600,
    fallback: 10,
  }),
  backlogRecordsMax: envInteger('TIDEMARK_INGEST_BACKLOG_RECORDS_MAX', {
    description: 'Events in the bus and not stored yet, beyond which nothing is taken',
    minimum: 1,
    maximum: Number.MAX_SAFE_INTEGER,
    fallback: DEFAULT_BACKPRESSURE_LIMITS.backlogRecordsMax,
  }),
  fairBacklogMs: envInteger('TIDEMARK_INGEST_FAIR_BACKLOG_MS', {
    description: 'Time to store the backlog, beyond which organizations are held to fair shares',
    minimum: 1_000,
    maximum: 86_400_000,
    fallback: DEFAULT_BACKPRESSURE_LIMITS.fairBacklogMs,
  }),
} as const;

export const INGEST_FIELDS = {
  logLevel: SHARED_FIELDS.logLevel,
  kafkaBrokers: SHARED_FIELDS.kafkaBrokers,
  eventsPartitions: SHARED_FIELDS.eventsPartitions,
  postgresUrl: SHARED_FIELDS.postgresUrl,
  redisUrl: SHARED_FIELDS.redisUrl,
  jwtIssuers: SHARED_FIELDS.jwtIssuers,
  port: envPort('TIDEMARK_INGEST_PORT', { description: 'Port of the HTTP doors', fallback: 8081 }),
  ...INGEST_LIMIT_FIELDS,
} as const;

export interface IngestLimits {
  readonly limits: EventLimits;
  readonly overload: OverloadLimits;
  readonly rateLimits: IngestRateLimits;
  readonly backpressure: BackpressureLimits;
  readonly letters: LetterLimits;
  readonly watch: WatchLimits;
}

export function toIngestLimits(config: ConfigValues<typeof INGEST_LIMIT_FIELDS>): IngestLimits {
  const { bodyBytesMax, compressedBodyBytesMax, eventBytesMax, batchEventsMax } = config;
  const windowSeconds = config.rateWindowSeconds;
  return {
    limits: { ...DEFAULT_EVENT_LIMITS, bodyBytesMax, compressedBodyBytesMax, eventBytesMax, batchEventsMax },
    overload: { inFlightBytesMax: config.inFlightBytesMax, inFlightRequestsMax: config.inFlightRequestsMax },
    rateLimits: {
      requests: { name: 'requests', quota: config.requestsPerKeyMax, windowSeconds },
      events: { name: 'events', quota: config.eventsPerKeyMax, windowSeconds },
    },
    backpressure: { backlogRecordsMax: config.backlogRecordsMax, fairBacklogMs: config.fairBacklogMs },
    letters: DEFAULT_LETTER_LIMITS,
    watch: DEFAULT_WATCH_LIMITS,
  };
}
