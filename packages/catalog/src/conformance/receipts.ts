import { describe, expect, it } from '@jest/globals';
import { DAY_MS, type OrganizationId } from '@tidemark/core';
import type { BatchAccount, LedgerDay, Receipt } from '../port.ts';
import { ACME, DAY_START_MS, GLOBEX, NEXT_DAY_START_MS, type Replicas } from './harness.ts';

const TOPIC = 'events';
const FOR_EVER_MS = NEXT_DAY_START_MS + DAY_MS;

function receipt(acknowledged: number, overrides: Partial<Receipt> = {}): Receipt {
  return { organization: ACME, dayMs: DAY_START_MS, acknowledged, rejected: 0, ...overrides };
}

/** One record of each kind, of one organization; the dead one is the first. */
function account(overrides: Partial<BatchAccount>, organization: OrganizationId | null = ACME): BatchAccount {
  const from = overrides.from ?? 0;
  return {
    topic: TOPIC,
    partition: 0,
    from,
    next: from + 4,
    dayMs: DAY_START_MS,
    arrivedThroughMs: DAY_START_MS,
    outcomes: [{ organization, stored: 1, duplicate: 2, conflict: 1, dead: 1 }],
    deadOffsets: [from],
    ...overrides,
  };
}

function day(figures: Partial<LedgerDay>): LedgerDay {
  return {
    organization: ACME,
    dayMs: DAY_START_MS,
    acknowledged: 0,
    rejected: 0,
    stored: 0,
    duplicate: 0,
    conflict: 0,
    dead: 0,
    ...figures,
  };
}

