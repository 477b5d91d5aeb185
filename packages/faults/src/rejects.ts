/** Items that must be refused one by one, inside requests whose other events are taken; and what must have become of them. */
import type { Random } from './random.ts';
import { ORGANIZATION_NAMES } from './slots.ts';

export const REJECTS_SOURCE = '/faults/invalid';
/** Of the attempts. With 14 requests a second these are 3 items a second of all organizations: far below what is kept of each. */
const SHARE = 0.1;
const ITEMS_MAX = 3;

export interface RejectItem {
  /** Of one attempt alone: what is sent again is another letter. */
  readonly id: string;
  /** JSON. */
  readonly text: string;
}

export type RejectOutcome =
  /** The answer names it among the rejected. */
  | 'acknowledged'
  /** Nobody knows: the connection broke, or the request was refused on its way. */
  | 'unknown';

export class Rejects {
  readonly #outcomes: readonly Map<string, RejectOutcome>[] = ORGANIZATION_NAMES.map(() => new Map());
  #next = 0;

  /** Mostly none. Until they are acknowledged their outcome is unknown. */
  draw(organization: number, random: Random): readonly RejectItem[] {
    if (!random.chance(SHARE)) return [];
    const items = Array.from({ length: random.integer(1, ITEMS_MAX) }, () => this.#make());
    for (const { id } of items) this.#outcomes[organization]?.set(id, 'unknown');
    return items;
  }

  acknowledge(organization: number, items: readonly RejectItem[]): void {
    for (const { id } of items) this.#outcomes[organization]?.set(id, 'acknowledged');
  }

  /** By id, of everything sent. */
  outcomes(organization: number): ReadonlyMap<string, RejectOutcome> {
    return this.#outcomes[organization] ?? new Map();
  }

  #make(): RejectItem {
    const number = this.#next;
    this.#next += 1;
    const id = `x-${number}`;
    const untyped = { specversion: '1.0', id, source: REJECTS_SOURCE, data: { number } };
    const valid = { ...untyped, type: 'llm.request' };
    const kinds = [
      untyped,
      { ...valid, time: 'yesterday' },
      { ...valid, specversion: '0.3' },
      { ...valid, data: { note: 'a\u0000b' } },
    ];
    return { id, text: JSON.stringify(kinds[number % kinds.length]) };
  }
}
