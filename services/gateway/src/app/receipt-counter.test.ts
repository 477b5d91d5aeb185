import { describe, expect, it } from '@jest/globals';
import type { Receipt } from '@tidemark/catalog';
import { AppError, DAY_MS, parseOrganizationId } from '@tidemark/core';
import type { OrganizationId } from '@tidemark/core';
import { createReceiptCounter } from './receipt-counter.ts';

const ACME = parseOrganizationId('acme') as OrganizationId;
const GLOBEX = parseOrganizationId('globex') as OrganizationId;

function createCounter() {
  const written: (readonly Receipt[])[] = [];
  const state = { isAway: false };
  const counter = createReceiptCounter(
    {
      recordReceipts: async (instance, receipts) => {
        if (state.isAway) throw new AppError('catalog-unavailable', 'away');
        expect(instance).toBe('one');
        written.push(receipts);
      },
    },
    'one',
  );
  return { counter, written, state };
}

const receipt = (organization: OrganizationId, dayMs: number, acknowledged: number): Receipt => ({
  organization,
  dayMs,
  acknowledged,
  rejected: 0,
});

describe('the receipt counter', () => {
  it('writes sums by organization and day', async () => {
    const { counter, written } = createCounter();
    await counter.acknowledge(ACME, 0, 3);
    await counter.acknowledge(GLOBEX, 0, 1);
    await counter.acknowledge(ACME, 0, 2);
    await counter.acknowledge(ACME, DAY_MS, 4);
    expect(written).toEqual([
      [receipt(ACME, 0, 3)],
      [receipt(GLOBEX, 0, 1)],
      [receipt(ACME, 0, 5)],
      [receipt(ACME, DAY_MS, 4)],
    ]);
  });

  it('writes with the next figures what the catalog has not taken', async () => {
    const { counter, written, state } = createCounter();
    state.isAway = true;
    await expect(counter.acknowledge(ACME, 0, 3)).rejects.toMatchObject({ code: 'catalog-unavailable' });
    state.isAway = false;
    await counter.acknowledge(GLOBEX, 5 * DAY_MS, 1);
    await counter.acknowledge(GLOBEX, 5 * DAY_MS, 1);
    expect(written).toEqual([
      [receipt(ACME, 0, 3), receipt(GLOBEX, 5 * DAY_MS, 1)],
      [receipt(GLOBEX, 5 * DAY_MS, 2)],
    ]);
  });
});
