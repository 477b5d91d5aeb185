import { eventsAndRollups } from './0001-events-and-rollups.ts';

/** In order; never edited once released. */
export const WAREHOUSE_MIGRATIONS = [eventsAndRollups] as const;
