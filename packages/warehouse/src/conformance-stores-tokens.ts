/** Tokens of inserts: the guard against an insert that lands beside its own repetition. */
import { describe, expect, it } from '@jest/globals';
import { DAY_MS } from '@tidemark/core';
import type { Stores } from './conformance-stores-opened.ts';
import { eventBatch, eventRow, newToken, NOON_MS, organizationId } from './conformance-stores-rows.ts';
import type { EventBatch } from './events.ts';

export function describeTokens(current: () => Stores, reopen: () => Promise<Stores>): void {
  const oneRow = (fields: Partial<EventBatch> & { receivedAtMs?: number } = {}) => {
    const { receivedAtMs = NOON_MS, ...batch } = fields;
    return eventBatch([eventRow({ organization: organizationId(), offset: 1, receivedAtMs })], batch);
  };
  const copies = (batch: EventBatch) => current().events.countRange(batch, 0, Number.MAX_SAFE_INTEGER);

  describe('tokens', () => {
    it('of one insert: the same again is dropped and reported as done', async () => {
      const { events } = current();
      const batch = oneRow();
      const token = `it's "a" \\ token of ${newToken()}`;
      await events.insert(batch, token);
      await events.insert(batch, token);
      expect(await copies(batch)).toBe(1);
    });

    it('win over content: other rows under a known token are dropped too', async () => {
      const { events } = current();
      const batch = oneRow();
      const token = newToken();
      await events.insert(batch, token);
      await events.insert({ ...batch, rows: [...batch.rows, ...batch.rows] }, token);
      expect(await copies(batch)).toBe(1);
    });

    it('that differ store equal rows again', async () => {
      const { events } = current();
      const batch = oneRow();
      for (const token of [newToken(), newToken()]) await events.insert(batch, token);
      expect(await copies(batch)).toBe(2);
    });

    it('are not needed: an insert without one is never dropped', async () => {
      const { warehouse, events } = current();
      const organization = organizationId();
      const line = JSON.stringify({ organization, id: 'x', bus_topic: organization, bus_offset: 1 });
      const insert = { table: 'events', ndjson: Buffer.from(line), rowCount: 1 };
      await warehouse.insert(insert);
      await warehouse.insert(insert);
      expect(await events.countRange({ topic: organization, partition: 0 }, 1, 1)).toBe(2);
    });

    it('are known within a day of arrival: the same one stores the rows of another day', async () => {
      const { events } = current();
      const token = newToken();
      const today = oneRow();
      const tomorrow = oneRow({ topic: today.topic, receivedAtMs: NOON_MS + DAY_MS });
      await events.insert(today, token);
      await events.insert(tomorrow, token);
      expect(await copies(today)).toBe(2);
      for (const batch of [today, tomorrow]) await events.insert(batch, token);
      expect(await copies(today)).toBe(2);
    });

    it('of inserts at the same time let one of them through', async () => {
      const { warehouse } = current();
      const organization = organizationId();
      const line = JSON.stringify({ organization, id: 'x', bus_topic: organization, bus_offset: 1 });
      const insert = {
        table: 'events',
        ndjson: Buffer.from(line),
        rowCount: 1,
        deduplicationToken: newToken(),
      };
      await Promise.all([1, 2, 3, 4].map(() => warehouse.insert(insert)));
      expect(await current().events.countRange({ topic: organization, partition: 0 }, 1, 1)).toBe(1);
    });

    it('of a refused insert are not remembered', async () => {
      const { events } = current();
      const batch = oneRow();
      const token = newToken();
      const bad = { ...batch, rows: batch.rows.map((row) => ({ ...row, dataText: '{"a":' })) };
      await expect(events.insert(bad, token)).rejects.toMatchObject({ code: 'insert-refused' });
      await events.insert(batch, token);
      expect(await copies(batch)).toBe(1);
    });

    it('are remembered when the table, and when the warehouse, is opened again', async () => {
      const batch = oneRow();
      const token = newToken();
      await current().events.insert(batch, token);
      for (const sql of ['DETACH TABLE events', 'ATTACH TABLE events'])
        await current().warehouse.command({ sql });
      await current().events.insert(batch, token);
      expect(await copies(batch)).toBe(1);
      const { events } = await reopen();
      await events.insert(batch, token);
      expect(await copies(batch)).toBe(1);
      await events.insert(batch, newToken());
      expect(await copies(batch)).toBe(2);
    });
  });
}
