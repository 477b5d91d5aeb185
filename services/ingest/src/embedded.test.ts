/** Ingest over the embedded log and catalog, with the part of the aggregator played by the test. */
import { createLmdbBus } from '@tidemark/bus';
import { openPgliteCatalog, type BatchAccount } from '@tidemark/catalog';
import { declareTopics, EVENTS_TOPIC, type IngestReached } from '@tidemark/contracts';
import { DAY_MS, parseOrganizationId } from '@tidemark/core';
import { systemClock } from '@tidemark/runtime';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { NOW_MS, until } from './testing-clock.ts';
import { createTestIngest } from './testing.ts';

const DAY = Math.floor(NOW_MS / DAY_MS) * DAY_MS;
const silent = () => undefined;
/** The embedded Postgres takes its time on a busy machine. */
const START_TIMEOUT_MS = 120_000;

describe('over the embedded log and catalog', () => {
  let directory: string;
  let catalog: Awaited<ReturnType<typeof openPgliteCatalog>>;
  let bus: Awaited<ReturnType<typeof createLmdbBus>>;

  beforeAll(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'tidemark-ingest-'));
    const log = { info: silent, warn: silent, error: silent };
    catalog = await openPgliteCatalog({ path: path.join(directory, 'catalog') });
    bus = await createLmdbBus({ path: path.join(directory, 'bus'), clock: systemClock, log });
    await bus.ensureTopics(declareTopics(2));
  }, START_TIMEOUT_MS);
  afterAll(async () => {
    await bus?.close();
    await catalog?.close();
    await rm(directory, { recursive: true, force: true });
  });

  /** Everything in the log is stored, but for these offsets of each partition, which become dead letters. */
  async function store(deadOffsets: readonly number[]): Promise<void> {
    const organization = parseOrganizationId('acme');
    for (const { partition, endOffset } of await bus.bounds(EVENTS_TOPIC)) {
      const from = (await catalog.ledger.accountedThrough(EVENTS_TOPIC, partition)) ?? 0;
      const dead = deadOffsets.filter((offset) => offset < endOffset);
      const stored = endOffset - from - dead.length;
      const account: BatchAccount = {
        topic: EVENTS_TOPIC,
        partition,
        from,
        next: endOffset,
        dayMs: DAY,
        arrivedThroughMs: NOW_MS,
        outcomes: [{ organization, stored, duplicate: 0, conflict: 0, dead: dead.length }],
        deadOffsets: dead,
      };
      await catalog.ledger.account(account);
    }
  }

  it('waits until the books say that all is stored, names the dead, and writes its receipts', async () => {
    const { pipeline, ledger } = catalog;
    const ingest = await createTestIngest({ bus, pipeline, ledger });
    const events = Array.from({ length: 20 }, (_none, index) => ({
      specversion: '1.0',
      id: `e${index}`,
      source: '/s',
      type: 't',
    }));
    let isAnswered = false;
    const sent = ingest.app.inject({
      method: 'POST',
      url: '/api/v1/events?wait=visible',
      headers: { 'x-api-key': ingest.keys.producer, 'content-type': 'application/json' },
      payload: JSON.stringify([...events, 'bad']),
    });
    void sent.then(() => {
      isAnswered = true;
    });
    await until(async () => {
      const bounds = await bus.bounds(EVENTS_TOPIC);
      return bounds.reduce((sum, { endOffset }) => sum + endOffset, 0) === events.length;
    });
    expect(isAnswered).toBe(false);
    await store([1]);
    await until(() => {
      ingest.clock.advance(10);
      return isAnswered;
    });
    const { accepted, wait } = (await sent).json<IngestReached>();
    expect([accepted, wait.reached, wait.deadLetters]).toEqual([20, true, 2]);
    expect(wait.dead.map(({ id }) => events.some((event) => event.id === id))).toEqual([true, true]);
    expect(wait.dead.map(({ deadLetter }) => deadLetter).toSorted()).toEqual([
      `${EVENTS_TOPIC}:0:1`,
      `${EVENTS_TOPIC}:1:1`,
    ]);
    await ingest.app.close();
    expect(await catalog.ledger.days(EVENTS_TOPIC, null, DAY, DAY + DAY_MS)).toMatchObject([
      { organization: 'acme', acknowledged: 20, rejected: 1, stored: 18, dead: 2 },
    ]);
  });
});
