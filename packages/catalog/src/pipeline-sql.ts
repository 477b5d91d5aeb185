/**
 * The statements of the pipeline's state. Whoever locks several rows locks them in the order of the primary key (the callers
 * sort, the statements keep that order) or skips locked ones, so no two of these statements can deadlock.
 */

/** $1 topics, $2 partitions, $3 next offsets, $4 instants: parallel arrays, one entry a partition, sorted. */
export const RECORD_PROGRESS = `
INSERT INTO pipeline_progress AS p (topic, partition, next_offset, arrived_through_ms)
SELECT * FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::bigint[])
ON CONFLICT (topic, partition) DO UPDATE SET
  next_offset = greatest(p.next_offset, EXCLUDED.next_offset),
  arrived_through_ms = greatest(p.arrived_through_ms, EXCLUDED.arrived_through_ms)
WHERE p.next_offset < EXCLUDED.next_offset OR p.arrived_through_ms < EXCLUDED.arrived_through_ms`;

export const SELECT_PROGRESS = `
SELECT topic, partition, next_offset, arrived_through_ms FROM pipeline_progress
WHERE topic = $1 ORDER BY partition`;

/**
 * $1 organizations, $2 tier widths, $3 starts, $4 settle times: parallel arrays, no bucket twice, sorted; $5 now; $6 whose hold
 * begins or ends, null for nobody's; $7 until when it holds, null when it ends.
 * The mark is drawn once, after the caller's rows are in raw (but for a hold, which is marked again when they are): any claim with a
 * greater version reads them. A bucket under a live
 * lease that is marked for the first time since its claim waits anew; any other keeps its time, unless this mark is due sooner (a settle
 * time of 0). `least` leaves nulls out.
 */
export const MARK_DIRTY = `
WITH drawn AS MATERIALIZED (SELECT nextval('pipeline_versions') AS mark)
INSERT INTO pipeline_dirty_buckets AS d
  (organization, tier_width_ms, bucket_start_ms, mark, waiting_since_ms, not_before_ms, holds)
SELECT m.organization, m.tier_width_ms, m.bucket_start_ms, (SELECT mark FROM drawn), $5::bigint,
  $5::bigint + m.settle_ms, CASE WHEN $7::bigint IS NULL THEN '{}' ELSE jsonb_build_object($6::text, $7::bigint) END
FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[])
  AS m (organization, tier_width_ms, bucket_start_ms, settle_ms)
ON CONFLICT (organization, tier_width_ms, bucket_start_ms) DO UPDATE SET
  mark = EXCLUDED.mark,
  waiting_since_ms = CASE WHEN d.not_before_ms IS NULL AND d.lease_until_ms > $5::bigint
    THEN EXCLUDED.waiting_since_ms ELSE d.waiting_since_ms END,
  not_before_ms = CASE WHEN d.not_before_ms IS NULL AND d.lease_until_ms <= $5::bigint
    THEN NULL ELSE least(d.not_before_ms, EXCLUDED.not_before_ms) END,
  holds = (d.holds - coalesce($6::text, '')) || EXCLUDED.holds`;

/**
 * $1 now, $2 closed through, $3 lease, $4 most buckets, $5 the claimant's measures, sorted: nothing is claimed unless they are the
 * adopted ones. A claim is a turn: what it took goes to the back of the line. The version is drawn after every row is locked (the count makes it
 * wait for them): a claim that waited cannot carry a smaller version than the one it follows on the same bucket.
 */
export const CLAIM_DIRTY = `
WITH target AS (
  SELECT organization, tier_width_ms FROM pipeline_dirty_buckets
  WHERE lease_until_ms <= $1::bigint AND (not_before_ms IS NULL OR not_before_ms <= $1::bigint)
    AND NOT EXISTS (SELECT FROM jsonb_each_text(holds) AS hold WHERE hold.value::bigint > $1::bigint)
    AND bucket_start_ms + tier_width_ms <= $2::bigint
    AND ARRAY (SELECT fingerprint FROM pipeline_measures ORDER BY fingerprint COLLATE "C") = $5::text[]
  ORDER BY tier_width_ms, waiting_since_ms
  LIMIT 1 FOR UPDATE SKIP LOCKED
), picked AS (
  SELECT d.bucket_start_ms FROM pipeline_dirty_buckets AS d
  WHERE d.organization = (SELECT organization FROM target)
    AND d.tier_width_ms = (SELECT tier_width_ms FROM target)
    AND d.lease_until_ms <= $1::bigint AND (d.not_before_ms IS NULL OR d.not_before_ms <= $1::bigint)
    AND NOT EXISTS (SELECT FROM jsonb_each_text(d.holds) AS hold WHERE hold.value::bigint > $1::bigint)
    AND d.bucket_start_ms + d.tier_width_ms <= $2::bigint
  ORDER BY d.bucket_start_ms
  LIMIT $4::bigint FOR UPDATE SKIP LOCKED
), drawn AS MATERIALIZED (
  SELECT nextval('pipeline_versions') AS version FROM (SELECT count(*) AS n FROM picked) AS c WHERE c.n > 0
)
UPDATE pipeline_dirty_buckets AS d SET
  lease_until_ms = $1::bigint + $3::bigint, claim_version = drawn.version, not_before_ms = NULL,
  waiting_since_ms = $1::bigint, holds = '{}'
FROM drawn
WHERE d.organization = (SELECT organization FROM target)
  AND d.tier_width_ms = (SELECT tier_width_ms FROM target)
  AND d.bucket_start_ms = ANY (ARRAY (SELECT bucket_start_ms FROM picked))
RETURNING d.organization, d.tier_width_ms, d.bucket_start_ms, d.mark, d.claim_version`;

