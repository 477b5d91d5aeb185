import type { Migration } from './migration.ts';

/** Who is about to store rows in a bucket, and until when that keeps claims off it. */
export const holds: Migration = {
  number: 3,
  name: 'holds',
  statements: [
    `ALTER TABLE pipeline_dirty_buckets
      ADD COLUMN holders text[] NOT NULL DEFAULT '{}',
      ADD COLUMN held_until_ms bigint NOT NULL DEFAULT 0`,
  ],
};
