import { DAY_MS } from '@tidemark/core';
import type { OrganizationId } from '@tidemark/core';
import type { Ledger, Receipt } from '@tidemark/catalog';

export interface ReceiptCounter {
  /**
   * Counts events as acknowledged and writes the figures down. What could not be written is written with the next ones.
   * @param dayMs start of the UTC day of their arrival
   * @throws catalog-unavailable
   */
  acknowledge(organization: OrganizationId, dayMs: number, events: number): Promise<void>;
}

/**
 * What this process has put into the log itself, for the books: without it, replayed events would be settled and never acknowledged.
 * @param instance unique to one run of one process
 */
export function createReceiptCounter(
  ledger: Pick<Ledger, 'recordReceipts'>,
  instance: string,
): ReceiptCounter {
  const receipts = new Map<string, Receipt>();
  const unwritten = new Set<string>();

  /** Days that are over grow no more; what is still unwritten stays. */
  function forgetBefore(dayMs: number): void {
    for (const [key, receipt] of receipts) {
      if (receipt.dayMs < dayMs && !unwritten.has(key)) receipts.delete(key);
    }
  }

  return {
    async acknowledge(organization, dayMs, events) {
      const ownKey = JSON.stringify([organization, dayMs]);
      const acknowledged = (receipts.get(ownKey)?.acknowledged ?? 0) + events;
      receipts.set(ownKey, { organization, dayMs, acknowledged, rejected: 0 });
      unwritten.add(ownKey);
      const batch = [...unwritten].flatMap((key) => {
        const receipt = receipts.get(key);
        return receipt === undefined ? [] : [{ key, receipt }];
      });
      await ledger.recordReceipts(
        instance,
        batch.map(({ receipt }) => receipt),
      );
      for (const { key, receipt } of batch) if (receipts.get(key) === receipt) unwritten.delete(key);
      forgetBefore(dayMs - DAY_MS);
    },
  };
}
