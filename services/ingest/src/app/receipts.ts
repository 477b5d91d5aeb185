/** How many events were promised to be durable, and how many refused: one side of the books, kept in the catalog. */
import type { Ledger, Receipt } from '@tidemark/catalog';
import { DAY_MS, isAppError, SECOND_MS, type Clock, type OrganizationId } from '@tidemark/core';
import type { Logger, Telemetry } from '@tidemark/runtime';

/** What a crash forgets at most: the events are durable all the same, only the promise is not on record. */
const WRITE_INTERVAL_MS = SECOND_MS;
/** Requests that are under way at midnight still count for the day on which they arrived. */
const DAYS_KEPT = 2;

export interface ReceiptsDependencies {
  readonly ledger: Pick<Ledger, 'recordReceipts'>;
  /** Unique to this run of this process: figures are cumulative since its start. */
  readonly instance: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly telemetry: Telemetry;
}

export interface Receipts {
  /** Call when the bus has acknowledged; written within a second, or as soon as the catalog answers. */
  note(
    organization: OrganizationId,
    receivedAtMs: number,
    counts: Pick<Receipt, 'acknowledged' | 'rejected'>,
  ): void;
  /** Writes what is pending and stops. Idempotent. */
  close(): Promise<void>;
}

interface Entry {
  receipt: Receipt;
  /** As the catalog has it. */
  written: Receipt | null;
}

/** Keeps two days of each organization that has sent: as many entries as there are organizations, twice. */
export function createReceipts(dependencies: ReceiptsDependencies): Receipts {
  const { ledger, instance, clock, log, telemetry } = dependencies;
  const entries = new Map<string, Entry>();
  const stopping = new AbortController();
  let isFailing = false;

  async function writePending(): Promise<void> {
    const pending = [...entries.values()].filter(({ receipt, written }) => receipt !== written);
    if (pending.length === 0) return;
    const receipts = pending.map(({ receipt }) => receipt);
    await ledger.recordReceipts(instance, receipts);
    for (const [index, entry] of pending.entries()) entry.written = receipts[index] ?? null;
  }

  function forgetOldDays(): void {
    const oldestMs = dayOf(clock.nowMs()) - (DAYS_KEPT - 1) * DAY_MS;
    for (const [key, { receipt, written }] of entries) {
      if (receipt === written && receipt.dayMs < oldestMs) entries.delete(key);
    }
  }

  async function write(): Promise<void> {
    try {
      await writePending();
      isFailing = false;
    } catch (error) {
      if (!isAppError(error)) throw error;
      telemetry.increment('tidemark_ingest_catalog_failures_total', 1, { task: 'receipts' });
      if (!isFailing) log.warn({ err: error }, 'receipts are not recorded; they stay pending');
      isFailing = true;
    }
    forgetOldDays();
  }

  const running = (async () => {
    while (!stopping.signal.aborted) {
      await clock.sleep(WRITE_INTERVAL_MS, stopping.signal);
      await write();
    }
  })();

  return {
    note(organization, receivedAtMs, { acknowledged, rejected }) {
      if (acknowledged + rejected === 0) return;
      const dayMs = dayOf(receivedAtMs);
      const key = JSON.stringify([organization, dayMs]);
      const entry = entries.get(key) ?? {
        receipt: { organization, dayMs, acknowledged: 0, rejected: 0 },
        written: null,
      };
      entry.receipt = {
        organization,
        dayMs,
        acknowledged: entry.receipt.acknowledged + acknowledged,
        rejected: entry.receipt.rejected + rejected,
      };
      entries.set(key, entry);
    },
    async close() {
      stopping.abort();
      await running;
      // Once more: what was noted while the last write was under way.
      await write();
    },
  };
}

function dayOf(instantMs: number): number {
  return Math.floor(instantMs / DAY_MS) * DAY_MS;
}
