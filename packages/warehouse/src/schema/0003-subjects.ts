/**
 * What is kept of subjects: docs/decisions/0007-subjects-as-a-semilattice.md. A row holds the greatest and the least of some
 * *tellings* (`../subject-sql.ts`) of one fact of one subject; rows of one key are merged by the same, so rows inserted twice, or in any
 * order, change nothing. One fact lies together: a question reads a few facts of all subjects.
 */
const SUBJECTS = `
CREATE TABLE IF NOT EXISTS subjects (
  organization LowCardinality(String),
  kind LowCardinality(String),
  fact LowCardinality(String),
  id String CODEC(ZSTD(1)),
  latest SimpleAggregateFunction(max, String) CODEC(ZSTD(1)),
  earliest SimpleAggregateFunction(min, String) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
ORDER BY (organization, kind, fact, id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1`;

export const subjects = { number: 3, name: 'subjects', statements: [SUBJECTS] } as const;
