import type { IngestOutcome, IngestReached, Problem } from '@tidemark/contracts';
import { AppError } from '@tidemark/core';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { LightMyRequestResponse } from 'fastify';
import { until } from './testing-clock.ts';
import { createTestIngest, type TestIngest, type TestIngestOptions } from './testing.ts';

const opened: TestIngest[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map(({ app }) => app.close()));
});

/** With its first look at the backlog behind it: further questions to the catalog are those of waits. */
async function open(options?: TestIngestOptions): Promise<TestIngest> {
  const ingest = await createTestIngest(options);
  opened.push(ingest);
  await until(() => ingest.catalog.asked === 1);
  return ingest;
}

const event = (id: string) => ({ specversion: '1.0', id, source: '/s', type: 't' });
const BATCH = [event('a'), { id: 7 }, event('b'), event('c')];

async function post(
  ingest: TestIngest,
  query: string,
  payload: unknown = BATCH,
  door = 'events',
): Promise<LightMyRequestResponse> {
  return ingest.app.inject({
    method: 'POST',
    url: `/api/v1/${door}?${query}`,
    headers: { 'x-api-key': ingest.keys.producer, 'content-type': 'application/json' },
    payload: JSON.stringify(payload),
  });
}

/** Moves the clock on until there is an answer. */
async function answerTo(ingest: TestIngest, sent: Promise<LightMyRequestResponse>) {
  let answer: LightMyRequestResponse | null = null;
  void sent.then((given) => {
    answer = given;
  });
  await until(() => {
    ingest.clock.advance(50);
    return answer !== null;
  });
  return sent;
}

/** Stored once the bus has the events, and not before. */
async function storeWhenPublished(ingest: TestIngest, events: number): Promise<void> {
  await until(() => ingest.records.length >= events);
  ingest.catalog.storedOffset = events;
}

