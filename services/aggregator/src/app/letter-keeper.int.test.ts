/** The keeper over a real Kafka and a real engine: restarts and takeovers keep every letter once. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createKafkaBus } from '@tidemark/bus';
import type { Bus } from '@tidemark/bus';
import { DEAD_LETTERS_TOPIC, declareTopics, encodeDeadLetter } from '@tidemark/contracts';
import { MINUTE_MS } from '@tidemark/core';
import { systemClock } from '@tidemark/runtime';
import {
  createClickhouseDatabase,
  createClickhouseExecutor,
  createDeadLetterStore,
  runWarehouseMigrations,
  WAREHOUSE_MIGRATIONS,
} from '@tidemark/warehouse';
import type { DeadLetterStore, WarehouseExecutor } from '@tidemark/warehouse';
import { organization } from '../domain/testing.ts';
import { runLetterKeeper } from './letter-keeper.ts';
import { createSilentLog } from './testing.ts';

/** The default of the services: other suites start them on the same broker, and the number never changes. */
const PARTITIONS = 6;
const CONDITION_TIMEOUT_MS = 60_000;
/** The least a broker accepts by default. */
const SESSION_TIMEOUT_MS = 6_000;

function required(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '') throw new Error(`${name} names no backend`);
  return value;
}

const url = required('TIDEMARK_TEST_CLICKHOUSE_URL');
const brokers = required('TIDEMARK_TEST_KAFKA_BROKERS').split(',');
const database = `tidemark_letters_${randomUUID().replaceAll('-', '')}`;
const log = createSilentLog();
/** Other suites share the broker and its topic: only these letters are looked at. */
const owner = organization(`keeper-${randomUUID().slice(0, 8)}`);

const arrivedAtMs = systemClock.nowMs();

let bus: Bus;
let warehouse: WarehouseExecutor;
let letters: DeadLetterStore;

beforeAll(async () => {
  bus = createKafkaBus({
    brokers,
    clientId: 'tidemark-letters',
    clock: systemClock,
    log,
    sessionTimeoutMs: SESSION_TIMEOUT_MS,
  });
  await bus.ensureTopics(declareTopics(PARTITIONS));
  await createClickhouseDatabase({ url, database });
  warehouse = createClickhouseExecutor({ url, database });
  await runWarehouseMigrations(warehouse, WAREHOUSE_MIGRATIONS, { clock: systemClock, log });
  letters = createDeadLetterStore(warehouse, { queryTimeoutMs: MINUTE_MS });
}, 60_000);

afterAll(async () => {
  await bus.close();
  await warehouse.command({ sql: `DROP DATABASE IF EXISTS ${database}` });
  await warehouse.close();
});

function publish(ids: readonly string[]): Promise<unknown> {
  return bus.publish(
    DEAD_LETTERS_TOPIC,
    ids.map((id) => ({
      key: id,
      value: encodeDeadLetter({
        id,
        organization: owner,
        stage: 'aggregator',
        code: 'event-not-storable',
        detail: 'why',
        attempt: 1,
        arrivedAtMs,
        eventType: 'test.happened',
        eventSource: 'tests',
        eventId: id,
        headers: {},
        value: Buffer.from([0, 255, 128]),
      }),
      headers: {},
      timestampMs: arrivedAtMs,
    })),
  );
}

/** A keeper as one process has it; `stop` leaves the group. */
function keep() {
  const stop = new AbortController();
  const fatal: Error[] = [];
  const ended = runLetterKeeper(
    {
      bus,
      letters,
      clock: systemClock,
      log,
      random: Math.random,
      onKept: () => undefined,
      onRetry: () => undefined,
      onFatal: (error) => fatal.push(error),
    },
    stop.signal,
  );
  return {
    fatal,
    stop: () => {
      stop.abort();
      return ended;
    },
  };
}

async function keptIds(): Promise<readonly string[]> {
  const found = await letters.search({ organization: owner }, { limit: 1_000, after: null });
  return found.map(({ id }) => id);
}

async function untilKept(count: number): Promise<void> {
  const endAtMs = systemClock.nowMs() + CONDITION_TIMEOUT_MS;
  for (let kept = 0; kept < count; kept = (await keptIds()).length) {
    if (systemClock.nowMs() > endAtMs) throw new Error(`${kept} letters of ${count} are kept`);
    await systemClock.sleep(50);
  }
}

const idsOf = (name: string, count: number) =>
  Array.from({ length: count }, (_, index) => `${name}-${index}`);

describe('the keeper of dead letters over Kafka', () => {
  it('keeps each letter once, over a restart and with a second keeper', async () => {
    const first = idsOf('first', 200);
    await publish(first);
    const one = keep();
    await untilKept(200);
    await one.stop();
    const second = idsOf('second', 200);
    await publish(second);
    const both = [keep(), keep()];
    await untilKept(400);
    // A letter that is published again stays the one it is.
    await publish(first.slice(0, 10));
    const third = idsOf('third', 50);
    await publish(third);
    await untilKept(450);
    await Promise.all(both.map((keeper) => keeper.stop()));
    const kept = await keptIds();
    expect(kept).toHaveLength(450);
    expect(new Set(kept)).toEqual(new Set([...first, ...second, ...third]));
    expect([one, ...both].flatMap(({ fatal }) => fatal)).toEqual([]);
    const letter = await letters.find(owner, 'third-7');
    expect(letter).toMatchObject({ state: 'open', eventId: 'third-7', value: Buffer.from([0, 255, 128]) });
  }, 120_000);
});
