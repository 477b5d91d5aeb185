import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createChdbExecutor } from './chdb-executor.ts';
import { describeStoresConformance } from './conformance-stores.ts';

describeStoresConformance('chDB', async () => {
  const path = await mkdtemp(join(tmpdir(), 'tidemark-chdb-'));
  const executor = createChdbExecutor({ path });
  return {
    executor,
    reopen: () => Promise.resolve(executor),
    close: () => rm(path, { recursive: true, force: true }),
  };
});
