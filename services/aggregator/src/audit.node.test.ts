/** The whole aggregator over the embedded adapters, with an auditor that has to find what is planted behind its back. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { createLmdbBus } from '@tidemark/bus';
import { openPgliteCatalog } from '@tidemark/catalog';
import { DEAD_LETTERS_TOPIC, EVENTS_TOPIC } from '@tidemark/contracts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '@tidemark/core';
import type { Clock, Measure } from '@tidemark/core';
import { systemClock } from '@tidemark/runtime';
import type { Telemetry } from '@tidemark/runtime';
import {
  createChdbExecutor,
  createDeadLetterStore,
  runWarehouseMigrations,
  WAREHOUSE_MIGRATIONS,
} from '@tidemark/warehouse';
import type { WarehouseExecutor } from '@tidemark/warehouse';
import { createSilentLog } from './app/testing.ts';
import { assembleAggregator } from './assemble.ts';
import { identityOf, identityText } from './domain/identity.ts';
import { eventRecord, organization } from './domain/testing.ts';

const CONDITION_TIMEOUT_MS = 120_000;
const acme = organization('acme');
const MEASURE: Measure = {
  fingerprint: '00000000000000a1',
  eventTypes: ['test.happened'],
  filters: [],
  value: null,
  valueKind: 'none',
  dimensions: [],
  quantileSketch: false,
};

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

/** Figures by name and labels. */
function createFigures(): {
  readonly telemetry: Telemetry;
  readonly of: (name: string) => number | undefined;
} {
  const figures = new Map<string, number>();
  const keyOf = (name: string, labels: Readonly<Record<string, string>>) =>
    [name, ...Object.values(labels)].join(' ');
  return {
    of: (name) => figures.get(name),
    telemetry: {
      increment: (name, by = 1, labels = {}) =>
        void figures.set(keyOf(name, labels), (figures.get(keyOf(name, labels)) ?? 0) + by),
      set: (name, value) => void figures.set(name, value),
      observe: () => undefined,
      text: () => Promise.resolve(''),
      contentType: '',
    },
  };
}

async function until(condition: () => boolean, what: string): Promise<void> {
  const endAtMs = systemClock.nowMs() + CONDITION_TIMEOUT_MS;
  while (!condition()) {
    if (systemClock.nowMs() > endAtMs) throw new Error(`not within ${CONDITION_TIMEOUT_MS} ms: ${what}`);
    await systemClock.sleep(20);
  }
}

/** Half past twelve of yesterday at the start, so that no midnight comes in between. */
function createNoonClock(): Clock {
  const startedAtMs = systemClock.nowMs();
  const noonMs = Math.floor(startedAtMs / DAY_MS) * DAY_MS - DAY_MS + 12.5 * HOUR_MS;
  return {
    nowMs: () => noonMs + systemClock.nowMs() - startedAtMs,
    sleep: (ms, signal) => systemClock.sleep(ms, signal),
  };
}

async function start() {
  const folder = await mkdtemp(path.join(tmpdir(), 'tidemark-audit-'));
  closers.push(() => rm(folder, { recursive: true, force: true }));
  const clock = createNoonClock();
  const log = createSilentLog();
  const bus = await createLmdbBus({ path: path.join(folder, 'bus'), clock, log });
  closers.push(() => bus.close());
  const catalog = await openPgliteCatalog({ path: path.join(folder, 'catalog') });
  closers.push(() => catalog.close());
  const warehouse = createChdbExecutor({ path: path.join(folder, 'warehouse') });
  closers.push(() => warehouse.close());
  await runWarehouseMigrations(warehouse, WAREHOUSE_MIGRATIONS, { clock, log });
  const { telemetry, of } = createFigures();
  const fatal: Error[] = [];
  const aggregator = await assembleAggregator(
    {
      bus,
      warehouse,
      catalog,
      measures: [MEASURE],
      facts: [],
      clock,
      log,
      telemetry,
      // The last hour of a day is chosen.
      random: () => 0.999,
      onFatal: (error) => fatal.push(error),
    },
    {
      partitions: 2,
      allowedLatenessMs: 0,
      batchRecordsMax: 1_000,
      batchWaitMs: 20,
      dedupeWindowMs: DAY_MS,
      dedupeBlocksMax: 2,
      unreadableRecordsMax: 100,
      auditIntervalMs: 300,
    },
  );
  closers.push(() => aggregator.close());
  const nextAudit = async () => {
    const name = 'tidemark_audit_checks_total copies done';
    const seen = of(name) ?? 0;
    // One may be under way and have seen less; the one after it has not.
    await until(() => (of(name) ?? 0) >= seen + 2, 'another audit');
  };
  return { bus, catalog, warehouse, clock, of, fatal, nextAudit };
}

