import type { OrganizationId } from '@tidemark/core';
import fc from 'fast-check';
import type { AccountedDay, AccountedPartition, BatchAccount, Outcomes } from '../port.ts';
import { ACME, DAY_START_MS, GLOBEX, NEXT_DAY_START_MS } from './harness.ts';

/** What became of one record. A conflict is a duplicate too. */
type Fate = 'stored' | 'duplicate' | 'conflict' | 'dead' | 'absent';

/** A batch, record by record. */
export interface ModelBatch {
  readonly partition: number;
  readonly from: number;
  readonly dayMs: number;
  readonly records: readonly { readonly organization: OrganizationId | null; readonly fate: Fate }[];
}

const organizations = fc.constantFrom(ACME, GLOBEX, null);
const fates = fc.constantFrom<Fate>('stored', 'duplicate', 'conflict', 'dead', 'absent');

const drafts = fc.array(
  fc.record({
    partition: fc.constantFrom(0, 1),
    gap: fc.constantFrom(0, 0, 0, 1, 3),
    dayMs: fc.constantFrom(DAY_START_MS, NEXT_DAY_START_MS),
    records: fc.array(fc.record({ organization: organizations, fate: fates }), {
      minLength: 1,
      maxLength: 5,
    }),
  }),
  { minLength: 1, maxLength: 10 },
);

/** Batches that follow one another in their partitions, some behind gaps; and the order in which they are told, over and over. */
export const tellings = drafts.chain((entries) => {
  const next = new Map<number, number>();
  const batches = entries.map(({ gap, ...entry }): ModelBatch => {
    const from = (next.get(entry.partition) ?? 7) + gap;
    next.set(entry.partition, from + entry.records.length);
    return { ...entry, from };
  });
  const inOrder = fc.constant(batches);
  const anyOrder = fc.array(fc.constantFrom(...batches), { minLength: 1, maxLength: 20 });
  return fc.tuple(inOrder, anyOrder, fc.boolean()).map(([all, some, isOrdered]) => {
    return isOrdered ? all.flatMap((batch, index) => [batch, ...some.slice(index, index + 1)]) : some;
  });
});

export function nextOf(batch: ModelBatch): number {
  return batch.from + batch.records.length;
}

export function toAccount(topic: string, batch: ModelBatch): BatchAccount {
  const { partition, from, dayMs, records } = batch;
  return {
    topic,
    partition,
    from,
    next: nextOf(batch),
    dayMs,
    arrivedThroughMs: dayMs + from,
    outcomes: [ACME, GLOBEX, null]
      .map((organization) => outcomesOf([batch], organization))
      .filter((entry) => entry.stored + entry.duplicate + entry.dead > 0),
    deadOffsets: records.flatMap(({ fate }, index) => (fate === 'dead' ? [from + index] : [])),
  };
}

/** The batches that count: each that begins behind all that counted before it. */
export function counted(told: readonly ModelBatch[]): readonly ModelBatch[] {
  const batches: ModelBatch[] = [];
  for (const batch of told) {
    const earlier = batches.filter(({ partition }) => partition === batch.partition);
    if (earlier.every((one) => nextOf(one) <= batch.from)) batches.push(batch);
  }
  return batches;
}

/** From the offsets themselves, one by one. */
export function partitionsOf(batches: readonly ModelBatch[]): readonly AccountedPartition[] {
  return [0, 1].flatMap((partition) => {
    const own = batches.filter((batch) => batch.partition === partition);
    const offsets = own.flatMap((batch) => batch.records.map((_, index) => batch.from + index));
    if (offsets.length === 0) return [];
    const since = Math.min(...offsets);
    const through = Math.max(...offsets) + 1;
    const all = Array.from({ length: through - since }, (_, index) => since + index);
    return [{ partition, since, through, skipped: all.filter((offset) => !offsets.includes(offset)).length }];
  });
}

/** In the order of partition, day and organization, nobody's first. */
export function daysOf(batches: readonly ModelBatch[]): readonly AccountedDay[] {
  return [0, 1].flatMap((partition) =>
    [DAY_START_MS, NEXT_DAY_START_MS].flatMap((dayMs) =>
      [null, ACME, GLOBEX].flatMap((organization) => {
        const own = batches.filter((batch) => batch.partition === partition && batch.dayMs === dayMs);
        const sums = outcomesOf(own, organization);
        return sums.stored + sums.duplicate + sums.dead === 0 ? [] : [{ partition, dayMs, ...sums }];
      }),
    ),
  );
}

export function deadOf(batches: readonly ModelBatch[]) {
  return [0, 1].flatMap((partition) =>
    batches
      .filter((batch) => batch.partition === partition)
      .flatMap(({ from, records }) =>
        records.flatMap(({ fate }, index) => (fate === 'dead' ? [{ partition, offset: from + index }] : [])),
      ),
  );
}

function outcomesOf(batches: readonly ModelBatch[], organization: OrganizationId | null): Outcomes {
  const own = batches
    .flatMap(({ records }) => records)
    .filter((record) => record.organization === organization);
  const count = (...fate: readonly Fate[]) => own.filter((record) => fate.includes(record.fate)).length;
  return {
    organization,
    stored: count('stored'),
    duplicate: count('duplicate', 'conflict'),
    conflict: count('conflict'),
    dead: count('dead'),
  };
}
