import { eventsAndRollups } from './0001-events-and-rollups.ts';
import { contentTokensAndDeadLetters } from './0002-content-tokens-and-dead-letters.ts';
import { subjects } from './0003-subjects.ts';

export { EVENTS_TOKENS_REMEMBERED } from './0002-content-tokens-and-dead-letters.ts';

/** In order; never edited once released. */
export const WAREHOUSE_MIGRATIONS = [eventsAndRollups, contentTokensAndDeadLetters, subjects] as const;
