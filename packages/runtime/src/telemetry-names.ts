/**
 * Every counter, gauge and histogram of the product's own working. `tidemark_<service>_<noun>_<unit>[_total]`; labels take their
 * values from bounded sets, never from what users send.
 */
export interface TelemetryDeclaration {
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly unit: string;
  readonly meaning: string;
  readonly labels?: readonly string[];
  /** Upper bounds of a histogram's buckets. */
  readonly buckets?: readonly number[];
}

const REQUEST_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export const TELEMETRY = {
  tidemark_http_request_duration_seconds: {
    kind: 'histogram',
    unit: 'seconds',
    meaning: 'From the first byte of a request to the end of its answer',
    labels: ['method', 'route', 'status'],
    buckets: REQUEST_SECONDS,
  },
  tidemark_auth_failures_total: {
    kind: 'counter',
    unit: 'requests',
    meaning: 'Requests without a valid credential',
    labels: ['reason'],
  },
  tidemark_auth_stale_keys_total: {
    kind: 'counter',
    unit: 'lookups',
    meaning: 'Keys taken on an earlier word of the catalog, which does not answer',
  },
  tidemark_rate_limited_requests_total: {
    kind: 'counter',
    unit: 'requests',
    meaning: 'Requests refused by a rate limit',
    labels: ['policy'],
  },
  tidemark_rate_limit_unavailable_total: {
    kind: 'counter',
    unit: 'requests',
    meaning: 'Requests let through uncounted because the cache did not answer',
  },
  tidemark_ingest_events_accepted_total: {
    kind: 'counter',
    unit: 'events',
    meaning: 'Events made durable in the bus',
  },
  tidemark_ingest_events_rejected_total: {
    kind: 'counter',
    unit: 'events',
    meaning: 'Events refused one by one',
    labels: ['code'],
  },
  tidemark_ingest_requests_refused_total: {
    kind: 'counter',
    unit: 'requests',
    meaning: 'Requests refused as a whole',
    labels: ['code'],
  },
  tidemark_ingest_publish_duration_seconds: {
    kind: 'histogram',
    unit: 'seconds',
    meaning: 'From handing a batch to the bus to its being durable',
    buckets: REQUEST_SECONDS,
  },
  tidemark_ingest_in_flight_bytes: {
    kind: 'gauge',
    unit: 'bytes',
    meaning: 'Bodies held in memory now',
  },
  tidemark_aggregator_events_total: {
    kind: 'counter',
    unit: 'events',
    meaning: 'Records of the bus by what became of them: stored, duplicate or dead',
    labels: ['outcome'],
  },
  tidemark_aggregator_retries_total: {
    kind: 'counter',
    unit: 'steps',
    meaning: 'Steps of the pipeline that failed for a passing reason and were tried again',
    labels: ['step'],
  },
  tidemark_aggregator_buckets_recomputed_total: {
    kind: 'counter',
    unit: 'buckets',
    meaning: 'Rollup buckets made again from raw',
    labels: ['tier'],
  },
  tidemark_aggregator_recompute_duration_seconds: {
    kind: 'histogram',
    unit: 'seconds',
    meaning: 'From claiming buckets to their rollups being durable',
    labels: ['tier'],
    buckets: [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 120],
  },
  tidemark_aggregator_recompute_failures_total: {
    kind: 'counter',
    unit: 'recomputations',
    meaning: 'Recomputations that failed; their buckets stay dirty',
  },
} as const satisfies Readonly<Record<string, TelemetryDeclaration>>;

export type TelemetryName = keyof typeof TELEMETRY;
export type NameOfKind<K extends TelemetryDeclaration['kind']> = {
  [N in TelemetryName]: (typeof TELEMETRY)[N]['kind'] extends K ? N : never;
}[TelemetryName];
