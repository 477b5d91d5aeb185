import { afterAll, beforeAll, describe } from '@jest/globals';
import { describeConditions } from './conformance-stores-conditions.ts';
import { describeEventStore } from './conformance-stores-events.ts';
import { describeRollupFold } from './conformance-stores-property.ts';
import { describeRollupStore } from './conformance-stores-rollups.ts';
import { describeValues } from './conformance-stores-values.ts';
import type { WarehouseHarness } from './conformance.ts';
import type { Stores } from './conformance-stores-opened.ts';
import { createEventStore } from './events.ts';
import { runWarehouseMigrations } from './migrate.ts';
import { createRollupStore } from './rollups.ts';
import { WAREHOUSE_MIGRATIONS } from './schema/index.ts';

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
      const warehouse = harness.executor;
      await runWarehouseMigrations(warehouse, WAREHOUSE_MIGRATIONS, { clock: CLOCK, log: SILENT_LOG });
      opened = {
        warehouse,
        events: createEventStore(warehouse, { insertTimeoutMs: TIMEOUT_MS, queryTimeoutMs: TIMEOUT_MS }),
        rollups: createRollupStore(warehouse),
      };
    });
    afterAll(async () => {
      await harness?.executor.close();
      await harness?.close();
    });

    const current = (): Stores => {
      if (opened === undefined) throw new Error(`${name} did not open`);
      return opened;
    };
    describeEventStore(current);
    describeRollupStore(current);
    describeRollupFold(current);
    describeValues(current);
    describeConditions(current);
  });
}
