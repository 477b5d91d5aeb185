/** Stores in memory that do what their ports say, for this service's tests. */
import type { Coordinate, OutgoingRecord } from '@tidemark/bus';
import type { DirtyBucket, Ledger, LedgerDay, PipelineState, Receipt } from '@tidemark/catalog';
import type { OrganizationId, Tier } from '@tidemark/core';
import type { EventStore, RollupStore } from '@tidemark/warehouse';

export interface MemoryLedger extends Pick<Ledger, 'days' | 'recordReceipts'> {
  /** What `days` tells, of every organization. */
  readonly books: LedgerDay[];
  /** The greatest figures of each process, organization and day. */
  readonly receipts: Map<string, Receipt>;
}

export function createMemoryLedger(): MemoryLedger {
  const books: LedgerDay[] = [];
  const receipts = new Map<string, Receipt>();
  return {
    books,
    receipts,
    days: async (_topic, organization, fromMs, toMs) =>
      books.filter(
        (day) =>
          (organization === null || day.organization === organization) &&
          day.dayMs >= fromMs &&
          day.dayMs < toMs,
      ),
    async recordReceipts(instance, added) {
      for (const receipt of added) {
        const key = JSON.stringify([instance, receipt.organization, receipt.dayMs]);
        const known = receipts.get(key);
        if (known === undefined || known.acknowledged < receipt.acknowledged) receipts.set(key, receipt);
      }
    },
  };
}

export interface MemoryMarks
  extends Pick<PipelineState, 'markDirtyNow' | 'countDirtyWithin' | 'dirtyBuckets'> {
  readonly marked: () => readonly DirtyBucket[];
  clear(): void;
}

export function createMemoryMarks(): MemoryMarks {
  const marks = new Map<string, DirtyBucket>();
  const within = (organization: OrganizationId, fromMs: number, toMs: number) =>
    [...marks.values()].filter(
      (mark) =>
        mark.organization === organization && mark.bucketStartMs >= fromMs && mark.bucketStartMs < toMs,
    );
  return {
    marked: () => [...marks.values()],
    clear: () => marks.clear(),
    async markDirtyNow(buckets) {
      for (const bucket of buckets) {
        marks.set(JSON.stringify([bucket.tier, bucket.organization, bucket.bucketStartMs]), bucket);
      }
    },
    countDirtyWithin: async (organization, fromMs, toMs) => within(organization, fromMs, toMs).length,
    dirtyBuckets: async (organization, tier: Tier, fromMs, toMs) =>
      within(organization, fromMs, toMs)
        .filter((mark) => mark.tier === tier)
        .map((mark) => mark.bucketStartMs)
        .toSorted((a, b) => a - b),
  };
}

/** Raw with these minutes, and rollups with these buckets; `asked` are the event types that raw was asked for. */
export function holding(
  minutes: readonly number[],
  buckets: Partial<Record<Tier, readonly number[]>> = {},
): {
  readonly asked: (readonly string[] | null)[];
  readonly events: Pick<EventStore, 'minutesWithin'>;
  readonly rollups: Pick<RollupStore, 'bucketsWithin'>;
} {
  const asked: (readonly string[] | null)[] = [];
  return {
    asked,
    events: {
      minutesWithin: async ({ fromMs, toMs, eventTypes }) => {
        asked.push(eventTypes);
        return minutes.filter((minute) => minute >= fromMs && minute < toMs);
      },
    },
    rollups: {
      bucketsWithin: async (_organization, tier, fromMs, toMs) =>
        (buckets[tier] ?? []).filter((bucket) => bucket >= fromMs && bucket < toMs),
    },
  };
}

/** A log of one partition that takes everything. */
export function createMemoryLog(): {
  readonly records: OutgoingRecord[];
  readonly publish: (topic: string, batch: readonly OutgoingRecord[]) => Promise<readonly Coordinate[]>;
} {
  const records: OutgoingRecord[] = [];
  return {
    records,
    async publish(topic, batch) {
      const first = records.length;
      records.push(...batch);
      return batch.map((_record, index) => ({ topic, partition: 0, offset: first + index }));
    },
  };
}
