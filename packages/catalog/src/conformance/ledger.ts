import { describe, expect, it } from '@jest/globals';
import { DAY_MS } from '@tidemark/core';
import fc from 'fast-check';
import type { BatchAccount, Outcomes } from '../port.ts';
import { ACME, DAY_START_MS, GLOBEX, NEXT_DAY_START_MS, type Replicas } from './harness.ts';
import { counted, daysOf, deadOf, nextOf, partitionsOf, tellings, toAccount } from './ledger-model.ts';

const TOPIC = 'events';
/** Histories told to each store by the property. */
const HISTORIES = 40;

/** [from, next), all stored, of ACME. */
function stored(from: number, next: number, overrides: Partial<BatchAccount> = {}): BatchAccount {
  return {
    topic: TOPIC,
    partition: 0,
    from,
    next,
    dayMs: DAY_START_MS,
    arrivedThroughMs: DAY_START_MS + next,
    outcomes: [outcomes({ stored: next - from })],
    deadOffsets: [],
    ...overrides,
  };
}

function outcomes(overrides: Partial<Outcomes>): Outcomes {
  return { organization: ACME, stored: 0, duplicate: 0, conflict: 0, dead: 0, ...overrides };
}

export function describeLedger(replicas: () => Replicas): void {
  describe('accounts', () => {
    it('set where the books begin, follow one another, and move the progress', async () => {
      const { ledger, pipeline } = replicas().first;
      expect(await ledger.accountedThrough(TOPIC, 0)).toBeNull();
      expect(await ledger.account(stored(100, 103))).toBe(103);
      expect(await ledger.account(stored(103, 105))).toBe(105);
      expect(await ledger.accountedThrough(TOPIC, 0)).toBe(105);
      expect(await ledger.accountedThrough(TOPIC, 1)).toBeNull();
      expect(await ledger.accountedThrough('another', 0)).toBeNull();
      expect(await ledger.snapshot(TOPIC, 0)).toEqual({
        partitions: [{ partition: 0, since: 100, through: 105, skipped: 0 }],
        days: [{ partition: 0, dayMs: DAY_START_MS, ...outcomes({ stored: 5 }) }],
      });
      expect(await pipeline.progress(TOPIC)).toEqual([
        { topic: TOPIC, partition: 0, nextOffset: 105, arrivedThroughMs: DAY_START_MS + 105 },
      ]);
    });

    it('count once: again, in part or late, they change nothing and answer how far the books are', async () => {
      const { ledger, pipeline } = replicas().first;
      await ledger.account(stored(100, 103));
      const before = [await ledger.snapshot(TOPIC, 0), await pipeline.progress(TOPIC)];
      expect(await ledger.account(stored(100, 103))).toBe(103);
      expect(await ledger.account(stored(102, 109, { arrivedThroughMs: NEXT_DAY_START_MS }))).toBe(103);
      expect(await ledger.account(stored(50, 60, { dayMs: NEXT_DAY_START_MS }))).toBe(103);
      expect([await ledger.snapshot(TOPIC, 0), await pipeline.progress(TOPIC)]).toEqual(before);
    });

    it('beyond the books add the gap to what was skipped', async () => {
      const { ledger } = replicas().first;
      await ledger.account(stored(100, 103));
      expect(await ledger.account(stored(110, 111))).toBe(111);
      await ledger.account(stored(115, 116));
      expect((await ledger.snapshot(TOPIC, 0)).partitions).toEqual([
        { partition: 0, since: 100, through: 116, skipped: 11 },
      ]);
    });

    it('may have nothing to tell, and may name an organization twice', async () => {
      const { ledger } = replicas().first;
      expect(await ledger.account(stored(0, 2, { outcomes: [] }))).toBe(2);
      const twice = [outcomes({ stored: 1 }), outcomes({ duplicate: 2, conflict: 1 })];
      expect(await ledger.account(stored(2, 5, { outcomes: twice }))).toBe(5);
      expect((await ledger.snapshot(TOPIC, 0)).days).toEqual([
        { partition: 0, dayMs: DAY_START_MS, ...outcomes({ stored: 1, duplicate: 2, conflict: 1 }) },
      ]);
    });

    it('never take the progress back, for offset and instant apart', async () => {
      const { ledger, pipeline } = replicas().first;
      const known = { topic: TOPIC, partition: 0, nextOffset: 900, arrivedThroughMs: DAY_START_MS };
      await pipeline.recordProgress([known]);
      await ledger.account(stored(100, 103));
      const later = { ...known, arrivedThroughMs: DAY_START_MS + 103 };
      expect(await pipeline.progress(TOPIC)).toEqual([later]);
      await ledger.account(stored(900, 901, { arrivedThroughMs: DAY_START_MS }));
      expect(await pipeline.progress(TOPIC)).toEqual([{ ...later, nextOffset: 901 }]);
    });

    it.each<[string, Partial<BatchAccount>]>([
      ['no offset', { next: 0 }],
      ['more records than offsets', { outcomes: [outcomes({ stored: 2, duplicate: 2 })] }],
      ['a dead letter without an offset', { outcomes: [outcomes({ dead: 1 })] }],
      ['a dead letter elsewhere', { outcomes: [outcomes({ dead: 1 })], deadOffsets: [3] }],
      ['a dead letter twice', { outcomes: [outcomes({ dead: 2 })], deadOffsets: [1, 1] }],
      ['an instant for a day', { dayMs: DAY_START_MS + 1 }],
    ])('that do not balance are refused: %s', async (_, overrides) => {
      const { ledger } = replicas().first;
      await expect(ledger.account(stored(0, 3, overrides))).rejects.toThrow('the account of [0, ');
      expect(await ledger.accountedThrough(TOPIC, 0)).toBeNull();
    });

    it('leave nothing when the store refuses a part of them', async () => {
      const { ledger, pipeline } = replicas().first;
      const impossible = stored(0, 3, { outcomes: [outcomes({ duplicate: 1, conflict: 2 })] });
      await expect(ledger.account(impossible)).rejects.toThrow('ledger_days');
      expect(await ledger.snapshot(TOPIC, 0)).toEqual({ partitions: [], days: [] });
      expect(await pipeline.progress(TOPIC)).toEqual([]);
    });

    it('count once when a stale owner and its successor tell them at once', async () => {
      const { first, second } = replicas();
      const batches = Array.from({ length: 30 }, (_, index) =>
        stored(index * 2, index * 2 + 2, {
          outcomes: [outcomes({ stored: 1 }), outcomes({ organization: GLOBEX, dead: 1 })],
          deadOffsets: [index * 2 + 1],
        }),
      );
      for (const batch of batches) {
        const owners = [first, second, first, second];
        const through = await Promise.all(owners.map(({ ledger }) => ledger.account(batch)));
        expect(through).toEqual(owners.map(() => batch.next));
      }
      expect(await first.ledger.snapshot(TOPIC, 0)).toEqual({
        partitions: [{ partition: 0, since: 0, through: 60, skipped: 0 }],
        days: [
          { partition: 0, dayMs: DAY_START_MS, ...outcomes({ stored: 30 }) },
          { partition: 0, dayMs: DAY_START_MS, ...outcomes({ organization: GLOBEX, dead: 30 }) },
        ],
      });
    });

    it('of many partitions at once keep out of one another’s way, with progress and forgetting beside', async () => {
      const { first, second } = replicas();
      const partitions = Array.from({ length: 8 }, (_, partition) => partition);
      const accounts = partitions.map(async (partition) => {
        for (let from = 0; from < 20; from += 1) {
          const dayMs = DAY_START_MS - (from % 3) * DAY_MS;
          await first.ledger.account(stored(from, from + 1, { partition, dayMs }));
        }
      });
      const beside = partitions.map(async (step) => {
        const entries = partitions.map((partition) => ({ topic: TOPIC, partition, nextOffset: step }));
        await second.pipeline.recordProgress(entries.map((entry) => ({ ...entry, arrivedThroughMs: step })));
        await second.ledger.forgetBefore(DAY_START_MS);
      });
      await Promise.all([...accounts, ...beside]);
      const { partitions: books, days } = await second.ledger.snapshot(TOPIC, DAY_START_MS);
      expect(books).toEqual(
        partitions.map((partition) => ({ partition, since: 0, through: 20, skipped: 0 })),
      );
      expect(days.map((day) => day.stored)).toEqual(partitions.map(() => 7));
    });

    it('add up to what the records were, whatever the order, the repetitions and the gaps', async () => {
      const { first, second } = replicas();
      let history = 0;
      const property = fc.asyncProperty(tellings, async (told) => {
        const topic = `history ${(history += 1)}`;
        const asked = [0, 1].flatMap((partition) =>
          Array.from({ length: 100 }, (_, offset) => ({ partition, offset })),
        );
        for (const [index, batch] of told.entries()) {
          const { ledger } = index % 2 === 0 ? first : second;
          const own = counted(told.slice(0, index + 1)).filter((one) => one.partition === batch.partition);
          expect(await ledger.account(toAccount(topic, batch))).toBe(Math.max(...own.map(nextOf)));
        }
        const expected = counted(told);
        expect(await first.ledger.snapshot(topic, 0)).toEqual({
          partitions: partitionsOf(expected),
          days: daysOf(expected),
        });
        expect(await first.ledger.deadAmong(topic, asked)).toEqual(deadOf(expected));
      });
      await fc.assert(property, { numRuns: HISTORIES });
    });
  });

  describe('a snapshot', () => {
    it('is of its topic, leaves old days out, and knows partitions without any', async () => {
      const { ledger } = replicas().first;
      const dead = [outcomes({ organization: null, dead: 1 })];
      await ledger.account(stored(0, 2));
      await ledger.account(stored(0, 1, { partition: 2, outcomes: dead, deadOffsets: [0] }));
      await ledger.account(stored(2, 3, { dayMs: NEXT_DAY_START_MS }));
      await ledger.account(stored(0, 9, { topic: 'another' }));
      expect(await ledger.snapshot(TOPIC, NEXT_DAY_START_MS)).toEqual({
        partitions: [
          { partition: 0, since: 0, through: 3, skipped: 0 },
          { partition: 2, since: 0, through: 1, skipped: 0 },
        ],
        days: [{ partition: 0, dayMs: NEXT_DAY_START_MS, ...outcomes({ stored: 1 }) }],
      });
      expect((await ledger.snapshot(TOPIC, 0)).days).toHaveLength(3);
      expect(await ledger.snapshot('nothing', 0)).toEqual({ partitions: [], days: [] });
    });

    it('is of one moment: sums and offsets agree while accounts come in', async () => {
      const { first, second } = replicas();
      async function write(): Promise<void> {
        for (let from = 0; from < 60; from += 1) await first.ledger.account(stored(from, from + 1));
      }
      const seen: number[] = [];
      async function read(): Promise<void> {
        for (let turn = 0; turn < 60; turn += 1) {
          const { partitions, days } = await second.ledger.snapshot(TOPIC, 0);
          const through = partitions.map((one) => one.through);
          expect(days.map((day) => day.stored)).toEqual(through);
          seen.push(...through);
        }
      }
      await Promise.all([write(), read()]);
      expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    });
  });
}
