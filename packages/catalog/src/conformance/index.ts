import { afterAll, beforeAll, beforeEach, describe } from '@jest/globals';
import { createCatalog } from '../catalog.ts';
import type { SqlExecutor } from '../port.ts';
import { describeAudit } from './audit.ts';
import { describeClaims } from './claims.ts';
import { describeDefinitions } from './definitions.ts';
import {
  type CatalogHarness,
  type CatalogStore,
  emptyTables,
  type Replicas,
  withoutClose,
} from './harness.ts';
import { describeHolds } from './holds.ts';
import { describeKeys } from './keys.ts';
import { describeLedger } from './ledger.ts';
import { describeReceipts } from './receipts.ts';
import { describeMarks } from './marks.ts';
import { describeMigrations } from './migrations.ts';
import { describeProgress } from './progress.ts';
import { describeRotation } from './rotation.ts';
import { describeSql } from './sql.ts';
import { describeUsers } from './users.ts';

export type { CatalogHarness, CatalogStore } from './harness.ts';

/** What every catalog must do. Call at the top of a test file. */
export function describeCatalog(name: string, harness: CatalogHarness): void {
  describe(`catalog on ${name}`, () => {
    let store: CatalogStore;
    let executors: readonly [SqlExecutor, SqlExecutor];
    let replicas: Replicas;

    beforeAll(async () => {
      store = await harness.createStore();
      executors = [await store.connect(), await store.connect()];
    });
    beforeEach(async () => {
      replicas = {
        first: await createCatalog(withoutClose(executors[0])),
        second: await createCatalog(withoutClose(executors[1])),
        executor: executors[0],
      };
      await emptyTables(executors[0]);
    });
    afterAll(async () => await store.destroy());

    describeSql(() => executors[0]);
    describeMigrations(() => executors);
    describeKeys(() => replicas);
    describeRotation(() => replicas);
    describeUsers(() => replicas);
    describeDefinitions(() => replicas);
    describeAudit(() => replicas);
    describeProgress(() => replicas);
    describeClaims(() => replicas);
    describeMarks(() => replicas);
    describeHolds(() => replicas);
    describeLedger(() => replicas);
    describeReceipts(() => replicas);
  });
}
