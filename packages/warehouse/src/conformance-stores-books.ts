/** What the proofs ask of raw: which rows are there, by minute, by day of arrival, and which are there twice. */
import { describe, expect, it } from '@jest/globals';
import { DAY_MS, MINUTE_MS, type OrganizationId } from '@tidemark/core';
import type { Stores } from './conformance-stores-opened.ts';
import {
  eventBatch,
  eventRow,
  newToken,
  NOON_MS,
  organizationId,
  unique,
} from './conformance-stores-rows.ts';
import { DUPLICATES_SHOWN_MAX } from './event-copies.ts';

const MIDNIGHT_MS = NOON_MS - (NOON_MS % DAY_MS);
const byText = (a: string, b: string) => (a < b ? -1 : 1);
const range = (length: number) => Array.from({ length }, (_, index) => index);
/** An arrival that no other test has: what is asked over all organizations finds this test's rows alone. */
const quietDayMs = () => Date.UTC(2040, 0, 1) + unique() * DAY_MS;

export function describeBooks(current: () => Stores): void {
  describe('books of raw', () => {
    it('keep the content of an event, and take rows written before it was kept', async () => {
      const { events, warehouse } = current();
      const organization = organizationId();
      const identities = range(2).map(() => String(8_000_000_000_000n + BigInt(unique())));
      const [kept = '', old = ''] = identities;
      const content = '18446744073709551615';
      await events.insert(
        eventBatch([eventRow({ organization, offset: 1, identity: kept, content })]),
        newToken(),
      );
      await warehouse.insert({
        table: 'events',
        ndjson: Buffer.from(
          JSON.stringify({
            organization,
            id: 'old',
            source: 's',
            identity: old,
            received_at: '2026-01-15 12:00:00',
          }),
        ),
        rowCount: 1,
      });
      const found = await events.findStored(identities, NOON_MS, { topic: '', partition: 0, from: 0, to: 0 });
      // The old row has offset 0 of the partition 0 of no topic.
      expect(found).toEqual([
        { identity: kept, content, organization, source: 'tests', id: 'event-1', receivedAtMs: NOON_MS },
      ]);
      const all = await events.findStored(identities, NOON_MS, { topic: 'x', partition: 0, from: 0, to: 0 });
      expect(new Map(all.map((row) => [row.identity, row.content]))).toEqual(
        new Map([
          [kept, content],
          [old, '0'],
        ]),
      );
    });

    it('leave out the rows of a batch itself, and no others', async () => {
      const { events } = current();
      const organization = organizationId();
      const identities = range(6).map(() => String(9_000_000_000_000n + BigInt(unique())));
      const rows = identities.map((identity, offset) => eventRow({ organization, offset, identity }));
      const batch = eventBatch(rows, { partition: 3 });
      await events.insert(batch, newToken());
      const offsetsOutside = async (own: {
        topic?: string;
        partition?: number;
        from: number;
        to: number;
      }) => {
        const found = await events.findStored(identities, 0, { ...batch, ...own });
        return found.map(({ identity }) => identities.indexOf(identity)).toSorted((a, b) => a - b);
      };
      expect(await offsetsOutside({ from: 2, to: 4 })).toEqual([0, 1, 5]);
      expect(await offsetsOutside({ from: 0, to: 5 })).toEqual([]);
      expect(await offsetsOutside({ from: 3, to: 3 })).toEqual([0, 1, 2, 4, 5]);
      expect(await offsetsOutside({ from: 6, to: 9 })).toHaveLength(6);
      expect(await offsetsOutside({ partition: 4, from: 0, to: 5 })).toHaveLength(6);
      expect(await offsetsOutside({ topic: 'other', from: 0, to: 5 })).toHaveLength(6);
    });

    it('name the minutes of an organization in a range, by type', async () => {
      const { events } = current();
      const [organization, other] = [organizationId(), organizationId()];
      const row = (offset: number, timeMs: number, type: string, of = organization) =>
        eventRow({ organization: of, offset, type, timeText: new Date(timeMs).toISOString() });
      await events.insert(
        eventBatch([
          row(0, NOON_MS - 1, 'a'),
          row(1, NOON_MS + MINUTE_MS, 'a'),
          row(2, NOON_MS, 'b'),
          row(3, NOON_MS + 1, 'b'),
          row(4, NOON_MS + 2 * MINUTE_MS, 'c'),
          row(5, NOON_MS + 3 * MINUTE_MS, 'a', other),
        ]),
        newToken(),
      );
      const minutes = (fromMs: number, toMs: number, eventTypes: readonly string[] | null) =>
        events.minutesWithin({ organization, fromMs, toMs, eventTypes });
      const all = [-1, 0, 1, 2].map((minute) => NOON_MS + minute * MINUTE_MS);
      expect(await minutes(0, NOON_MS + DAY_MS, null)).toEqual(all);
      expect(await minutes(NOON_MS, NOON_MS + 2 * MINUTE_MS, null)).toEqual(all.slice(1, 3));
      expect(await minutes(NOON_MS + 1, NOON_MS + 2, null)).toEqual([NOON_MS]);
      expect(await minutes(0, NOON_MS + DAY_MS, ['a', 'c', `o'b`])).toEqual([all[0], all[2], all[3]]);
      expect(await minutes(0, NOON_MS + DAY_MS, ['d'])).toEqual([]);
      expect(await minutes(0, NOON_MS + DAY_MS, [])).toEqual([]);
    });

    it('count rows by partition, organization and day of arrival within ranges of offsets', async () => {
      const { events } = current();
      const [one, other] = [organizationId(), organizationId()].toSorted(byText);
      if (one === undefined || other === undefined) throw new Error('two organizations');
      const topic = `topic-${unique()}`;
      const store = (partition: number, dayMs: number, offsets: readonly number[], organization = one) =>
        events.insert(
          eventBatch(
            offsets.map((offset) => eventRow({ organization, offset, receivedAtMs: dayMs + DAY_MS - 1 })),
            { topic, partition },
          ),
          newToken(),
        );
      await store(0, MIDNIGHT_MS, [0, 1, 2]);
      await store(0, MIDNIGHT_MS, [3], other);
      await store(0, MIDNIGHT_MS + DAY_MS, [4, 5, 6]);
      await store(7, MIDNIGHT_MS, [0, 1]);
      await store(9, MIDNIGHT_MS, [0]);
      const whole = (partition: number) => ({ partition, from: 0, to: 100 });
      const first = { partition: 0, organization: one, dayMs: MIDNIGHT_MS };
      expect(await events.storedByDay(topic, MIDNIGHT_MS, [whole(7), whole(0)])).toEqual([
        { ...first, rows: 3 },
        { ...first, dayMs: MIDNIGHT_MS + DAY_MS, rows: 3 },
        { ...first, organization: other, rows: 1 },
        { ...first, partition: 7, rows: 2 },
      ]);
      const parts = [
        { partition: 0, from: 2, to: 5 },
        { partition: 7, from: 1, to: 1 },
      ];
      expect(await events.storedByDay(topic, MIDNIGHT_MS, parts)).toEqual([
        { ...first, rows: 1 },
        { ...first, dayMs: MIDNIGHT_MS + DAY_MS, rows: 1 },
        { ...first, organization: other, rows: 1 },
      ]);
      expect(await events.storedByDay(topic, MIDNIGHT_MS + DAY_MS, [whole(0)])).toEqual([
        { ...first, dayMs: MIDNIGHT_MS + DAY_MS, rows: 3 },
      ]);
      expect(await events.storedByDay(topic, MIDNIGHT_MS, [])).toEqual([]);
      expect(await events.storedByDay(`${topic}x`, MIDNIGHT_MS, [whole(0)])).toEqual([]);
    });

    it('find what is stored twice, and nothing that only looks so', async () => {
      const { events } = current();
      const [organization, other] = [organizationId(), organizationId()];
      const receivedAtMs = quietDayMs();
      const row = (offset: number, identity: string, fields: object = {}) =>
        eventRow({ organization, offset, identity, id: `id-${identity}`, receivedAtMs, ...fields });
      await events.insert(
        eventBatch([
          row(1, '1', { content: '11' }),
          row(2, '2'),
          row(3, '3'),
          // Another event with the same hash.
          row(4, '3', { id: 'another' }),
          row(5, '4'),
          row(6, '4', { organization: other }),
        ]),
        newToken(),
      );
      expect(await events.duplicatesWithin(null, receivedAtMs, receivedAtMs + DAY_MS)).toEqual([]);
      const copies = [
        row(7, '1', { content: '12', receivedAtMs: receivedAtMs + 1 }),
        row(8, '1', { receivedAtMs: receivedAtMs + 2 }),
        row(9, '18446744073709551615', { receivedAtMs: receivedAtMs + 1 }),
        row(10, '18446744073709551615', { receivedAtMs: receivedAtMs + 3 }),
      ];
      await events.insert(eventBatch(copies), newToken());
      const found = await events.duplicatesWithin(null, receivedAtMs, receivedAtMs + 3);
      const texts = { organization, source: 'tests' };
      expect(found).toEqual([{ identity: '1', content: '11', ...texts, id: 'id-1', copies: 3 }]);
      expect(await events.duplicatesWithin(null, receivedAtMs, receivedAtMs + 4)).toHaveLength(2);
      expect(await events.duplicatesWithin(organization, receivedAtMs + 1, receivedAtMs + 3)).toMatchObject([
        { identity: '1', content: '12', copies: 2 },
      ]);
    });

    it("find the copies of one organization whatever others hold, and never another's", async () => {
      const { events } = current();
      const [organization, flooder] = [organizationId(), organizationId()];
      const receivedAtMs = quietDayMs();
      const twice = (owner: OrganizationId, count: number) =>
        Array.from({ length: count * 2 }, (_, index) =>
          eventRow({
            organization: owner,
            offset: index,
            // The same hashes on both sides: the organization alone tells them apart.
            identity: String(1 + (index % count)),
            id: `id-${index % count}`,
            receivedAtMs: receivedAtMs + index,
          }),
        );
      await events.insert(eventBatch(twice(flooder, DUPLICATES_SHOWN_MAX + 1)), newToken());
      await events.insert(eventBatch(twice(organization, 3)), newToken());
      const found = await events.duplicatesWithin(organization, receivedAtMs, receivedAtMs + DAY_MS);
      expect(found).toHaveLength(3);
      expect(found.every((copy) => copy.organization === organization && copy.copies === 2)).toBe(true);
      expect(await events.duplicatesWithin(organizationId(), receivedAtMs, receivedAtMs + DAY_MS)).toEqual(
        [],
      );
      expect(await events.duplicatesWithin(null, receivedAtMs, receivedAtMs + DAY_MS)).toHaveLength(
        DUPLICATES_SHOWN_MAX,
      );
    });
  });
}
