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
    meaning: 'Requests without a valid credential, or with a token that grants nothing, by the reason',
    labels: ['reason'],
  },
  tidemark_auth_key_set_failures_total: {
    kind: 'counter',
    unit: 'attempts',
    meaning:
      'Attempts to get the public keys of an issuer of tokens that failed; keys known before are taken',
    labels: ['issuer'],
  },
  tidemark_auth_stale_keys_total: {
    kind: 'counter',
    unit: 'lookups',
    meaning: 'Keys and memberships taken on an earlier word of the catalog, which does not answer',
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
  tidemark_ingest_letters_published_total: {
    kind: 'counter',
    unit: 'letters',
    meaning: 'Refused items made durable as dead letters',
  },
  tidemark_ingest_letters_skipped_total: {
    kind: 'counter',
    unit: 'letters',
    meaning: 'Refused items beyond the limit of dead letters of a request or an organization; not kept',
  },
  tidemark_ingest_waiting_requests: {
    kind: 'gauge',
    unit: 'requests',
    meaning: 'Requests that wait, or will as soon as their events are durable, for these to be stored',
  },
  tidemark_ingest_waits_total: {
    kind: 'counter',
    unit: 'requests',
    meaning: 'Waits for events to be stored by how they ended: reached or given-up',
    labels: ['outcome'],
  },
  tidemark_ingest_catalog_failures_total: {
    kind: 'counter',
    unit: 'attempts',
    meaning: 'Attempts of a task in the background that failed and are repeated: waits, receipts or backlog',
    labels: ['task'],
  },
  tidemark_ingest_backlog_records: {
    kind: 'gauge',
    unit: 'records',
    meaning: 'Events of all instances in the bus and not stored yet',
  },
  tidemark_ingest_unknown_partitions: {
    kind: 'gauge',
    unit: 'partitions',
    meaning:
      'Partitions whose progress is beyond the end of the log, which was made anew: all of it counts as backlog',
  },
  tidemark_ingest_backlog_drain_seconds: {
    kind: 'gauge',
    unit: 'seconds',
    meaning:
      'What the backlog takes to be stored at the rate of the last seconds; +Inf while nothing is stored',
  },
  tidemark_ingest_limited_organizations: {
    kind: 'gauge',
    unit: 'organizations',
    meaning: 'Organizations held to their fair share now',
  },
  tidemark_ingest_backpressure_refusals_total: {
    kind: 'counter',
    unit: 'requests',
    meaning: 'Requests refused because of the backlog, of a fair share or of the number of waits',
    labels: ['reason'],
  },
  tidemark_gateway_answers_total: {
    kind: 'counter',
    unit: 'answers',
    meaning: 'Answers by where they came from: cache, engine, joined (to one under way) or bypass',
    labels: ['source'],
  },
  tidemark_gateway_answer_kept_bytes_total: {
    kind: 'counter',
    unit: 'bytes',
    meaning: 'Answers put into the cache',
  },
  tidemark_gateway_answers_unkept_total: {
    kind: 'counter',
    unit: 'answers',
    meaning: 'Answers too large to be kept',
  },
  tidemark_gateway_answer_cache_failures_total: {
    kind: 'counter',
    unit: 'operations',
    meaning: 'Times the cache did not answer, or held something else: get, set or foreign',
    labels: ['operation'],
  },
  tidemark_gateway_answer_refreshes_total: {
    kind: 'counter',
    unit: 'refreshes',
    meaning: 'Hot answers computed ahead of being asked for: done, failed or dropped',
    labels: ['outcome'],
  },
  tidemark_gateway_flush_lag_records: {
    kind: 'gauge',
    unit: 'records',
    meaning: 'Flushes in the bus that this process has not taken in yet',
  },
  tidemark_gateway_flush_partitions_unknown: {
    kind: 'gauge',
    unit: 'partitions',
    meaning:
      'Partitions of the flushes that are not read up to date: answers of their organizations are not kept',
  },
  tidemark_gateway_flush_feed_failures_total: {
    kind: 'counter',
    unit: 'attempts',
    meaning: 'Attempts to read the flushes that failed and are repeated',
  },
  tidemark_gateway_live_connections: {
    kind: 'gauge',
    unit: 'connections',
    meaning: 'WebSockets and event streams of the live feed that are open',
  },
  tidemark_gateway_live_subscriptions: {
    kind: 'gauge',
    unit: 'subscriptions',
    meaning: 'Subscriptions of all open connections of the live feed',
  },
  tidemark_gateway_live_questions: {
    kind: 'gauge',
    unit: 'questions',
    meaning: 'Distinct questions held for the live feed: each is asked once for all who follow it',
  },
  tidemark_gateway_live_answers_total: {
    kind: 'counter',
    unit: 'answers',
    meaning: 'Times a question of the live feed was asked: changed, same or failed',
    labels: ['outcome'],
  },
  tidemark_gateway_live_messages_total: {
    kind: 'counter',
    unit: 'messages',
    meaning: 'Messages handed to connections of the live feed, by their type',
    labels: ['type'],
  },
  tidemark_gateway_live_coalesced_total: {
    kind: 'counter',
    unit: 'updates',
    meaning: 'Updates that were never sent because a newer answer was sent in their place',
  },
  tidemark_gateway_live_closes_total: {
    kind: 'counter',
    unit: 'connections',
    meaning:
      'Connections of the live feed that the gateway ended, by close code; lost: no heartbeat came back',
    labels: ['code'],
  },
  tidemark_gateway_live_update_seconds: {
    kind: 'histogram',
    unit: 'seconds',
    meaning: 'From taking in a flush to handing its update to the last connection that can take it',
    buckets: REQUEST_SECONDS,
  },
  tidemark_aggregator_events_total: {
    kind: 'counter',
    unit: 'events',
    meaning: 'Records of the bus by what became of them: stored, duplicate or dead',
    labels: ['outcome'],
  },
  tidemark_aggregator_conflicts_total: {
    kind: 'counter',
    unit: 'events',
    meaning: 'Duplicates that say something else than the event that is kept',
  },
  tidemark_aggregator_step_duration_seconds: {
    kind: 'histogram',
    unit: 'seconds',
    meaning: 'Steps of the pipeline of one partition, until they succeed; hold is a part of insert',
    labels: ['step'],
    buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30],
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
  tidemark_aggregator_letters_kept_total: {
    kind: 'counter',
    unit: 'letters',
    meaning: 'Dead letters brought from the bus into the store; those read again are counted again',
  },
  tidemark_ledger_raw_residue_events: {
    kind: 'gauge',
    unit: 'events',
    meaning: 'Events by which the books and raw disagree, in either direction; 0 unless something is wrong',
  },
  tidemark_ledger_residue_events: {
    kind: 'gauge',
    unit: 'events',
    meaning: 'Events acknowledged within eight days that are nowhere; 0 unless something is wrong',
  },
  tidemark_ledger_skipped_offsets: {
    kind: 'gauge',
    unit: 'records',
    meaning: 'Records that the log had dropped before they were read, ever; 0 unless something went wrong',
  },
  tidemark_audit_duplicate_events: {
    kind: 'gauge',
    unit: 'events',
    meaning: 'Events that raw holds once too often, as far as the auditor sees; 0 unless something is wrong',
  },
  tidemark_audit_missing_letters: {
    kind: 'gauge',
    unit: 'letters',
    meaning:
      'Records that the books call dead and whose letters the store lacks; 0 unless something is wrong',
  },
  tidemark_audit_rollup_differences_total: {
    kind: 'counter',
    unit: 'rows',
    meaning: 'Rollup rows that did not equal raw; their buckets were made again',
    labels: ['tier'],
  },
  tidemark_audit_buckets_checked_total: {
    kind: 'counter',
    unit: 'buckets',
    meaning: 'Rollup buckets compared with raw',
    labels: ['tier'],
  },
  tidemark_audit_checks_total: {
    kind: 'counter',
    unit: 'checks',
    meaning: 'Checks of the auditor by whether they could be made: done or failed',
    labels: ['check', 'outcome'],
  },
} as const satisfies Readonly<Record<string, TelemetryDeclaration>>;

export type TelemetryName = keyof typeof TELEMETRY;
export type NameOfKind<K extends TelemetryDeclaration['kind']> = {
  [N in TelemetryName]: (typeof TELEMETRY)[N]['kind'] extends K ? N : never;
}[TelemetryName];
