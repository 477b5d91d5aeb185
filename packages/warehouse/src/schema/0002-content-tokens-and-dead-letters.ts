/**
 * How many inserts into `events`, of all partitions together, the engine remembers by their tokens: an hour of 30 a second. The aggregator
 * refuses a configuration in which they would not last for as long as an insert lives.
 */
export const EVENTS_TOKENS_REMEMBERED = 100_000;

/**
 * The key is (organization, arrival, id): a letter's arrival never changes, so this names it as well as its id does, and the newest are
 * read first without reading the others. `FINAL` merges in the order of the key alone, hence the minus.
 *
 * `value` is base64: rows travel as JSON, which holds no bytes that are not UTF-8. `version` is 0 for a letter as it was added, and
 * says which state stands (`letterVersion` of `../letter-state.ts`).
 */
const DEAD_LETTERS = `
CREATE TABLE IF NOT EXISTS dead_letters (
  organization LowCardinality(String),
  id String CODEC(ZSTD(1)),
  stage LowCardinality(String),
  code LowCardinality(String),
  detail String CODEC(ZSTD(1)),
  event_type LowCardinality(String),
  event_source String CODEC(ZSTD(1)),
  event_id String CODEC(ZSTD(1)),
  arrived_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  attempt UInt32,
  headers String CODEC(ZSTD(1)),
  value String CODEC(ZSTD(1)),
  state LowCardinality(String),
  changed_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  replay_since DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  replay_source String CODEC(ZSTD(1)),
  replay_id String CODEC(ZSTD(1)),
  version UInt64,
  INDEX dead_letters_id id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMMDD(arrived_at)
ORDER BY (organization, -toUnixTimestamp64Milli(arrived_at), id)
TTL toDateTime(arrived_at) + INTERVAL 30 DAY
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, ttl_only_drop_parts = 1`;

export const contentTokensAndDeadLetters = {
  number: 2,
  name: 'content-tokens-and-dead-letters',
  statements: [
    'ALTER TABLE events ADD COLUMN IF NOT EXISTS content UInt64 DEFAULT 0 CODEC(NONE) AFTER identity',
    'ALTER TABLE events_probe ADD COLUMN IF NOT EXISTS content UInt64 DEFAULT 0 CODEC(NONE) AFTER identity',
    `ALTER TABLE events MODIFY SETTING non_replicated_deduplication_window = ${EVENTS_TOKENS_REMEMBERED}`,
    DEAD_LETTERS,
  ],
} as const;