/**
 * $1 organization, $2 tier width, $3 starts, ascending, $4 marks as claimed, $5 the claimant's measures, sorted:
 * nothing is cleared once others are adopted. One index look-up a bucket, in that order, and an
 * array for the second step: as plain joins the two steps were nested loops over all pairs (420 buckets: 73 ms against 2).
 */
export const CLEAR_DIRTY = `
WITH unchanged AS (
  SELECT held.bucket_start_ms FROM unnest($3::bigint[], $4::bigint[]) AS c (bucket_start_ms, mark)
  CROSS JOIN LATERAL (
    SELECT d.bucket_start_ms FROM pipeline_dirty_buckets AS d
    WHERE d.organization = $1 AND d.tier_width_ms = $2
      AND d.bucket_start_ms = c.bucket_start_ms AND d.mark = c.mark
    FOR UPDATE
  ) AS held
)
DELETE FROM pipeline_dirty_buckets AS d
WHERE d.organization = $1 AND d.tier_width_ms = $2
  AND d.bucket_start_ms = ANY (ARRAY (SELECT bucket_start_ms FROM unchanged))
  AND ARRAY (SELECT fingerprint FROM pipeline_measures ORDER BY fingerprint COLLATE "C") = $5::text[]
RETURNING d.bucket_start_ms`;

/** $1 organization, $2 tier width, $3 starts, $4 version: frees what is still under this claim and no later one. */
export const RELEASE_CLAIM = `
WITH held AS (
  SELECT d.bucket_start_ms FROM pipeline_dirty_buckets AS d
  WHERE d.organization = $1 AND d.tier_width_ms = $2 AND d.bucket_start_ms = ANY ($3::bigint[])
    AND d.claim_version = $4
  ORDER BY d.bucket_start_ms FOR UPDATE
)
UPDATE pipeline_dirty_buckets AS d SET lease_until_ms = 0, claim_version = NULL
WHERE d.organization = $1 AND d.tier_width_ms = $2
  AND d.bucket_start_ms = ANY (ARRAY (SELECT bucket_start_ms FROM held))`;

/** $5 how many at most; null for all. */
export const SELECT_DIRTY = `
SELECT bucket_start_ms FROM pipeline_dirty_buckets
WHERE organization = $1 AND tier_width_ms = $2 AND bucket_start_ms >= $3 AND bucket_start_ms < $4
ORDER BY bucket_start_ms LIMIT $5::bigint`;

export const COUNT_DIRTY = 'SELECT count(*) AS count FROM pipeline_dirty_buckets';

/** $1 organization, $2 tier widths (named, so that each is a range of the key), $3 from, $4 to. */
export const COUNT_DIRTY_WITHIN = `
SELECT count(*) AS count FROM pipeline_dirty_buckets
WHERE organization = $1 AND tier_width_ms = ANY ($2::bigint[]) AND bucket_start_ms >= $3 AND bucket_start_ms < $4`;

/**
 * $1 the fingerprints of the release that starts, sorted. What is confirmed already stays so; what is new carries the number of this
 * adoption.
 */
export const ADOPT_MEASURES = `
WITH gone AS (DELETE FROM pipeline_measures WHERE NOT fingerprint = ANY ($1::text[])),
drawn AS MATERIALIZED (SELECT nextval('pipeline_versions') AS adoption)
INSERT INTO pipeline_measures (fingerprint, adoption, is_confirmed)
SELECT fingerprint, drawn.adoption, false FROM unnest($1::text[]) AS f (fingerprint), drawn
ON CONFLICT (fingerprint) DO NOTHING`;

/** $1 fingerprints. */
export const UNCONFIRMED_MEASURES = `
SELECT fingerprint, adoption FROM pipeline_measures WHERE fingerprint = ANY ($1::text[]) AND NOT is_confirmed
ORDER BY fingerprint`;

/** $1 fingerprints, $2 the adoptions they were read with: what was dropped and adopted again since is another's to confirm. */
export const CONFIRM_MEASURES = `
UPDATE pipeline_measures AS m SET is_confirmed = true
FROM unnest($1::text[], $2::bigint[]) AS c (fingerprint, adoption)
WHERE m.fingerprint = c.fingerprint AND m.adoption = c.adoption AND NOT m.is_confirmed`;

/** $1 fingerprints, $2 organization: what is kept for all, or for a metric of its own. */
export const UNKNOWN_MEASURES = `
SELECT f.fingerprint FROM unnest($1::text[]) AS f (fingerprint)
WHERE NOT EXISTS (SELECT 1 FROM pipeline_measures AS m WHERE m.fingerprint = f.fingerprint AND m.is_confirmed)
  AND NOT EXISTS (
    SELECT 1 FROM metrics AS m WHERE m.organization = $2 AND m.fingerprint = f.fingerprint AND m.is_confirmed)
ORDER BY f.fingerprint`;

/** $1 fingerprints, sorted. */
export const ARE_ADOPTED = `
SELECT ARRAY (SELECT fingerprint FROM pipeline_measures ORDER BY fingerprint COLLATE "C") = $1::text[] AS adopted`;

/** $1 a version that is in use. Writes only when the sequence is behind it: setting it may take back what others draw meanwhile. */
export const RAISE_VERSION = `
SELECT setval('pipeline_versions', $1::bigint)
WHERE $1::bigint > (SELECT last_value FROM pipeline_versions)`;
