import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createChdbExecutor } from './chdb-executor.ts';
import { describeStoresConformance } from './conformance-stores.ts';

describeStoresConformance('chDB', async () => {
  const path = await mkdtemp(join(tmpdir(), 'tidemark-chdb-'));
  let executor = createChdbExecutor({ path });
  return {
    executor,
    async reopen() {
      await executor.close();
      executor = createChdbExecutor({ path });
      return executor;
    },
    close: () => rm(path, { recursive: true, force: true }),
  };
});
