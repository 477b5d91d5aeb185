import type { Migration } from './migration.ts';

/**
 * Instants are `bigint` milliseconds since the epoch (columns `..._at_ms`, `..._ms`): what the domain computes with, free of
 * session time zones, and exact to far beyond the years an event may carry.
 *
 * `pipeline_versions` numbers marks and claims alike, so "this rollup was made after that mark" is one comparison.
 */
export const initial: Migration = {
  number: 1,
  name: 'initial',
  statements: [
    `CREATE TABLE organizations (
      id text PRIMARY KEY,
      name text NOT NULL,
      created_at_ms bigint NOT NULL
    )`,
    `CREATE TABLE api_keys (
      public_id text PRIMARY KEY,
      organization text NOT NULL REFERENCES organizations (id),
      secret_hash text NOT NULL,
      name text NOT NULL,
      role text NOT NULL CHECK (role IN ('producer', 'viewer', 'admin')),
      created_at_ms bigint NOT NULL,
      expires_at_ms bigint,
      revoked_at_ms bigint
    )`,
    'CREATE INDEX api_keys_by_organization ON api_keys (organization, created_at_ms)',
    `CREATE TABLE pipeline_progress (
      topic text NOT NULL,
      partition integer NOT NULL,
      next_offset bigint NOT NULL,
      arrived_through_ms bigint NOT NULL,
      PRIMARY KEY (topic, partition)
    )`,
    'CREATE SEQUENCE pipeline_versions AS bigint',
    // not_before_ms: null when the mark was due at its last claim (so a worker that died leaves it due).
    // lease_until_ms: 0 when free. The fill factor leaves room for in-page updates: leases and repeated marks.
    `CREATE TABLE pipeline_dirty_buckets (
      organization text NOT NULL,
      tier_width_ms bigint NOT NULL,
      bucket_start_ms bigint NOT NULL,
      mark bigint NOT NULL,
      waiting_since_ms bigint NOT NULL,
      not_before_ms bigint,
      lease_until_ms bigint NOT NULL DEFAULT 0,
      claim_version bigint,
      PRIMARY KEY (organization, tier_width_ms, bucket_start_ms)
    ) WITH (fillfactor = 70)`,
    `CREATE INDEX pipeline_dirty_buckets_by_turn
      ON pipeline_dirty_buckets (tier_width_ms, waiting_since_ms)`,
    `CREATE TABLE pipeline_measures (
      fingerprint text PRIMARY KEY,
      adoption bigint NOT NULL,
      is_confirmed boolean NOT NULL
    )`,
  ],
};
