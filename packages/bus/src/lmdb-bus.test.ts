import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { realClock } from './conformance-support.ts';
import { describeBusConformance } from './conformance.ts';
import { createLmdbBus } from './lmdb-bus.ts';
import { silentLog } from './test-log.ts';

describeBusConformance('lmdb', async () => {
  const path = await mkdtemp(join(tmpdir(), 'tidemark-bus-'));
  const sessionTimeoutMs = 3_000;
  return {
    clock: realClock,
    sessionTimeoutMs,
    open: () => createLmdbBus({ path, clock: realClock, log: silentLog, sessionTimeoutMs }),
    dispose: () => rm(path, { recursive: true, force: true }),
  };
});
