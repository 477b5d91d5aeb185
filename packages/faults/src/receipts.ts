/** What the answers of ingest have promised, for its own count of that: an ingest that is killed forgets the last of what it has counted. */
import type { Disturbable } from './disturbances.ts';
import { ORGANIZATION_NAMES } from './slots.ts';
import type { Supervised } from './supervised.ts';

/** It writes every second; the answer of the last second may be read a while after the kill. */
const FORGOTTEN_BEFORE_MS = 3_000;
const FORGOTTEN_AFTER_MS = 5_000;
/** When the catalog was away, or ingest itself, shortly before the kill, more was waiting to be written. */
const TROUBLED_WITHIN_MS = 15_000;
const FORGOTTEN_IN_TROUBLE_MS = 90_000;

export interface Promised {
  readonly acknowledged: number;
  readonly rejected: number;
}

interface Receipt extends Promised {
  readonly atMs: number;
}

export class Receipts {
  readonly #receipts: readonly Receipt[][] = ORGANIZATION_NAMES.map(() => []);

  note(organization: number, receipt: Receipt): void {
    this.#receipts[organization]?.push(receipt);
  }

  /** What must be on record whatever was killed. */
  least(
    organization: number,
    ingest: Pick<Supervised, 'killedAtMs' | 'wasDisturbed'>,
    catalog: Disturbable,
  ): Promised {
    const spans = ingest.killedAtMs.map((killedAtMs) => {
      const since = killedAtMs - TROUBLED_WITHIN_MS;
      const isTroubled =
        catalog.wasDisturbed(since, killedAtMs - 1) || ingest.wasDisturbed(since, killedAtMs - 1);
      const beforeMs = isTroubled ? FORGOTTEN_IN_TROUBLE_MS : FORGOTTEN_BEFORE_MS;
      return { fromMs: killedAtMs - beforeMs, toMs: killedAtMs + FORGOTTEN_AFTER_MS };
    });
    const isSure = ({ atMs }: Receipt): boolean =>
      !spans.some(({ fromMs, toMs }) => fromMs <= atMs && atMs <= toMs);
    let acknowledged = 0;
    let rejected = 0;
    for (const receipt of (this.#receipts[organization] ?? []).filter(isSure)) {
      acknowledged += receipt.acknowledged;
      rejected += receipt.rejected;
    }
    return { acknowledged, rejected };
  }
}
