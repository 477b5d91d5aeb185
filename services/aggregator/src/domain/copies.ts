/** Which events raw holds too often: pure. */
import type { FoundEvent } from '@tidemark/warehouse';
import { identityKey } from './identity.ts';

export interface Slip {
  readonly identity: string;
  readonly organization: string;
  readonly source: string;
  readonly id: string;
  /** Rows: the first, and each that arrived within the window behind another. */
  readonly copies: number;
  readonly firstMs: number;
  readonly lastMs: number;
}

/**
 * Events of which a copy was stored within the dedupe window of an earlier row. One that came again later is rightly there again. Events
 * that only share the hash are told apart by their texts.
 *
 * @param found every row of their identities that may lie within a window of them
 */
export function slipsAmong(found: readonly FoundEvent[], dedupeWindowMs: number): readonly Slip[] {
  const rowsByKey = new Map<string, FoundEvent[]>();
  for (const row of found) {
    const key = identityKey(row.organization, row.source, row.id);
    const rows = rowsByKey.get(key);
    if (rows === undefined) rowsByKey.set(key, [row]);
    else rows.push(row);
  }
  return [...rowsByKey.values()].flatMap((rows) => {
    const sorted = rows.toSorted((a, b) => a.receivedAtMs - b.receivedAtMs);
    const slipped = sorted.filter(({ receivedAtMs }, index) => {
      const before = sorted[index - 1];
      return before !== undefined && receivedAtMs - before.receivedAtMs <= dedupeWindowMs;
    });
    const [first, last] = [sorted[0], slipped.at(-1)];
    if (first === undefined || last === undefined) return [];
    const { identity, organization, source, id, receivedAtMs: firstMs } = first;
    const copies = slipped.length + 1;
    return [{ identity, organization, source, id, copies, firstMs, lastMs: last.receivedAtMs }];
  });
}
