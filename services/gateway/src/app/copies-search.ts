/** Looks for events that are in raw more than once, as far as that can be done while somebody waits. */
import { isAppError, MINUTE_MS, SECOND_MS } from '@tidemark/core';
import type { Clock } from '@tidemark/core';
import { DUPLICATES_SHOWN_MAX } from '@tidemark/warehouse';
import type { CopiedEvent, EventStore } from '@tidemark/warehouse';
import type { EventTimeRange } from './rebuild.ts';

/** A part that is this short and still holds too much ends the search. */
const PART_MS_MIN = MINUTE_MS;
/** No further part is begun after this: the server gives up answers that take a minute. */
const SEARCH_MS_MAX = 20 * SECOND_MS;

export interface CopiesSearch {
  /** Of the organization; about `DUPLICATES_SHOWN_MAX` at most. */
  readonly found: readonly CopiedEvent[];
  /** What arrived from here on was not searched. */
  readonly throughMs: number;
  /** Searched one by one: copies in two of them are not found. */
  readonly parts: number;
}

/**
 * The whole range at once if that is possible, else in parts of half of it, of a quarter and so on: never an answer that fails because
 * much has arrived. @throws warehouse-unavailable
 */
export async function searchCopies(
  { events, clock }: { readonly events: Pick<EventStore, 'duplicatesWithin'>; readonly clock: Clock },
  { organization, fromMs, toMs }: EventTimeRange,
): Promise<CopiesSearch> {
  const untilMs = clock.nowMs() + SEARCH_MS_MAX;
  const found: CopiedEvent[] = [];
  let throughMs = fromMs;
  let partMs = toMs - fromMs;
  let parts = 0;
  while (throughMs < toMs && found.length < DUPLICATES_SHOWN_MAX && clock.nowMs() <= untilMs) {
    const endMs = Math.min(toMs, throughMs + partMs);
    try {
      found.push(...(await events.duplicatesWithin(organization, throughMs, endMs)));
      throughMs = endMs;
      parts += 1;
    } catch (error) {
      if (!isAppError(error, 'query-too-expensive') && !isAppError(error, 'query-timeout')) throw error;
      if (partMs <= PART_MS_MIN) break;
      partMs = Math.max(PART_MS_MIN, Math.ceil(partMs / 2));
    }
  }
  return { found, throughMs, parts };
}
