import type { Migration } from './migration.ts';

/** Who is about to store rows in a bucket, and until when (ms) that keeps claims off it: a member for each holder. */
export const holds: Migration = {
  number: 3,
  name: 'holds',
  statements: [`ALTER TABLE pipeline_dirty_buckets ADD COLUMN holds jsonb NOT NULL DEFAULT '{}'`],
};
