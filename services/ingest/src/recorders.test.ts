import type { IngestOutcome, Problem } from '@tidemark/contracts';
import { afterEach, describe, expect, it } from '@jest/globals';
import { NOW_MS } from './testing-clock.ts';
import { createTestIngest, type TestIngest } from './testing.ts';

const opened: TestIngest[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map(({ app }) => app.close()));
});

async function open(): Promise<TestIngest> {
  const ingest = await createTestIngest();
  opened.push(ingest);
  return ingest;
}

function post(ingest: TestIngest, url: string, payload: unknown) {
  return ingest.app.inject({
    method: 'POST',
    url: `/api/v1/analytics/metrics${url}`,
    headers: { 'x-api-key': ingest.keys.producer, 'content-type': 'application/json; charset=utf-8' },
    payload: JSON.stringify(payload),
  });
}

describe('POST /api/v1/analytics/metrics/{recorder}', () => {
  it('turns a flat object into an event of the pack', async () => {
    const ingest = await open();
    const answer = await post(ingest, '/usage', {
      user: 'u1',
      feature: 'search',
      durationMs: '12.50',
      success: true,
    });
    expect([answer.statusCode, answer.json()]).toEqual([202, { received: 1, accepted: 1, rejected: [] }]);
    expect(ingest.stored()).toMatchObject([
      {
        id: 'made-0',
        source: 'urn:tidemark:recorder:usage',
        type: 'feature.used',
        subject: 'u1',
        timeMs: NOW_MS,
        dataText: '{"feature":{"name":"search"},"duration_ms":"12.50","success":true}',
      },
    ]);
  });

  it('keeps an id and a time that were given', async () => {
    const ingest = await open();
    await post(ingest, '/usage', [
      { id: 'a', time: '2026-06-01T00:00:00Z', user: 'u', feature: 'f', success: null },
    ]);
    expect(ingest.stored()).toMatchObject([{ id: 'a', timeText: '2026-06-01T00:00:00Z' }]);
  });

  it('names every fault by what the caller sent, and takes the good ones', async () => {
    const ingest = await open();
    const bad = { id: '', user: 'u\u0000', durationMs: 'long', success: 'yes', colour: 'red', time: 'now' };
    const answer = await post(ingest, '/usage', [{ user: 'u', feature: 'f' }, bad, 7]);
    const { accepted, rejected } = answer.json<IngestOutcome>();
    expect([answer.statusCode, accepted]).toEqual([202, 1]);
    expect(rejected.map(({ index }) => index)).toEqual([1, 2]);
    expect(rejected[0]?.faults.map(({ pointer }) => pointer).toSorted()).toEqual([
      '/colour',
      '/durationMs',
      '/feature',
      '/id',
      '/success',
      '/time',
      '/user',
    ]);
  });

  it('knows no other recorders, and takes JSON only', async () => {
    const ingest = await open();
    const unknown = await post(ingest, '/colours', {});
    expect([unknown.statusCode, unknown.json<Problem>().detail]).toEqual([
      404,
      'there is no such recorder; there are usage',
    ]);
    const headers = { 'x-api-key': ingest.keys.producer, 'content-type': 'text/csv' };
    const url = '/api/v1/analytics/metrics/usage';
    expect((await ingest.app.inject({ method: 'POST', url, headers, payload: 'a,b' })).statusCode).toBe(415);
  });
});

function labels(count: number): Record<string, number> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`l${index}`, index]));
}

describe('POST /api/v1/analytics/metrics', () => {
  it('takes a list, as many labels as are allowed, exact decimals, and names the bad ones', async () => {
    const ingest = await open();
    const good = { name: 'a', type: 'counter', value: '0.100000000000000001', labels: labels(32) };
    const answer = await post(ingest, '', [good, { ...good, type: 'sum' }]);
    expect(answer.statusCode).toBe(202);
    expect(answer.json<IngestOutcome>()).toMatchObject({
      received: 2,
      accepted: 1,
      rejected: [
        { index: 1, pointer: '/type', detail: 'must be one of counter, gauge, histogram, found "sum"' },
      ],
    });
    expect(ingest.stored()[0]?.dataText).toContain('"value":"0.100000000000000001"');
  });

  it("takes a caller's own metric", async () => {
    const ingest = await open();
    const metric = { name: 'queue.depth', type: 'gauge', value: 3, labels: { host: 'a', shard: 2 } };
    expect((await post(ingest, '', metric)).statusCode).toBe(202);
    expect(ingest.stored()).toMatchObject([
      {
        source: 'urn:tidemark:recorder',
        type: 'metric.recorded',
        dataText: '{"name":"queue.depth","kind":"gauge","value":3,"labels":{"host":"a","shard":2}}',
      },
    ]);
  });

  it.each([
    [
      { name: '1x', type: 'sum', value: 'much', labels: { 'a.b': 1, c: {} }, extra: 1 },
      ['/name', '/type', '/value', '/labels/a.b', '/labels/c', '/extra'],
    ],
    [{ name: 'a', type: 'gauge', value: 1, labels: [] }, ['/labels']],
    [{ name: 'a', type: 'gauge', value: 1, labels: labels(33) }, ['/labels']],
    [{ name: 'a', type: 'gauge', value: 1, labels: { long: 'x'.repeat(257), ok: 1 } }, ['/labels/long']],
    [{ name: 'a\n', type: 'gauge', value: 1 }, ['/name']],
    [{}, ['/name', '/type', '/value']],
  ])('refuses %j', async (metric, pointers) => {
    const answer = await post(await open(), '', metric);
    expect(answer.statusCode).toBe(400);
    expect(answer.json<Problem>().errors?.map(({ pointer }) => pointer)).toEqual(pointers);
  });
});
