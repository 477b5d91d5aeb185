import type { Problem } from '@tidemark/contracts';
import { AppError } from '@tidemark/core';
import { afterEach, describe, expect, it } from '@jest/globals';
import { until } from './testing-clock.ts';
import { createTestIngest, type TestIngest, type TestIngestOptions } from './testing.ts';

const opened: TestIngest[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map(({ app }) => app.close()));
});

async function open(options?: TestIngestOptions): Promise<TestIngest> {
  const ingest = await createTestIngest(options);
  opened.push(ingest);
  await until(() => ingest.catalog.asked === 1);
  return ingest;
}

async function post(ingest: TestIngest, events = 1, payload?: string) {
  const one = { specversion: '1.0', id: 'x', source: '/s', type: 't' };
  return ingest.app.inject({
    method: 'POST',
    url: '/api/v1/events',
    headers: { 'x-api-key': ingest.keys.producer, 'content-type': 'application/json' },
    payload: payload ?? JSON.stringify(Array.from({ length: events }, () => one)),
  });
}

/** One second later, with a sample taken. */
async function second(ingest: TestIngest): Promise<void> {
  const asked = ingest.catalog.asked;
  ingest.clock.advance(1_000);
  await until(() => ingest.catalog.asked > asked);
  // The sample is used when the gauge says what the test has set.
  const backlog = ingest.records.length + ingest.catalog.backlog - ingest.catalog.storedOffset;
  await until(async () =>
    (await ingest.telemetryText()).includes(`tidemark_ingest_backlog_records ${backlog}\n`),
  );
}

const LIMITS = { backlogRecordsMax: 50_000_000, fairBacklogMs: 10_000 };

describe('a backlog beyond its bound', () => {
  it('is answered 503 before the body is read, until it has shrunk', async () => {
    const ingest = await open({ backpressure: { ...LIMITS, backlogRecordsMax: 100 } });
    ingest.catalog.backlog = 101;
    await second(ingest);
    const refused = await post(ingest, 1, 'not read');
    expect([refused.statusCode, refused.json<Problem>().code, refused.headers['retry-after']]).toEqual([
      503,
      'overloaded',
      '10',
    ]);
    expect(await ingest.telemetryText()).toContain('refusals_total{reason="backlog"} 1');
    ingest.catalog.storedOffset = 1;
    await second(ingest);
    expect((await post(ingest)).statusCode).toBe(202);
  });

  it('is all of a log that was made anew, whatever was stored of the former one', async () => {
    const ingest = await open({ backpressure: { ...LIMITS, backlogRecordsMax: 100 } });
    ingest.catalog.backlog = 1_000;
    ingest.catalog.storedOffset = 1_000;
    await second(ingest);
    expect((await post(ingest)).statusCode).toBe(202);
    ingest.catalog.backlog = 120;
    for (let count = 0; count < 2; count += 1) {
      const asked = ingest.catalog.asked;
      ingest.clock.advance(1_000);
      await until(() => ingest.catalog.asked > asked);
      await until(async () =>
        (await ingest.telemetryText()).includes('tidemark_ingest_backlog_records 121\n'),
      );
    }
    expect(await ingest.telemetryText()).toContain('tidemark_ingest_unknown_partitions 1\n');
    expect((await post(ingest)).statusCode).toBe(503);
    expect(ingest.logged().split('progress is beyond the end of the log')).toHaveLength(2);
  });

  it('is believed for 30 s when it cannot be asked for any more, and said once', async () => {
    const ingest = await open({ backpressure: { ...LIMITS, backlogRecordsMax: 100 } });
    ingest.catalog.backlog = 101;
    await second(ingest);
    ingest.catalog.error = new AppError('catalog-unavailable', 'away');
    const failures = async () =>
      Number(/failures_total\{task="backlog"\} (\d+)/.exec(await ingest.telemetryText())?.[1]);
    for (let count = 1; count <= 30; count += 1) {
      ingest.clock.advance(1_000);
      await until(async () => (await failures()) === count);
    }
    expect((await post(ingest)).statusCode).toBe(503);
    ingest.clock.advance(1_000);
    expect((await post(ingest)).statusCode).toBe(202);
    expect(ingest.logged().split('the backlog is not known')).toHaveLength(2);
  });
});

describe('fair shares', () => {
  const limited = async (ingest: TestIngest) =>
    (await ingest.telemetryText()).includes('tidemark_ingest_limited_organizations 1');

  /** 100 events a second are stored, 500 arrive. */
  async function floodUntilLimited(ingest: TestIngest): Promise<void> {
    ingest.catalog.backlog += 2_000;
    await second(ingest);
    for (let count = 0; count < 10 && !(await limited(ingest)); count += 1) {
      expect((await post(ingest, 500)).statusCode).toBe(202);
      ingest.catalog.storedOffset += 100;
      await second(ingest);
    }
    expect(await limited(ingest)).toBe(true);
  }

  it('hold who sends too much to 90 % of what is stored, and tell when to come back', async () => {
    const ingest = await open();
    await floodUntilLimited(ingest);
    const before = ingest.records.length;
    expect((await post(ingest, 200)).statusCode).toBe(202);
    const refused = await post(ingest, 1);
    expect([refused.statusCode, refused.json<Problem>().code]).toEqual([429, 'rate-limited']);
    expect(refused.json<Problem>().detail).toContain('fair share');
    const waitSeconds = Number(refused.headers['retry-after']);
    // A second's worth was there, at most 90, and 200 were taken.
    expect(waitSeconds).toBeGreaterThanOrEqual(2);
    expect(ingest.records.length).toBe(before + 200);
    expect(await ingest.telemetryText()).toContain('refusals_total{reason="fair-share"} 1');
    for (let count = 0; count < waitSeconds; count += 1) {
      ingest.catalog.storedOffset += 100;
      await second(ingest);
    }
    expect(await limited(ingest)).toBe(true);
    expect((await post(ingest, 1)).statusCode).toBe(202);
  });

  it('hold nobody while nothing is stored', async () => {
    const ingest = await open();
    await second(ingest);
    for (let count = 0; count < 15; count += 1) {
      expect((await post(ingest, 500)).statusCode).toBe(202);
      await second(ingest);
    }
    expect(await ingest.telemetryText()).toContain('tidemark_ingest_backlog_drain_seconds +Inf');
    expect(await ingest.telemetryText()).toContain('tidemark_ingest_limited_organizations 0');
  });

  it('end with the backlog', async () => {
    const ingest = await open();
    await floodUntilLimited(ingest);
    ingest.catalog.storedOffset = ingest.records.length + ingest.catalog.backlog;
    await second(ingest);
    for (let count = 0; count < 3; count += 1) expect((await post(ingest, 500)).statusCode).toBe(202);
  });
});
