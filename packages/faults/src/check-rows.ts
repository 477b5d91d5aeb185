/** I1 and I2: the rows of raw against what was acknowledged, event by event. */
import type { Findings } from './findings.ts';
import type { Oracle } from './oracle.ts';
import { describeSlot, slotOf } from './slots.ts';
import type { StoredRow } from './stored-rows.ts';

export type Expectations = Pick<Oracle, 'expected' | 'slots' | 'acknowledged'>;

/** One pass over all of raw. */
export class RowCheck {
  readonly #oracle: Expectations;
  readonly #findings: Findings;
  readonly #seen: Uint8Array;
  /** Per partition: the slot plus one of the row at an offset; 0 where there is none. */
  readonly #slotAt = new Map<number, Uint32Array>();
  #rows = 0;

  constructor(oracle: Expectations, findings: Findings) {
    this.#oracle = oracle;
    this.#findings = findings;
    this.#seen = new Uint8Array(oracle.slots);
  }

  get rows(): number {
    return this.#rows;
  }

  take(row: StoredRow): void {
    this.#rows += 1;
    this.#findings.checked('I2');
    const slot = slotOf(row.organization, row.source, row.id);
    const expected = slot === null ? null : this.#oracle.expected(slot);
    if (slot === null || expected === null) {
      this.#findings.violated('I2', 'a row of an event that was never sent', { row });
      return;
    }
    this.#place(row, slot);
    const times = (this.#seen[slot] ?? 0) + 1;
    this.#seen[slot] = Math.min(times, 0xff);
    if (times > 1) this.#findings.violated('I2', 'an event is stored more than once', { row, times });
    if (row.minute !== expected.minute)
      this.#findings.violated('I2', 'a row lies in another bucket than its event', { row, expected });
    if (row.tokens !== String(expected.tokens))
      this.#findings.violated('I2', 'a row has another payload than was first acknowledged', {
        row,
        expected,
      });
    else if (row.content !== null && row.content !== expected.content)
      this.#findings.violated('I2', 'a row does not say what its event said', { row, expected });
  }

  /** The slot of the row made from that record; null when there is none. */
  slotAt(partition: number, offset: number): number | null {
    const found = this.#slotAt.get(partition)?.[offset] ?? 0;
    return found === 0 ? null : found - 1;
  }

  isStored(slot: number): boolean {
    return (this.#seen[slot] ?? 0) > 0;
  }

  /** Call it when every row has been taken. @param isDead whether the event is known to be a dead letter */
  finish(isDead: (slot: number) => boolean): void {
    this.#findings.checked('I1', this.#oracle.acknowledged);
    for (let slot = 0; slot < this.#oracle.slots; slot += 1) {
      const expected = this.#oracle.expected(slot);
      if (expected === null || !expected.isAcknowledged || this.isStored(slot) || isDead(slot)) continue;
      this.#findings.violated('I1', 'an acknowledged event is nowhere', { ...describeSlot(slot), expected });
    }
  }

  #place({ partition, offset, ...row }: StoredRow, slot: number): void {
    let slots = this.#slotAt.get(partition) ?? new Uint32Array(1 << 12);
    if (offset >= slots.length) {
      const grown = new Uint32Array(Math.max(offset + 1, slots.length * 2));
      grown.set(slots);
      slots = grown;
    }
    this.#slotAt.set(partition, slots);
    if ((slots[offset] ?? 0) !== 0)
      this.#findings.violated('I2', 'two rows are made from one record', { partition, offset, row });
    slots[offset] = slot + 1;
  }
}
