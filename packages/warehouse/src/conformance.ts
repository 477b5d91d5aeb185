import { afterAll, beforeAll, describe } from '@jest/globals';
import type { Current } from './conformance-current.ts';
import { describeDurability } from './conformance-durability.ts';
import { describeInserts } from './conformance-inserts.ts';
import { describeMigrations } from './conformance-migrations.ts';
import { describeQueries } from './conformance-queries.ts';
import { describeRows } from './conformance-rows.ts';
import { describeStreams } from './conformance-streams.ts';
import type { WarehouseExecutor } from './port.ts';

/** An empty warehouse of its own, and how to come back to it. */
export interface WarehouseHarness {
  readonly executor: WarehouseExecutor;
  /** Closes the executor and opens another over the same data. */
  reopen(): Promise<WarehouseExecutor>;
  /** Closes and removes everything. */
  close(): Promise<void>;
}

/** What every executor must do; each adapter runs the same. */
export function describeWarehouseConformance(
  name: string,
  createHarness: () => Promise<WarehouseHarness>,
): void {
  describe(`${name}: the warehouse port`, () => {
    let harness: WarehouseHarness | undefined;
    let executor: WarehouseExecutor | undefined;

    beforeAll(async () => {
      harness = await createHarness();
      executor = harness.executor;
    });
    afterAll(async () => {
      await executor?.close();
      await harness?.close();
    });

    const current: Current = () => {
      if (executor === undefined) throw new Error(`${name} did not open`);
      return executor;
    };
    const reopen = async (): Promise<WarehouseExecutor> => {
      executor = await harness?.reopen();
      return current();
    };

    describeQueries(current);
    describeStreams(current);
    describeInserts(current);
    describeRows(current);
    describeMigrations(current);
    describeDurability(current, reopen);
  });
}
