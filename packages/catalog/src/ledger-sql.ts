/**
 * The statements of the ledger. An account locks its partition's row first and all it writes beside is keyed by that partition;
 * forgetting skips what is locked. So no two of these statements can deadlock, nor one of these with one of the pipeline's.
 */

/**
 * $1 topic, $2 partition, $3 from, $4 next, $5 day, $6 arrived through, $7 offsets of dead letters; $8 organizations ('' for none), each once,
 * $9 stored, $10 duplicate, $11 conflict, $12 dead: parallel arrays. A row for each sum when it counted (so none when there
 * are no sums), none when the offsets are counted already.
 *
 * The upsert of the partition is the decision: it waits for whoever holds the row and judges by what that one left (read committed), and all
 * else is written only from the row it returns.
 */
export const ACCOUNT = `
WITH counted AS (
  INSERT INTO ledger_partitions AS p (topic, partition, since_offset, through_offset, skipped)
  VALUES ($1::text, $2::integer, $3::bigint, $4::bigint, 0)
  ON CONFLICT (topic, partition) DO UPDATE SET
    skipped = p.skipped + (EXCLUDED.since_offset - p.through_offset),
    through_offset = EXCLUDED.through_offset
  WHERE p.through_offset <= EXCLUDED.since_offset
  RETURNING topic, partition
), progressed AS (
  INSERT INTO pipeline_progress AS g (topic, partition, next_offset, arrived_through_ms)
  SELECT topic, partition, $4::bigint, $6::bigint FROM counted
  ON CONFLICT (topic, partition) DO UPDATE SET
    next_offset = greatest(g.next_offset, EXCLUDED.next_offset),
    arrived_through_ms = greatest(g.arrived_through_ms, EXCLUDED.arrived_through_ms)
  WHERE g.next_offset < EXCLUDED.next_offset OR g.arrived_through_ms < EXCLUDED.arrived_through_ms
), died AS (
  INSERT INTO ledger_dead_offsets (topic, partition, dead_offset, day_ms)
  SELECT c.topic, c.partition, o.dead_offset, $5::bigint
  FROM counted AS c CROSS JOIN unnest($7::bigint[]) AS o (dead_offset)
)
INSERT INTO ledger_days AS d (day_ms, topic, organization, partition, stored, duplicate, conflict, dead)
SELECT $5::bigint, c.topic, o.organization, c.partition, o.stored, o.duplicate, o.conflict, o.dead
FROM counted AS c
CROSS JOIN unnest($8::text[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[])
  AS o (organization, stored, duplicate, conflict, dead)
ON CONFLICT (day_ms, topic, organization, partition) DO UPDATE SET
  stored = d.stored + EXCLUDED.stored,
  duplicate = d.duplicate + EXCLUDED.duplicate,
  conflict = d.conflict + EXCLUDED.conflict,
  dead = d.dead + EXCLUDED.dead
RETURNING 1 AS counted`;

/** $1 topic, $2 partition. */
export const SELECT_THROUGH = `
SELECT through_offset FROM ledger_partitions WHERE topic = $1 AND partition = $2`;

/**
 * $1 topic, $2 the first day. The partitions, then the sums (each kind has nulls for the other), of one moment. Not a join: without
 * statistics the planner reads all days again for each partition (1.3 s for two days of 400).
 */
export const SELECT_SNAPSHOT = `
SELECT partition, since_offset, through_offset, skipped, NULL::bigint AS day_ms,
  NULL::text COLLATE "C" AS organization,
  NULL::bigint AS stored, NULL::bigint AS duplicate, NULL::bigint AS conflict, NULL::bigint AS dead
FROM ledger_partitions WHERE topic = $1::text
UNION ALL
SELECT partition, NULL, NULL, NULL, day_ms, organization, stored, duplicate, conflict, dead
FROM ledger_days WHERE topic = $1::text AND day_ms >= $2::bigint
ORDER BY partition, day_ms NULLS FIRST, organization`;

/** $1 instance; $2 organizations, $3 days, $4 acknowledged, $5 rejected: parallel arrays, each organization and day once, sorted. */
export const RECORD_RECEIPTS = `
INSERT INTO ledger_receipts AS r (day_ms, organization, instance, acknowledged, rejected)
SELECT n.day_ms, n.organization, $1::text, n.acknowledged, n.rejected
FROM unnest($2::text[], $3::bigint[], $4::bigint[], $5::bigint[])
  AS n (organization, day_ms, acknowledged, rejected)
ON CONFLICT (day_ms, organization, instance) DO UPDATE SET
  acknowledged = greatest(r.acknowledged, EXCLUDED.acknowledged),
  rejected = greatest(r.rejected, EXCLUDED.rejected)
WHERE r.acknowledged < EXCLUDED.acknowledged OR r.rejected < EXCLUDED.rejected`;

/** $1 topic, $2 organization, $3 the first day, $4 the one behind the last. */
export const SELECT_DAYS = selectDays('organization = $2::text');

/** $1 topic, $2 the organization that is none (''), $3 the first day, $4 the one behind the last. */
export const SELECT_DAYS_OF_ALL = selectDays('organization <> $2::text');

/** Two texts, so that the choice of an index never hangs on the value of a parameter. */
function selectDays(whose: string): string {
  return `
SELECT organization, day_ms,
  coalesce(r.acknowledged, 0) AS acknowledged, coalesce(r.rejected, 0) AS rejected,
  coalesce(o.stored, 0) AS stored, coalesce(o.duplicate, 0) AS duplicate,
  coalesce(o.conflict, 0) AS conflict, coalesce(o.dead, 0) AS dead
FROM (
  SELECT organization, day_ms, sum(acknowledged)::bigint AS acknowledged, sum(rejected)::bigint AS rejected
  FROM ledger_receipts
  WHERE ${whose} AND day_ms >= $3::bigint AND day_ms < $4::bigint
  GROUP BY organization, day_ms
) AS r
FULL JOIN (
  SELECT organization, day_ms, sum(stored)::bigint AS stored, sum(duplicate)::bigint AS duplicate,
    sum(conflict)::bigint AS conflict, sum(dead)::bigint AS dead
  FROM ledger_days
  WHERE topic = $1::text AND ${whose} AND day_ms >= $3::bigint AND day_ms < $4::bigint
  GROUP BY organization, day_ms
) AS o USING (organization, day_ms)
ORDER BY organization, day_ms`;
}

/** $1 topic; $2 partitions, $3 offsets: parallel arrays, no coordinate twice. One index look-up a coordinate. */
export const SELECT_DEAD_AMONG = `
SELECT c.partition, c.dead_offset FROM unnest($2::integer[], $3::bigint[]) AS c (partition, dead_offset)
CROSS JOIN LATERAL (
  SELECT 1 FROM ledger_dead_offsets AS d
  WHERE d.topic = $1 AND d.partition = c.partition AND d.dead_offset = c.dead_offset
  LIMIT 1
) AS found
ORDER BY c.partition, c.dead_offset`;

/** Each: $1 the first day that is kept, $2 most rows. What somebody else is writing is left for the next time. */
export const FORGET: readonly string[] = ['ledger_days', 'ledger_dead_offsets', 'ledger_receipts'].map(
  (table) => `
DELETE FROM ${table} WHERE ctid = ANY (ARRAY (
  SELECT ctid FROM ${table} WHERE day_ms < $1::bigint
  ORDER BY day_ms LIMIT $2::bigint FOR UPDATE SKIP LOCKED
))
RETURNING 1 AS gone`,
);
