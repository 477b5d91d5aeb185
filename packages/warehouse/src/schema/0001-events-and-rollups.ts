/**
 * A part is on the disk when its insert is answered: offsets and marks, which are synced too, must not outlive the rows they
 * vouch for.
 */
const DURABLE = 'fsync_after_insert = 1, fsync_part_directory = 1';

/**
 * Raw events and the three tiers of rollups. Why the columns and keys are so: docs/decisions/0003-raw-and-rollup-tables.md.
 *
 * Partitions of raw are days of ARRIVAL, taken from the bus record: an insert touches one partition whatever the events'
 * times are, so it is one part and atomic, and retention counts from arrival.
 *
 * Every path and type of `data` that has a column of its own costs files: with the engine's defaults (1,024 and 32), a merge
 * of 6,000 events of free form opened more than 20,000 of them and failed. What is beyond 64 and 2 shares a column; it is read
 * more slowly and just as exactly.
 */
const EVENTS = `
CREATE TABLE IF NOT EXISTS events (
  organization LowCardinality(String),
  type LowCardinality(String),
  time DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
  id String CODEC(ZSTD(1)),
  source LowCardinality(String),
  subject String CODEC(ZSTD(1)),
  data JSON(max_dynamic_paths = 64, max_dynamic_types = 2),
  extensions Map(LowCardinality(String), String),
  received_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  identity UInt64 CODEC(NONE),
  bus_topic LowCardinality(String),
  bus_partition UInt16,
  bus_offset UInt64 CODEC(Delta, ZSTD(1)),
  INDEX events_time time TYPE minmax GRANULARITY 1,
  INDEX events_bus_offset bus_offset TYPE minmax GRANULARITY 1,
  INDEX events_identity identity TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(received_at)
ORDER BY (organization, type, toStartOfHour(time), subject, time)
SETTINGS ${DURABLE}`;

/** The layout is the same in every tier; only the width of a bucket and the size of a partition differ. */
function rollupTable(name: string, partitionBy: string): string {
  return `
CREATE TABLE IF NOT EXISTS ${name} (
  organization LowCardinality(String),
  measure LowCardinality(String),
  bucket DateTime('UTC') CODEC(Delta, ZSTD(1)),
  dimensions Array(String),
  events UInt64,
  value_count UInt64,
  value_sum Decimal(38, 12),
  value_min Nullable(Decimal(38, 12)),
  value_max Nullable(Decimal(38, 12)),
  value_last Nullable(Decimal(38, 12)),
  last_time DateTime64(9, 'UTC'),
  last_id String,
  quantile_state AggregateFunction(quantilesDD(0.01, 0.5), Float64),
  unique_state AggregateFunction(uniqCombined64(16), String),
  version UInt64
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY ${partitionBy}
ORDER BY (organization, measure, bucket, dimensions)
SETTINGS ${DURABLE}`;
}

export const eventsAndRollups = {
  number: 1,
  name: 'events-and-rollups',
  statements: [
    EVENTS,
    // Takes what `events` takes and stores nothing: finds the row that makes a batch unacceptable.
    'CREATE TABLE IF NOT EXISTS events_probe AS events ENGINE = Null',
    rollupTable('rollup_1m', 'toYYYYMM(bucket)'),
    rollupTable('rollup_15m', 'toYear(bucket)'),
    rollupTable('rollup_1d', 'toYear(bucket)'),
  ],
} as const;