export function describeReceipts(replicas: () => Replicas): void {
  describe('receipts', () => {
    it('are cumulative by process and add up over processes', async () => {
      const { first, second } = replicas();
      await first.ledger.recordReceipts('a', [receipt(5, { rejected: 2 })]);
      await first.ledger.recordReceipts('a', [receipt(9, { rejected: 3 })]);
      await second.ledger.recordReceipts('b', [receipt(100)]);
      expect(await first.ledger.days(TOPIC, ACME, 0, FOR_EVER_MS)).toEqual([
        day({ acknowledged: 109, rejected: 3 }),
      ]);
    });

    it('may be repeated, come late, or name a day twice: the greatest of each figure stays', async () => {
      const { ledger } = replicas().first;
      await ledger.recordReceipts('a', [receipt(9, { rejected: 1 })]);
      await ledger.recordReceipts('a', [receipt(9, { rejected: 1 })]);
      await ledger.recordReceipts('a', [receipt(5, { rejected: 4 }), receipt(7, { rejected: 2 })]);
      await ledger.recordReceipts('a', []);
      expect(await ledger.days(TOPIC, null, 0, FOR_EVER_MS)).toEqual([day({ acknowledged: 9, rejected: 4 })]);
    });

    it('are written in any number, by two at once', async () => {
      const { first, second } = replicas();
      const many = Array.from({ length: 4_100 }, (_, index) => receipt(1, { dayMs: index * DAY_MS }));
      await Promise.all([
        first.ledger.recordReceipts('a', many),
        second.ledger.recordReceipts('a', many.toReversed()),
      ]);
      expect(await first.ledger.days(TOPIC, ACME, 0, 4_100 * DAY_MS)).toHaveLength(4_100);
    });
  });

  describe('days of the books', () => {
    it('join what was acknowledged with what became of it, over all partitions', async () => {
      const { ledger } = replicas().first;
      await ledger.account(account({ partition: 0 }));
      await ledger.account(account({ partition: 1 }));
      await ledger.account(account({ topic: 'another' }));
      await ledger.account(account({ partition: 2 }, null));
      await ledger.account(account({ partition: 3 }, GLOBEX));
      await ledger.recordReceipts('a', [receipt(8), receipt(3, { dayMs: NEXT_DAY_START_MS })]);
      const acme = [
        day({ acknowledged: 8, stored: 2, duplicate: 4, conflict: 2, dead: 2 }),
        day({ dayMs: NEXT_DAY_START_MS, acknowledged: 3 }),
      ];
      const globex = day({ organization: GLOBEX, stored: 1, duplicate: 2, conflict: 1, dead: 1 });
      expect(await ledger.days(TOPIC, ACME, 0, FOR_EVER_MS)).toEqual(acme);
      expect(await ledger.days(TOPIC, null, 0, FOR_EVER_MS)).toEqual([...acme, globex]);
    });

    it('are half-open', async () => {
      const { ledger } = replicas().first;
      await ledger.account(account({}));
      await ledger.account(account({ from: 4, dayMs: NEXT_DAY_START_MS }));
      await ledger.recordReceipts('a', [receipt(1), receipt(2, { dayMs: NEXT_DAY_START_MS })]);
      const days = await ledger.days(TOPIC, ACME, DAY_START_MS, NEXT_DAY_START_MS);
      expect(days.map(({ dayMs, acknowledged, stored }) => [dayMs, acknowledged, stored])).toEqual([
        [DAY_START_MS, 1, 1],
      ]);
      const next = await ledger.days(TOPIC, null, NEXT_DAY_START_MS, FOR_EVER_MS);
      expect(next.map(({ dayMs, acknowledged }) => [dayMs, acknowledged])).toEqual([[NEXT_DAY_START_MS, 2]]);
    });
  });

  describe('dead offsets', () => {
    it('are told of their topic and partition, each once, sorted, and no others', async () => {
      const { ledger } = replicas().first;
      await ledger.account(account({ from: Number.MAX_SAFE_INTEGER - 9 }));
      await ledger.account(account({ from: 8, partition: 3 }));
      await ledger.account(account({ from: 7, topic: 'another' }));
      const asked = [
        { partition: 3, offset: 8 },
        { partition: 3, offset: 8 },
        { partition: 3, offset: 9 },
        { partition: 0, offset: 8 },
        { partition: 0, offset: 7 },
        { partition: 0, offset: Number.MAX_SAFE_INTEGER - 9 },
      ];
      expect(await ledger.deadAmong(TOPIC, asked)).toEqual([asked[5], asked[0]]);
      expect(await ledger.deadAmong(TOPIC, [])).toEqual([]);
    });

    it('are looked up ten thousand at a time, and no more', async () => {
      const { ledger } = replicas().first;
      await ledger.account(account({ from: 9_999 }));
      const many = Array.from({ length: 10_000 }, (_, offset) => ({ partition: 0, offset }));
      expect(await ledger.deadAmong(TOPIC, many)).toEqual([{ partition: 0, offset: 9_999 }]);
      const tooMany = [...many, { partition: 0, offset: 10_000 }];
      await expect(ledger.deadAmong(TOPIC, tooMany)).rejects.toThrow('at most 10000');
    });
  });

  describe('forgetting', () => {
    it('takes days, receipts and dead offsets before the instant; the books of partitions stay', async () => {
      const { ledger } = replicas().first;
      await ledger.account(account({}));
      await ledger.account(account({ from: 4, dayMs: NEXT_DAY_START_MS }));
      await ledger.recordReceipts('a', [receipt(1), receipt(2, { dayMs: NEXT_DAY_START_MS })]);
      expect(await ledger.forgetBefore(DAY_START_MS)).toBe(0);
      expect(await ledger.forgetBefore(NEXT_DAY_START_MS)).toBe(3);
      const { partitions, days } = await ledger.snapshot(TOPIC, 0);
      expect(partitions).toEqual([{ partition: 0, since: 0, through: 8, skipped: 0 }]);
      expect(days.map(({ dayMs }) => dayMs)).toEqual([NEXT_DAY_START_MS]);
      const kept = await ledger.days(TOPIC, ACME, 0, FOR_EVER_MS);
      expect(kept.map(({ dayMs }) => dayMs)).toEqual([NEXT_DAY_START_MS]);
      const asked = [0, 4].map((offset) => ({ partition: 0, offset }));
      expect(await ledger.deadAmong(TOPIC, asked)).toEqual([asked[1]]);
      expect(await ledger.forgetBefore(FOR_EVER_MS)).toBe(3);
    });

    it('takes any number, in bounded steps', async () => {
      const { ledger } = replicas().first;
      await ledger.recordReceipts(
        'a',
        Array.from({ length: 4_000 }, (_, index) => receipt(1, { dayMs: index * DAY_MS })),
      );
      expect(await ledger.forgetBefore(4_000 * DAY_MS)).toBe(4_000);
    });
  });
}
