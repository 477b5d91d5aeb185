/** What the simulated warehouse holds of raw: rows in the order in which they became visible. */
import { MINUTE_MS } from '@tidemark/core';
import type { EventRow } from '@tidemark/warehouse';

export interface RawRow extends EventRow {
  readonly partition: number;
  /** 1 for the first row of raw that became visible, and so on. */
  readonly sequence: number;
  readonly minuteMs: number;
}

export class Raw {
  rows: RawRow[] = [];
  private added = 0;
  private readonly byIdentity = new Map<string, RawRow[]>();
  private readonly byPartition = new Map<number, RawRow[]>();

  add(partition: number, row: EventRow): RawRow {
    const minuteMs = Math.floor(Date.parse(row.timeText) / MINUTE_MS) * MINUTE_MS;
    this.added += 1;
    const stored: RawRow = { ...row, partition, sequence: this.added, minuteMs };
    this.rows.push(stored);
    append(this.byIdentity, row.identity, stored);
    append(this.byPartition, partition, stored);
    return stored;
  }

  /** The sequence of the newest row: who reads raw now has seen all up to it. */
  get newest(): number {
    return this.added;
  }

  /** As when a backup is restored: rows from the offset on are gone. */
  loseFrom(partition: number, offset: number): void {
    const isKept = (row: RawRow): boolean => row.partition !== partition || row.offset < offset;
    this.rows = this.rows.filter(isKept);
    for (const [identity, rows] of this.byIdentity) this.byIdentity.set(identity, rows.filter(isKept));
    this.byPartition.set(partition, this.of(partition).filter(isKept));
  }

  of(partition: number): readonly RawRow[] {
    return this.byPartition.get(partition) ?? [];
  }

  within(partition: number, from: number, to: number): readonly RawRow[] {
    return this.of(partition).filter(({ offset }) => offset >= from && offset <= to);
  }

  withIdentity(identity: string): readonly RawRow[] {
    return this.byIdentity.get(identity) ?? [];
  }
}

function append<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}
