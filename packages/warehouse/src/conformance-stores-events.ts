import { describe, expect, it } from '@jest/globals';
import { MINUTE_MS } from '@tidemark/core';
import type { Stores } from './conformance-stores-opened.ts';
import {
  eventBatch,
  eventRow,
  newToken,
  NOON_MS,
  organizationId,
  unique,
} from './conformance-stores-rows.ts';
import type { EventRow, PartitionRef, StoredIdentity } from './events.ts';

/** The greatest identity there is, and the first beyond signed 64 bits. */
const GREAT_IDENTITIES = ['18446744073709551615', '9223372036854775808'];
const POLL_MS = 5;

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const keyOf = ({ identity, source, id }: StoredIdentity | EventRow) => JSON.stringify([identity, source, id]);
const byText = (a: string, b: string) => (a < b ? -1 : 1);
/** No rows of anybody. */
const NOTHING = { topic: 'none', partition: 0, from: 0, to: 0 };
const range = (length: number) => Array.from({ length }, (_, index) => index);

export function describeEventStore(current: () => Stores): void {
  const count = ({ topic, partition }: PartitionRef) =>
    current().events.countRange({ topic, partition }, 0, Number.MAX_SAFE_INTEGER);

  describe('events', () => {
    it('knows no offset of a partition without rows, and nothing of its neighbours', async () => {
      const { events } = current();
      const organization = organizationId();
      const batch = eventBatch([eventRow({ organization, offset: 7 })], { partition: 3 });
      await events.insert(batch, newToken());
      expect(await events.highWater(batch, 0)).toEqual({ offset: 7, receivedAtMs: NOON_MS });
      expect(await events.highWater({ ...batch, partition: 4 }, 0)).toBeNull();
      expect(await events.highWater({ topic: `${batch.topic}x`, partition: 3 }, 0)).toBeNull();
      expect(await events.minutesFrom({ ...batch, partition: 4 }, 0)).toEqual([]);
    });

    it('tells offset 0 from no row at all', async () => {
      const batch = eventBatch([eventRow({ organization: organizationId(), offset: 0 })]);
      await current().events.insert(batch, newToken());
      expect(await current().events.highWater(batch, 0)).toEqual({ offset: 0, receivedAtMs: NOON_MS });
    });

    it('counts a range with both ends', async () => {
      const { events } = current();
      const organization = organizationId();
      const batch = eventBatch([2, 3, 5, 9].map((offset) => eventRow({ organization, offset })));
      await events.insert(batch, newToken());
      const counts = [
        [2, 9],
        [3, 5],
        [4, 4],
        [9, 9],
        [10, 99],
        [0, 1],
      ] as const;
      for (const [from, to] of counts) {
        const expected = batch.rows.filter(({ offset }) => offset >= from && offset <= to).length;
        expect(await events.countRange(batch, from, to)).toBe(expected);
      }
      expect(await events.highWater(batch, 0)).toEqual({ offset: 9, receivedAtMs: NOON_MS });
      expect(await events.highWater(batch, 9)).toEqual({ offset: 9, receivedAtMs: NOON_MS });
      expect(await events.highWater(batch, 10)).toBeNull();
    });

    it('keeps every text of a row as it came', async () => {
      const organization = organizationId();
      const text = `ü 漢 😀 ' " \\ \n \t \u0000 {p0:String}`;
      const row = eventRow({
        organization,
        offset: 1,
        id: text,
        source: text,
        subject: text,
        timeText: '2026-01-15T12:00:00.123456789Z',
        dataText: JSON.stringify({ text }),
        extensions: { traceparent: text, n: 5, yes: true },
        receivedAtMs: NOON_MS + 7,
      });
      await current().events.insert(eventBatch([row]), newToken());
      const rows = await current().warehouse.query({
        sql: `SELECT id, source, subject, time, data, extensions, received_at FROM events
              WHERE organization = {organization:String}`,
        parameters: { organization },
      });
      expect(rows).toEqual([
        {
          id: text,
          source: text,
          subject: text,
          time: '2026-01-15 12:00:00.123456789',
          data: { text },
          extensions: { traceparent: text, n: '5', yes: 'true' },
          received_at: '2026-01-15 12:00:00.007',
        },
      ]);
    });

    it('finds what is stored among thousands of identities, those beyond 2^63 too', async () => {
      const { events } = current();
      const organization = organizationId();
      // Other suites may hold small identities: these are this test's own.
      const base = 5_000_000_000n * BigInt(unique());
      const asked = range(23_000).map((index) => String(base + BigInt(index)));
      const stored = [...asked.filter((_, index) => index % 997 === 0), ...GREAT_IDENTITIES];
      const rows = stored.map((identity, offset) => eventRow({ organization, offset, identity }));
      await events.insert(eventBatch(rows), newToken());
      const found = await events.findStored([...asked, ...GREAT_IDENTITIES], NOON_MS, NOTHING);
      const own = found.filter((row) => row.organization === organization);
      expect(own.map(keyOf).toSorted(byText)).toEqual(rows.map(keyOf).toSorted(byText));
      expect(await events.findStored([], NOON_MS, NOTHING)).toEqual([]);
    });

    it('finds only what arrived at or after the instant', async () => {
      const { events } = current();
      const identity = String(7_000_000_000_000n + BigInt(unique()));
      const row = eventRow({
        organization: organizationId(),
        offset: 1,
        identity,
        receivedAtMs: NOON_MS + 1,
      });
      await events.insert(eventBatch([row]), newToken());
      expect(await events.findStored([identity], NOON_MS + 1, NOTHING)).toHaveLength(1);
      expect(await events.findStored([identity], NOON_MS + 2, NOTHING)).toHaveLength(0);
    });

    it('gives the identities of a window by ranges of offsets', async () => {
      const { events } = current();
      const organization = organizationId();
      const rows = range(25).map((offset) =>
        eventRow({
          organization,
          offset,
          identity: GREAT_IDENTITIES[offset % 2] ?? '',
          receivedAtMs: NOON_MS + offset,
        }),
      );
      const partition = { topic: `topic-${unique()}`, partition: 3 };
      expect(await events.offsetsSince(partition, 0)).toBeNull();
      await events.insert(eventBatch(rows.slice(10), partition), newToken());
      await events.insert(eventBatch(rows.slice(0, 10), partition), newToken());
      expect(await events.offsetsSince(partition, NOON_MS + 3)).toEqual({ from: 3, to: 24 });
      expect(await events.offsetsSince(partition, NOON_MS + 25)).toBeNull();
      const page = await events.identitiesWithin(partition, 8, 11);
      expect(page.toSorted((a, b) => a.receivedAtMs - b.receivedAtMs)).toEqual(
        rows.slice(8, 12).map(({ identity, receivedAtMs }) => ({ identity, receivedAtMs })),
      );
    });

    it('names each minute of each organization once, from an offset on and over all', async () => {
      const { events } = current();
      const [one, other] = [organizationId(), organizationId()];
      const row = (offset: number, organization: typeof one, timeMs: number) =>
        eventRow({ organization, offset, timeText: new Date(timeMs).toISOString() });
      const batch = eventBatch([
        row(0, one, NOON_MS - 1),
        row(1, one, NOON_MS),
        row(2, one, NOON_MS + MINUTE_MS - 1),
        row(3, other, NOON_MS + 1),
        row(4, other, 0),
        row(5, one, Date.UTC(2099, 11, 31, 23, 59, 59, 999)),
      ]);
      await events.insert(batch, newToken());
      const from = (offset: number) =>
        events
          .minutesFrom(batch, offset)
          .then((minutes) =>
            minutes.map(({ organization, minuteMs }) => `${organization} ${minuteMs}`).toSorted(),
          );
      const last = `${one} ${Date.UTC(2099, 11, 31, 23, 59)}`;
      expect(await from(1)).toEqual(
        [`${one} ${NOON_MS}`, `${other} ${NOON_MS}`, `${other} 0`, last].toSorted(),
      );
      expect(await from(5)).toEqual([last]);
      expect(await from(6)).toEqual([]);
      const all: number[] = [];
      for await (const day of events.allMinutes()) {
        all.push(...day.filter(({ organization }) => organization === one).map(({ minuteMs }) => minuteMs));
      }
      expect(all.toSorted((a, b) => a - b)).toEqual([
        NOON_MS - MINUTE_MS,
        NOON_MS,
        Date.UTC(2099, 11, 31, 23, 59),
      ]);
    });

    it('stores what it is given, equal rows too: who must not store twice looks first', async () => {
      const { events } = current();
      const batch = eventBatch([eventRow({ organization: organizationId(), offset: 1 })]);
      await events.insert(batch, newToken());
      await events.insert(batch, newToken());
      expect(await count(batch)).toBe(2);
    });

    it('stores nothing of an empty batch, and a batch as one part', async () => {
      const { events, warehouse } = current();
      await events.insert(eventBatch([]), newToken());
      const organization = organizationId();
      const times = range(2_000).map((day) => new Date(NOON_MS - day * 86_400_000).toISOString());
      await events.insert(
        eventBatch(times.map((timeText, offset) => eventRow({ organization, offset, timeText }))),
        newToken(),
      );
      const rows = await warehouse.query({
        sql: `SELECT toUInt32(uniqExact(_part)) AS parts, toUInt32(count()) AS n FROM events
              WHERE organization = {organization:String}`,
        parameters: { organization },
      });
      expect(rows).toEqual([{ parts: 1, n: 2_000 }]);
    });

    it('says whether an insert of the partition still runs', async () => {
      const { events, warehouse } = current();
      const partition = { topic: `topic-${unique()}`, partition: 1 };
      expect(await events.insertRunning(partition)).toBe(false);
      const stop = new AbortController();
      const running = warehouse
        .query({
          sql: 'SELECT count() FROM numbers(1000000000000) WHERE rand() % 7 = 3',
          queryId: `ingest:${partition.topic}:1`,
          signal: stop.signal,
        })
        .catch((error: unknown) => error);
      while (!(await events.insertRunning(partition))) await sleep(POLL_MS);
      expect(await events.insertRunning({ ...partition, partition: 11 })).toBe(false);
      stop.abort(new Error('enough'));
      expect(await running).toMatchObject({ message: 'enough' });
      while (await events.insertRunning(partition)) await sleep(POLL_MS);
    });
  });

  describe('rows that are refused', () => {
    it.each([
      ['a key twice', { dataText: '{"a":1,"a":2}' }],
      ['a dotted key that meets a path', { dataText: '{"a.b":1,"a":{"b":2}}' }],
      ['a lone surrogate', { dataText: '{"a":"\\ud800"}' }],
      ['an integer beyond 64 bits', { dataText: '{"a":123456789012345678901234567890}' }],
      ['a number beyond doubles', { dataText: '{"a":1e400}' }],
      ['a body cut off', { dataText: '{"a":' }],
      ['no time', { timeText: 'yesterdayZ' }],
    ])('%s: by the probe as by the insert, the whole batch', async (_, fault) => {
      const { events } = current();
      const organization = organizationId();
      const good = eventRow({ organization, offset: 1 });
      const bad = eventRow({ organization, offset: 2, ...fault });
      const batch = eventBatch([good, bad, eventRow({ organization, offset: 3 })]);
      await expect(events.probe(batch)).rejects.toMatchObject({ code: 'insert-refused' });
      await expect(events.insert(batch, newToken())).rejects.toMatchObject({ code: 'insert-refused' });
      expect(await count(batch)).toBe(0);
      // What is left can be stored.
      const rest = { ...batch, rows: [good] };
      await events.probe(rest);
      expect(await count(batch)).toBe(0);
      await events.insert(rest, newToken());
      expect(await count(batch)).toBe(1);
    });
  });
}
