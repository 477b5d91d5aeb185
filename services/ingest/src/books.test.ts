/** What ingest writes beside the events: dead letters of what it refuses, and receipts of what it promised. */
import { DEAD_LETTER_VALUE_BYTES_MAX, DEAD_LETTERS_TOPIC, EVENTS_TOPIC } from '@tidemark/contracts';
import { AppError, DAY_MS } from '@tidemark/core';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { LightMyRequestResponse } from 'fastify';
import { NOW_MS, until } from './testing-clock.ts';
import { createTestIngest, type TestIngest, type TestIngestOptions } from './testing.ts';

const opened: TestIngest[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map(({ app }) => app.close()));
});

async function open(options?: TestIngestOptions): Promise<TestIngest> {
  const ingest = await createTestIngest(options);
  opened.push(ingest);
  return ingest;
}

async function post(
  ingest: TestIngest,
  payload: string | Buffer,
  headers: Record<string, string> = {},
  door = 'events',
): Promise<LightMyRequestResponse> {
  return ingest.app.inject({
    method: 'POST',
    url: `/api/v1/${door}`,
    headers: { 'x-api-key': ingest.keys.producer, 'content-type': 'application/json', ...headers },
    payload,
  });
}

const good = (id: string) => JSON.stringify({ specversion: '1.0', id, source: '/s', type: 't' });
const TODAY_MS = Math.floor(NOW_MS / DAY_MS) * DAY_MS;

describe('dead letters of what is refused', () => {
  it('hold the item as it was sent, and what could be read of the event', async () => {
    const ingest = await open();
    const bad =
      '{"specversion":"1.0","id":"x1","source":"/shop","type":"order","time":"soon","data":{"n":1e999}}';
    const answer = await post(ingest, `[${good('a')}, ${bad} ]`);
    expect(answer.statusCode).toBe(202);
    expect(answer.body).not.toContain('1e999');
    expect(ingest.letters()).toMatchObject([
      {
        id: expect.stringMatching(/^ingest:[0-9a-f]{32}$/),
        organization: 'acme',
        stage: 'ingest',
        code: 'invalid-event',
        detail: expect.stringMatching(/^\/time .*RFC 3339.*; \/data\/n /),
        attempt: 1,
        arrivedAtMs: NOW_MS,
        eventType: 'order',
        eventSource: '/shop',
        eventId: 'x1',
        headers: {},
        value: Buffer.from(bad),
      },
    ]);
  });

  it('are kept when nothing was good, and the answer does not show them', async () => {
    const ingest = await open();
    const answer = await post(ingest, '{"id":"\ud800SECRET","type":5,"secret":"S3CRET"}');
    expect(answer.statusCode).toBe(400);
    expect(answer.body).not.toContain('S3CRET');
    expect(ingest.letters()).toMatchObject([{ eventType: '', eventSource: '', eventId: '\ufffdSECRET' }]);
  });

  it('are the same letter when the same garbage is sent again', async () => {
    const ingest = await open();
    await post(ingest, '["x","x"]');
    await post(ingest, '[ "x" ]');
    const ids = ingest.letters().map(({ id }) => id);
    expect(ids).toEqual([ids[0], ids[0]]);
  });

  it('keep malformed lines, binary events and the objects of recorders', async () => {
    const ingest = await open();
    await post(ingest, Buffer.from([0xff, 0x0a]), { 'content-type': 'application/x-ndjson' });
    await post(ingest, '{"a":1}', { 'ce-id': 'b1', 'ce-type': 'order' });
    await post(ingest, '{"user":"u","id":"u1"}', {}, 'analytics/metrics/usage');
    await post(ingest, '{"name":"1","type":"gauge"}', {}, 'analytics/metrics');
    expect(
      ingest
        .letters()
        .map(({ eventType, eventSource, eventId, value }) => [eventType, eventSource, eventId, value.length]),
    ).toMatchObject([
      ['', '', '', 1],
      ['order', '', 'b1', expect.any(Number)],
      ['feature.used', 'urn:tidemark:recorder:usage', 'u1', 22],
      ['metric.recorded', 'urn:tidemark:recorder', '', 27],
    ]);
  });

  it('cut what is too large, and say so', async () => {
    const ingest = await open();
    const text = good('large').replace('{', `{"data":"${'x'.repeat(DEAD_LETTER_VALUE_BYTES_MAX)}",`);
    expect((await post(ingest, text)).statusCode).toBe(413);
    const [letter] = ingest.letters();
    expect(letter?.value.length).toBe(DEAD_LETTER_VALUE_BYTES_MAX);
    expect(letter?.detail).toContain(`of ${text.length} bytes, ${DEAD_LETTER_VALUE_BYTES_MAX} are kept`);
  });

  it('are bounded by request and by organization; those beyond are counted', async () => {
    const bytesPerOrganization = { perSecond: 1, burst: 1_000_000 };
    const letters = { perRequestMax: 3, perOrganization: { perSecond: 2, burst: 4 }, bytesPerOrganization };
    const ingest = await open({ letters });
    const skipped = async () => /letters_skipped_total (\d+)/.exec(await ingest.telemetryText())?.[1];
    const garbage = (name: string, count: number) =>
      JSON.stringify(Array.from({ length: count }, (_none, index) => `${name}${index}`));
    await post(ingest, garbage('a', 5));
    expect([ingest.letters().length, await skipped()]).toEqual([3, '2']);
    await post(ingest, garbage('b', 5));
    expect([ingest.letters().length, await skipped()]).toEqual([4, '6']);
    ingest.clock.advance(1_000);
    const answer = await post(ingest, garbage('c', 5));
    expect([ingest.letters().length, await skipped()]).toEqual([6, '9']);
    expect(answer.json<{ rejected: unknown[] }>().rejected).toHaveLength(5);
  });

  it('are bounded in bytes too, whatever their number', async () => {
    const letters = {
      perRequestMax: 100,
      perOrganization: { perSecond: 100, burst: 100 },
      bytesPerOrganization: { perSecond: 1_002, burst: 3_006 },
    };
    const ingest = await open({ letters });
    const skipped = async () => /letters_skipped_total (\d+)/.exec(await ingest.telemetryText())?.[1];
    // Of 1,002 bytes each, with the quotes.
    const garbage = (name: string) =>
      JSON.stringify(Array.from({ length: 5 }, (_none, index) => `${name}${index}`.padEnd(1_000, 'x')));
    await post(ingest, garbage('a'));
    expect([ingest.letters().length, await skipped()]).toEqual([3, '2']);
    await post(ingest, garbage('b'));
    expect([ingest.letters().length, await skipped()]).toEqual([3, '7']);
    ingest.clock.advance(1_000);
    await post(ingest, garbage('c'));
    expect([ingest.letters().length, await skipped()]).toEqual([4, '11']);
  });

  it.each([EVENTS_TOPIC, DEAD_LETTERS_TOPIC])(
    'are part of the promise: 503 when %s is away',
    async (away) => {
      const beforePublish = async (topic: string) => {
        if (topic === away) throw new AppError('bus-unavailable', 'away');
      };
      const ingest = await open({ beforePublish });
      const answer = await post(ingest, `[${good('a')},"x"]`);
      expect([answer.statusCode, answer.headers['retry-after']]).toEqual([503, '2']);
      await ingest.app.close();
      expect(ingest.catalog.receipts.size).toBe(0);
    },
  );

  it('are waited for together with the events, whichever fails first', async () => {
    const pending: (() => void)[] = [];
    const beforePublish = async (topic: string) => {
      if (topic === EVENTS_TOPIC) throw new AppError('bus-unavailable', 'away');
      await new Promise<void>((resolve) => pending.push(resolve));
    };
    const ingest = await open({ beforePublish });
    const answer = post(ingest, `[${good('a')},"x"]`);
    await until(() => pending.length === 1);
    expect(await ingest.telemetryText()).not.toContain('tidemark_ingest_in_flight_bytes 0');
    pending[0]?.();
    expect((await answer).statusCode).toBe(503);
    expect(await ingest.telemetryText()).toContain('tidemark_ingest_in_flight_bytes 0');
  });
});

