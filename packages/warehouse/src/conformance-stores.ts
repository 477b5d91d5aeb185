import { afterAll, beforeAll, describe } from '@jest/globals';
import { describeBooks } from './conformance-stores-books.ts';
import { describeComparison } from './conformance-stores-comparison.ts';
import { describeConditions } from './conformance-stores-conditions.ts';
import { describeLetterBooks } from './conformance-stores-letter-books.ts';
import { describeDeadLetters } from './conformance-stores-letters.ts';
import { describeEventStore } from './conformance-stores-events.ts';
import { describeRollupFold } from './conformance-stores-property.ts';
import { describeRollupStore } from './conformance-stores-rollups.ts';
import { describeSubjects } from './conformance-stores-subjects.ts';
import { describeTokens } from './conformance-stores-tokens.ts';
import { describeValues } from './conformance-stores-values.ts';
import type { WarehouseHarness } from './conformance.ts';
import type { Stores } from './conformance-stores-opened.ts';
import { createDeadLetterStore } from './dead-letters.ts';
import { createEventStore } from './events.ts';
import { createLetterBooks } from './letter-books.ts';
import { runWarehouseMigrations } from './migrate.ts';
import type { WarehouseExecutor } from './port.ts';
import { createRollupStore } from './rollups.ts';
import { WAREHOUSE_MIGRATIONS } from './schema/index.ts';
import { createSubjectStore } from './subjects.ts';

const TIMEOUT_MS = 30_000;
const SILENT_LOG = { info: () => undefined, warn: () => undefined };
const CLOCK = { nowMs: () => 0, sleep: () => Promise.resolve() };

/**
 * What raw and rollups must do over every executor. Each test writes under an organization and a topic of its own, so one warehouse
 * serves them all.
 */
export function describeStoresConformance(
  name: string,
  createHarness: () => Promise<WarehouseHarness>,
): void {
  describe(`${name}: events and rollups`, () => {
    let harness: WarehouseHarness | undefined;
    let opened: Stores | undefined;

    beforeAll(async () => {
      harness = await createHarness();
      await runWarehouseMigrations(harness.executor, WAREHOUSE_MIGRATIONS, { clock: CLOCK, log: SILENT_LOG });
      opened = openStores(harness.executor);
    });
    afterAll(async () => {
      await opened?.warehouse.close();
      await harness?.close();
    });

    const current = (): Stores => {
      if (opened === undefined) throw new Error(`${name} did not open`);
      return opened;
    };
    const reopen = async (): Promise<Stores> => {
      const executor = await harness?.reopen();
      if (executor !== undefined) opened = openStores(executor);
      return current();
    };
    describeEventStore(current);
    describeBooks(current);
    describeTokens(current, reopen);
    describeDeadLetters(current);
    describeLetterBooks(current);
    describeRollupStore(current);
    describeComparison(current);
    describeRollupFold(current);
    describeValues(current);
    describeConditions(current);
    describeSubjects(current);
  });
}

function openStores(warehouse: WarehouseExecutor): Stores {
  return {
    warehouse,
    events: createEventStore(warehouse, { insertTimeoutMs: TIMEOUT_MS, queryTimeoutMs: TIMEOUT_MS }),
    rollups: createRollupStore(warehouse),
    subjects: createSubjectStore(warehouse),
    letters: createDeadLetterStore(warehouse, { queryTimeoutMs: TIMEOUT_MS }),
    letterBooks: createLetterBooks(warehouse, { queryTimeoutMs: TIMEOUT_MS }),
  };
}
