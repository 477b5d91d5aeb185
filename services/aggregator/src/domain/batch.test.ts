import { describe, expect, it } from '@jest/globals';
import { DAY_MS, MINUTE_MS } from '@tidemark/core';
import { BATCH_BYTES_MAX, batchPrefix, formBatch, minutesByOrganization, touchedMinutes } from './batch.ts';
import { eventRecord, NOON_MS, organization, poisonRecord } from './testing.ts';

describe('batch', () => {
  it('ends where the day of arrival changes, because a day is a partition of raw', () => {
    const midnight = Date.UTC(2026, 0, 16);
    const records = [
      eventRecord(0, { arrivedAtMs: midnight - 1 }),
      eventRecord(1, { arrivedAtMs: midnight }),
      eventRecord(2, { arrivedAtMs: midnight - 1 }),
    ];
    expect(batchPrefix(records)).toBe(1);
    expect(batchPrefix(records.slice(1, 2))).toBe(1);
    expect(batchPrefix([])).toBe(0);
    expect(batchPrefix([eventRecord(0, { timeMs: NOON_MS - 400 * DAY_MS }), eventRecord(1)])).toBe(2);
  });

  it('ends before it grows too large for one insert, but never empty', () => {
    const large = { ...eventRecord(0), value: Buffer.alloc(BATCH_BYTES_MAX / 2) };
    const headed = { ...eventRecord(1), headers: { ce_note: 'x'.repeat(BATCH_BYTES_MAX / 2) } };
    expect(batchPrefix([large, headed, eventRecord(2)])).toBe(1);
    expect(batchPrefix([{ ...large, value: Buffer.alloc(BATCH_BYTES_MAX + 1) }])).toBe(1);
  });

  it('accounts for every record once: candidate, copy or poison', () => {
    const batch = formBatch([
      eventRecord(5, { id: 'a' }),
      eventRecord(6, { id: 'b' }),
      poisonRecord(7),
      eventRecord(8, { id: 'a' }),
      eventRecord(9, { id: 'a', organization: 'other' }),
    ]);
    expect(batch).toMatchObject({
      from: 5,
      to: 9,
      copies: [{ organization: 'acme', offset: 8, content: expect.any(Number) }],
      arrivedThroughMs: NOON_MS,
      dayMs: Date.UTC(2026, 0, 15),
    });
    expect(batch.candidates.map((candidate) => candidate.offset)).toEqual([5, 6, 9]);
    expect(batch.poison.map((poison) => [poison.record.offset, poison.code])).toEqual([
      [7, 'record-unreadable'],
    ]);
  });

  it('names each minute of event time once for each organization', () => {
    const batch = formBatch([
      eventRecord(0, { timeMs: NOON_MS + 59_999 }),
      eventRecord(1, { timeMs: NOON_MS }),
      eventRecord(2, { timeMs: NOON_MS - 1 }),
      eventRecord(3, { timeMs: NOON_MS, organization: 'other' }),
    ]);
    expect(minutesByOrganization(touchedMinutes(batch.candidates))).toEqual(
      new Map([
        [organization('acme'), [NOON_MS - MINUTE_MS, NOON_MS]],
        [organization('other'), [NOON_MS]],
      ]),
    );
  });
});
