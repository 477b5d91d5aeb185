/** I3: the log against raw, offset by offset. Goes on where it stopped, for raw is read whole at each checkpoint. */
import type { Findings } from './findings.ts';
import type { RowCheck } from './check-rows.ts';
import { type EventName, ORGANIZATION_NAMES, organizationOfSlot, slotOf } from './slots.ts';

export interface LogRecord {
  readonly partition: number;
  readonly offset: number;
  /** Null: the record is no event. `content` is that of `contentOfRecord`. */
  readonly event: (EventName & { readonly content: number }) | null;
}

/** How offsets are explained. */
export interface LogTotals {
  readonly rows: number;
  readonly copies: number;
  /** Those of the copies that say something else than the row. */
  readonly conflicts: number;
  readonly dead: number;
}

const NOTHING: LogTotals = { rows: 0, copies: 0, conflicts: 0, dead: 0 };

export class LogCheck {
  readonly #findings: Findings;
  readonly #next = new Map<number, number>();
  readonly #dead = new Set<number>();
  #poison = 0;
  /** Slots met in the log so far. */
  #met = new Uint8Array(1 << 16);
  /** Of the first record of a slot. */
  #contents = new Uint32Array(1 << 16);
  readonly #totals: LogTotals[] = ORGANIZATION_NAMES.map(() => NOTHING);

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  /** Where to go on reading. */
  nextOffset(partition: number): number {
    return this.#next.get(partition) ?? 0;
  }

  /** Of the records of one organization. */
  totals(organization: number): LogTotals {
    return this.#totals[organization] ?? NOTHING;
  }

  /** Records that are no events, and are dead letters. */
  get poison(): number {
    return this.#poison;
  }

  isDead(slot: number): boolean {
    return this.#dead.has(slot);
  }

  /** Records of each partition in offset order. @param deadOffsets of the dead letters of this partition */
  take(record: LogRecord, rows: RowCheck, deadOffsets: ReadonlySet<number>): void {
    const { partition, offset, event } = record;
    const expectedOffset = this.nextOffset(partition);
    if (offset !== expectedOffset)
      this.#findings.violated('I3', 'the log has a gap', { partition, from: expectedOffset, to: offset });
    this.#next.set(partition, offset + 1);
    this.#findings.checked('I3');
    const slot = event === null ? null : slotOf(event.organization, event.source, event.id);
    const stored = rows.slotAt(partition, offset);
    const content = event?.content ?? 0;
    const isCopy = slot !== null && this.#meet(slot, content);
    if (stored !== null) {
      this.#count(slot, 'rows');
      if (stored !== slot)
        this.#findings.violated('I3', 'a row names a record of another event', { ...record, stored });
      else if (isCopy)
        this.#findings.violated('I3', 'a row is made from a later copy of its event', { ...record });
    } else if (deadOffsets.has(offset)) {
      this.#count(slot, 'dead');
      if (slot !== null) this.#dead.add(slot);
    } else if (slot !== null && isCopy && (rows.isStored(slot) || this.#dead.has(slot))) {
      this.#count(slot, 'copies');
      if (this.#contents[slot] !== content) this.#count(slot, 'conflicts');
    } else {
      this.#findings.violated('I3', 'a record is neither a row nor a copy nor a dead letter', { ...record });
    }
  }

  #count(slot: number | null, what: keyof LogTotals): void {
    if (slot === null) {
      this.#poison += 1;
      return;
    }
    const organization = organizationOfSlot(slot);
    const before = this.totals(organization);
    this.#totals[organization] = { ...before, [what]: before[what] + 1 };
  }

  /** Whether the slot was met before; remembers what its first record says. */
  #meet(slot: number, content: number): boolean {
    if (slot >= this.#met.length) {
      const length = Math.max(slot + 1, this.#met.length * 2);
      const met = new Uint8Array(length);
      met.set(this.#met);
      this.#met = met;
      const contents = new Uint32Array(length);
      contents.set(this.#contents);
      this.#contents = contents;
    }
    const wasMet = this.#met[slot] === 1;
    if (!wasMet) this.#contents[slot] = content;
    this.#met[slot] = 1;
    return wasMet;
  }
}
