import type { Migration } from './migration.ts';

/**
 * Which measure rollups are made of for a metric of an organization's own; null: none, it is answered from raw. `is_confirmed` says that
 * every bucket that may lack them has been marked since.
 */
export const ownRollups: Migration = {
  number: 5,
  name: 'own-rollups',
  statements: [
    `ALTER TABLE metrics
      ADD COLUMN fingerprint text,
      ADD COLUMN adoption bigint,
      ADD COLUMN is_confirmed boolean NOT NULL DEFAULT false`,
  ],
};
