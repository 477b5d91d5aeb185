/** How much each organization sends, whichever process takes it: from what all of them have put on record. */
import type { Ledger } from '@tidemark/catalog';
import { EVENTS_TOPIC } from '@tidemark/contracts';
import { DAY_MS, type OrganizationId } from '@tidemark/core';

export interface AcceptedByAll {
  /**
   * Events of each organization that came on record since the last call that succeeded; nothing at the first.
   * @throws catalog-unavailable
   */
  sinceLast(nowMs: number): Promise<ReadonlyMap<OrganizationId, number>>;
}

export function createAcceptedByAll(ledger: Pick<Ledger, 'days'>): AcceptedByAll {
  /** By organization and day of arrival. */
  let before: ReadonlyMap<string, number> | null = null;
  return {
    async sinceLast(nowMs) {
      const dayMs = Math.floor(nowMs / DAY_MS) * DAY_MS;
      // What arrived before midnight may be recorded after it, and clocks of other processes may be ahead.
      const days = await ledger.days(EVENTS_TOPIC, null, dayMs - DAY_MS, dayMs + 2 * DAY_MS);
      const now = new Map<string, number>();
      const added = new Map<OrganizationId, number>();
      for (const day of days) {
        const key = JSON.stringify([day.organization, day.dayMs]);
        now.set(key, day.acknowledged);
        const more = before === null ? 0 : day.acknowledged - (before.get(key) ?? 0);
        if (more > 0) added.set(day.organization, (added.get(day.organization) ?? 0) + more);
      }
      before = now;
      return added;
    },
  };
}