describe('?wait', () => {
  it.each(['stored', 'visible'])('answers 200 once every event is %s', async (level) => {
    const ingest = await open();
    const sent = post(ingest, `wait=${level}`);
    await storeWhenPublished(ingest, 3);
    ingest.catalog.storedOffset = 2;
    await until(() => {
      ingest.clock.advance(100);
      return ingest.catalog.asked > 4;
    });
    expect(ingest.records).toHaveLength(3);
    expect(await ingest.telemetryText()).toContain('tidemark_ingest_waiting_requests 1');
    ingest.catalog.storedOffset = 3;
    const answer = await answerTo(ingest, sent);
    expect(answer.statusCode).toBe(200);
    expect(answer.json<IngestReached>()).toMatchObject({
      received: 4,
      accepted: 3,
      rejected: [{ index: 1, code: 'invalid-event' }],
      wait: { level, reached: true, deadLetters: 0, dead: [] },
    });
    expect(await ingest.telemetryText()).toContain('tidemark_ingest_waiting_requests 0');
  });

  it('names the events that became dead letters: they are not stored', async () => {
    const ingest = await open();
    ingest.catalog.dead.add(1);
    const sent = post(ingest, 'wait=stored');
    await storeWhenPublished(ingest, 3);
    const answer = await answerTo(ingest, sent);
    expect([answer.statusCode, answer.json<IngestReached>().wait]).toEqual([
      200,
      {
        level: 'stored',
        reached: true,
        deadLetters: 1,
        dead: [{ index: 2, id: 'b', deadLetter: 'tidemark.events:0:1' }],
      },
    ]);
  });

  it('answers 202 when the time is over: the events are durable all the same', async () => {
    const ingest = await open();
    const startedAtMs = ingest.clock.nowMs();
    const answer = await answerTo(ingest, post(ingest, 'wait=visible&timeout=7'));
    expect(ingest.clock.nowMs() - startedAtMs).toBeGreaterThanOrEqual(7_000);
    expect([answer.statusCode, answer.json<IngestOutcome>()]).toMatchObject([
      202,
      { received: 4, accepted: 3, wait: { level: 'visible', reached: false } },
    ]);
    expect(answer.json<{ wait: object }>().wait).toEqual({ level: 'visible', reached: false });
    expect(ingest.records).toHaveLength(3);
  });

  it('goes on waiting while the catalog does not answer', async () => {
    const ingest = await open();
    const sent = post(ingest, 'wait=stored&timeout=60');
    await until(() => ingest.records.length === 3);
    ingest.catalog.error = new AppError('catalog-unavailable', 'away');
    ingest.clock.advance(100);
    await until(async () => (await ingest.telemetryText()).includes('failures_total{task="wait"} 1'));
    ingest.catalog.error = null;
    ingest.catalog.storedOffset = 3;
    expect((await answerTo(ingest, sent)).statusCode).toBe(200);
    // Before publishing too: what was known last holds.
    ingest.catalog.error = new AppError('catalog-unavailable', 'away');
    const next = post(ingest, 'wait=stored&timeout=60', event('d'));
    await until(() => ingest.records.length === 4);
    ingest.catalog.error = null;
    ingest.catalog.storedOffset = 4;
    expect((await answerTo(ingest, next)).statusCode).toBe(200);
  });

  it('promises nothing when it was never known what is stored', async () => {
    const ingest = await open();
    ingest.catalog.error = new AppError('catalog-unavailable', 'away');
    const answer = await post(ingest, 'wait=stored&timeout=60');
    expect(answer.json<IngestOutcome>()).toMatchObject({ accepted: 3, wait: { reached: false } });
    expect(answer.statusCode).toBe(202);
  });

  it('does not take the progress of a log that was made anew for that of this one, and says so once', async () => {
    const ingest = await open();
    // Of the former log. The new one outgrows it while its first events wait.
    ingest.catalog.storedOffset = 5;
    for (const ids of [['a', 'b'], ['c'], ['d', 'e', 'f']]) {
      const answer = await post(ingest, 'wait=stored&timeout=60', ids.map(event));
      expect([answer.statusCode, answer.json<{ wait: object }>().wait]).toEqual([
        202,
        { level: 'stored', reached: false },
      ]);
    }
    expect(ingest.records).toHaveLength(6);
    expect(ingest.logged().split('which was made anew')).toHaveLength(2);
    const next = post(ingest, 'wait=stored&timeout=60', event('g'));
    await until(() => ingest.records.length === 7);
    ingest.catalog.storedOffset = 7;
    expect((await answerTo(ingest, next)).statusCode).toBe(200);
  });

  it('asks one question for all who wait, and none when nobody does', async () => {
    const ingest = await open();
    const sent = Array.from({ length: 20 }, () => post(ingest, 'wait=stored', event('x')));
    await until(() => ingest.records.length === 20);
    const isAsking = async () => {
      const before = ingest.catalog.asked;
      await new Promise((resolve) => setImmediate(resolve));
      return ingest.catalog.asked !== before;
    };
    await until(async () => !(await isAsking()));
    const asked = ingest.catalog.asked;
    ingest.catalog.storedOffset = 20;
    ingest.clock.advance(100);
    expect((await Promise.all(sent)).map(({ statusCode }) => statusCode)).toEqual(sent.map(() => 200));
    expect(ingest.catalog.asked).toBe(asked + 1);
    ingest.clock.advance(100);
    await post(ingest, '', event('y'));
    expect(ingest.catalog.asked).toBe(asked + 1);
  });

  it.each([
    ['wait=durable', ['/wait']],
    ['wait=', ['/wait']],
    ['wait=stored&wait=visible', ['/wait']],
    ['wait=stored&timeout=0', ['/timeout']],
    ['wait=stored&timeout=61', ['/timeout']],
    ['wait=stored&timeout=1.5', ['/timeout']],
    ['wait=stored&timeout=', ['/timeout']],
    ['timeout=5', ['/timeout']],
    ['wait=x&timeout=x', ['/wait', '/timeout']],
    ['wiat=stored', ['/wiat']],
  ])('refuses %s before anything is sent', async (query, pointers) => {
    const ingest = await open();
    const answer = await post(ingest, query);
    const { code, errors } = answer.json<Problem>();
    expect([answer.statusCode, code]).toEqual([400, 'invalid-request']);
    expect(errors?.map(({ pointer }) => pointer)).toEqual(pointers);
    expect(ingest.records).toEqual([]);
  });

  it('has nothing to wait for when nothing was sent, or nothing was good', async () => {
    const ingest = await open();
    const nothing = await post(ingest, 'wait=stored', []);
    expect([nothing.statusCode, nothing.json<IngestReached>().wait.reached]).toEqual([200, true]);
    expect((await post(ingest, 'wait=stored', { id: 7 })).statusCode).toBe(400);
  });

  it('holds at the other doors too', async () => {
    const ingest = await open();
    const metric = { name: 'queue.depth', type: 'gauge', value: 3 };
    const usage = { user: 'u', feature: 'f' };
    for (const [door, payload] of [
      ['analytics/metrics', metric],
      ['analytics/metrics/usage', usage],
    ] as const) {
      const sent = post(ingest, 'wait=visible', payload, door);
      await storeWhenPublished(ingest, ingest.catalog.storedOffset + 1);
      const answer = await answerTo(ingest, sent);
      expect([answer.statusCode, answer.json<IngestReached>().wait.level]).toEqual([200, 'visible']);
    }
  });

  it.each([
    ['requests', { requestsMax: 1, itemsMax: 100 }],
    ['items', { requestsMax: 10, itemsMax: 7 }],
  ])('takes no more %s than may wait, and says so before it publishes', async (_what, watch) => {
    const ingest = await open({ watch });
    const first = post(ingest, 'wait=stored');
    await until(() => ingest.records.length === 3);
    const second = await post(ingest, 'wait=stored');
    expect([second.statusCode, second.json<Problem>().code, second.headers['retry-after']]).toEqual([
      503,
      'overloaded',
      '1',
    ]);
    expect(ingest.records).toHaveLength(3);
    expect((await post(ingest, '')).statusCode).toBe(202);
    await storeWhenPublished(ingest, 6);
    expect((await answerTo(ingest, first)).statusCode).toBe(200);
    const third = post(ingest, 'wait=stored');
    await storeWhenPublished(ingest, 9);
    expect((await answerTo(ingest, third)).statusCode).toBe(200);
  });

  it('gives its place back when the bus refuses', async () => {
    let isAway = true;
    const beforePublish = async () => {
      if (isAway) throw new AppError('bus-unavailable', 'away');
    };
    const ingest = await open({ beforePublish, watch: { requestsMax: 1, itemsMax: 10 } });
    expect((await post(ingest, 'wait=stored')).statusCode).toBe(503);
    isAway = false;
    const sent = post(ingest, 'wait=stored');
    await storeWhenPublished(ingest, 3);
    expect((await answerTo(ingest, sent)).statusCode).toBe(200);
  });
});