describe('receipts', () => {
  const receipts = (ingest: TestIngest) => [...ingest.catalog.receipts.values()];

  it('say within a second what was promised and what refused, cumulatively', async () => {
    const ingest = await open();
    await post(ingest, `[${good('a')},${good('b')},"x"]`);
    expect(receipts(ingest)).toEqual([]);
    ingest.clock.advance(1_000);
    await until(() => ingest.catalog.receipts.size === 1);
    await post(ingest, good('c'));
    await post(ingest, '["y"]');
    ingest.clock.advance(1_000);
    await until(() => receipts(ingest)[0]?.rejected === 2);
    expect(receipts(ingest)).toEqual([
      { organization: 'acme', dayMs: TODAY_MS, acknowledged: 3, rejected: 2 },
    ]);
  });

  it('belong to the day of arrival, and old days are forgotten once they are written', async () => {
    const ingest = await open();
    await post(ingest, good('a'));
    ingest.clock.advance(DAY_MS);
    await post(ingest, good('b'));
    await until(() => ingest.catalog.receipts.size === 1);
    ingest.clock.advance(1_000);
    await until(() => ingest.catalog.receipts.size === 2);
    expect(receipts(ingest).map(({ dayMs }) => dayMs)).toEqual([TODAY_MS, TODAY_MS + DAY_MS]);
    ingest.clock.advance(DAY_MS);
    await post(ingest, good('c'));
    ingest.clock.advance(1_000);
    await until(() => ingest.catalog.receipts.size === 3);
    ingest.catalog.receipts.clear();
    await ingest.app.close();
    expect(receipts(ingest)).toEqual([]);
  });

  it('stay pending while the catalog is away, say so once, and are written at the end', async () => {
    const ingest = await open();
    ingest.catalog.error = new AppError('catalog-unavailable', 'away');
    await post(ingest, good('a'));
    const failures = async () =>
      Number(/failures_total\{task="receipts"\} (\d+)/.exec(await ingest.telemetryText())?.[1]);
    for (const count of [1, 2, 3]) {
      ingest.clock.advance(1_000);
      await until(async () => (await failures()) === count);
    }
    expect(ingest.logged().split('receipts are not recorded')).toHaveLength(2);
    ingest.catalog.error = null;
    await ingest.app.close();
    expect(receipts(ingest)).toMatchObject([{ acknowledged: 1 }]);
  });
});
