/** What must become of every record, told from the log alone by the simplest means: the first of an identity is kept. */
import type { OrganizationId } from '@tidemark/core';
import type { Outcomes } from '@tidemark/catalog';
import type { Produced } from './producers.ts';
import { UNSTORABLE_TYPE } from './warehouse.ts';

export interface Expected {
  readonly organization: OrganizationId | null;
  readonly fate: 'stored' | 'duplicate' | 'dead';
  readonly isConflict: boolean;
  /** Of the event, to be compared with the row; '' of what is no event. */
  readonly dataText: string;
  readonly arrivedAtMs: number;
}

export class Truth {
  private readonly logs: Expected[][];
  private readonly kept = new Map<string, string>();

  constructor(partitions: number) {
    this.logs = Array.from({ length: partitions }, () => []);
  }

  of(partition: number): readonly Expected[] {
    return this.logs[partition] ?? [];
  }

  /** Call for every record in the order of the log. */
  append({ partition, event, organization: owner, record }: Produced): void {
    const arrivedAtMs = record.timestampMs;
    const add = (expected: Omit<Expected, 'arrivedAtMs'>) =>
      this.logs[partition]?.push({ ...expected, arrivedAtMs });
    if (event === null) {
      add({ organization: owner, fate: 'dead', isConflict: false, dataText: '' });
      return;
    }
    const { organization, source, id, dataText, type } = event;
    if (type === UNSTORABLE_TYPE) {
      add({ organization, fate: 'dead', isConflict: false, dataText });
      return;
    }
    const identity = `${organization} ${source} ${id}`;
    const first = this.kept.get(identity);
    if (first === undefined) this.kept.set(identity, dataText);
    const fate = first === undefined ? 'stored' : 'duplicate';
    add({ organization, fate, isConflict: first !== undefined && first !== dataText, dataText });
  }

  /** What became of the records within [from, next), by organization. */
  outcomes(partition: number, from: number, next: number): ReadonlyMap<OrganizationId | null, Outcomes> {
    const sums = new Map<OrganizationId | null, Outcomes>();
    for (const { organization, fate, isConflict } of this.of(partition).slice(from, next)) {
      const sum = sums.get(organization) ?? { organization, stored: 0, duplicate: 0, conflict: 0, dead: 0 };
      sums.set(organization, {
        ...sum,
        [fate]: sum[fate] + 1,
        conflict: sum.conflict + (isConflict ? 1 : 0),
      });
    }
    return sums;
  }
}
