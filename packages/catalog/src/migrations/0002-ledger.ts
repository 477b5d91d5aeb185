import type { Migration } from './migration.ts';

/**
 * The books of the pipeline. Organization '' stands for records that do not say whose they are (no id is empty); its column sorts by
 * code point, as nobody reads it in a language. The keys begin with the day: comparing with raw, the page of all organizations and
 * forgetting read one range of them, whatever the planner knows of the table (in-process nobody gathers statistics). No update
 * touches an indexed column, and the fill factor leaves room for it in the page: a sum is raised in place some 30 times a second.
 */
export const ledger: Migration = {
  number: 2,
  name: 'ledger',
  statements: [
    `CREATE TABLE ledger_partitions (
      topic text NOT NULL,
      partition integer NOT NULL,
      since_offset bigint NOT NULL,
      through_offset bigint NOT NULL CHECK (through_offset >= since_offset),
      skipped bigint NOT NULL CHECK (skipped >= 0),
      PRIMARY KEY (topic, partition)
    ) WITH (fillfactor = 50)`,
    `CREATE TABLE ledger_days (
      day_ms bigint NOT NULL,
      topic text NOT NULL,
      organization text COLLATE "C" NOT NULL,
      partition integer NOT NULL,
      stored bigint NOT NULL CHECK (stored >= 0),
      duplicate bigint NOT NULL CHECK (duplicate >= 0),
      conflict bigint NOT NULL CHECK (conflict BETWEEN 0 AND duplicate),
      dead bigint NOT NULL CHECK (dead >= 0),
      PRIMARY KEY (day_ms, topic, organization, partition)
    ) WITH (fillfactor = 70)`,
    'CREATE INDEX ledger_days_by_organization ON ledger_days (organization, day_ms)',
    `CREATE TABLE ledger_dead_offsets (
      topic text NOT NULL,
      partition integer NOT NULL,
      dead_offset bigint NOT NULL,
      day_ms bigint NOT NULL,
      PRIMARY KEY (topic, partition, dead_offset)
    )`,
    'CREATE INDEX ledger_dead_offsets_by_day ON ledger_dead_offsets (day_ms)',
    `CREATE TABLE ledger_receipts (
      day_ms bigint NOT NULL,
      organization text COLLATE "C" NOT NULL,
      instance text NOT NULL,
      acknowledged bigint NOT NULL CHECK (acknowledged >= 0),
      rejected bigint NOT NULL CHECK (rejected >= 0),
      PRIMARY KEY (day_ms, organization, instance)
    ) WITH (fillfactor = 70)`,
    'CREATE INDEX ledger_receipts_by_organization ON ledger_receipts (organization, day_ms)',
  ],
};