function doubleOneRow(warehouse: WarehouseExecutor): Promise<void> {
  return warehouse.command({
    sql: "INSERT INTO events SELECT * FROM events WHERE id = 'event-3'",
    settings: { insert_deduplicate: 0 },
  });
}

/** A row of an event that is still to come, five hours before it; where no partition is asked about. */
function storeEarlier(warehouse: WarehouseExecutor, id: string): Promise<void> {
  const identity = identityText(identityOf(acme, 'tests', id));
  return warehouse.command({
    sql: `INSERT INTO events SELECT * REPLACE('${id}' AS id, toUInt64('${identity}') AS identity,
            received_at - INTERVAL 5 HOUR AS received_at, 99 AS bus_partition)
          FROM (SELECT * FROM events WHERE id = 'event-4')`,
    settings: { insert_deduplicate: 0 },
  });
}

describe('an audited aggregator', () => {
  it('balances while events flow, keeps dead letters, and finds a row that is doubled behind its back', async () => {
    const { bus, catalog, warehouse, clock, of, fatal, nextAudit } = await start();
    const nowMs = clock.nowMs();
    const events = Array.from({ length: 20 }, (_, index) => {
      const options = { timeMs: nowMs - 10 * MINUTE_MS, arrivedAtMs: nowMs };
      const { key, value, headers, timestampMs } = eventRecord(index, options);
      return { key, value, headers, timestampMs };
    });
    const poison = { key: 'k', value: Buffer.from('no event'), headers: {}, timestampMs: nowMs };
    await bus.publish(EVENTS_TOPIC, [...events, ...events.slice(0, 5), poison]);
    await bus.publish(DEAD_LETTERS_TOPIC, [{ ...poison, value: Buffer.from('no letter') }]);
    const dayMs = Math.floor(nowMs / DAY_MS) * DAY_MS;
    await catalog.ledger.recordReceipts('test', [
      { organization: acme, dayMs, acknowledged: 25, rejected: 0 },
    ]);

    await until(() => (of('tidemark_aggregator_events_total stored') ?? 0) === 20, 'all are stored');
    await until(() => (of('tidemark_audit_buckets_checked_total 1m') ?? 0) > 0, 'a rollup was compared');
    await until(() => of('tidemark_aggregator_letters_kept_total') === 2, 'both letters are kept');
    await nextAudit();
    expect(of('tidemark_aggregator_events_total duplicate')).toBe(5);
    expect(of('tidemark_ledger_raw_residue_events')).toBe(0);
    expect(of('tidemark_ledger_residue_events')).toBe(0);
    expect(of('tidemark_ledger_skipped_offsets')).toBe(0);
    expect(of('tidemark_audit_duplicate_events')).toBe(0);
    expect(of('tidemark_audit_missing_letters')).toBe(0);
    expect(of('tidemark_audit_rollup_differences_total 1m')).toBeUndefined();
    const letters = createDeadLetterStore(warehouse, { queryTimeoutMs: MINUTE_MS });
    const found = await letters.search({ organization: null }, { limit: 10, after: null });
    expect(found.map(({ code }) => code)).toEqual(['record-unreadable', 'record-unreadable']);

    await doubleOneRow(warehouse);
    await until(() => of('tidemark_ledger_raw_residue_events') === 1, 'books and raw disagree');
    await until(() => of('tidemark_audit_duplicate_events') === 1, 'the copy is found');
    await until(() => (of('tidemark_audit_rollup_differences_total 1m') ?? 0) > 0, 'the rollup differs');
    const differences = () => of('tidemark_audit_rollup_differences_total 1m');
    // The marked bucket is made again, so that it equals raw.
    await until(() => (of('tidemark_aggregator_buckets_recomputed_total 1m') ?? 0) >= 2, 'it is made again');
    await nextAudit();
    const settled = differences();
    await nextAudit();
    expect(differences()).toBe(settled);

    await catalog.ledger.recordReceipts('test', [
      { organization: acme, dayMs, acknowledged: 28, rejected: 0 },
    ]);
    await until(() => of('tidemark_ledger_residue_events') === 3, 'three were acknowledged and are nowhere');

    await warehouse.command({
      sql: `ALTER TABLE dead_letters DELETE WHERE startsWith(id, '${EVENTS_TOPIC}:')`,
      settings: { mutations_sync: 1 },
    });
    await until(() => of('tidemark_audit_missing_letters') === 1, 'the letter of the poison is missing');

    await storeEarlier(warehouse, 'slipped');
    await bus.publish(EVENTS_TOPIC, [eventRecord(20, { id: 'slipped', arrivedAtMs: clock.nowMs() })]);
    await until(() => of('tidemark_audit_duplicate_events') === 2, 'the copy of hours ago is found');
    expect(fatal).toEqual([]);
  }, 300_000);
});
