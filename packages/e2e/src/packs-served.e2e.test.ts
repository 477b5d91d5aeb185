/** The packs over real logs, on one process with Node alone and on Kafka, ClickHouse, Postgres and Redis. */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe } from '@jest/globals';
import { describePacksServed } from './packs-served.ts';
import { profileUnderTest, startSystem } from './system.ts';
import type { System } from './system.ts';

const START_TIMEOUT_MS = 90_000;

describe(`The packs, ${profileUnderTest()}`, () => {
  let system: System;
  const stateDir = mkdtempSync(path.join(os.tmpdir(), 'tidemark-e2e-state-'));

  beforeAll(async () => {
    system = await startSystem();
  }, START_TIMEOUT_MS);
  afterAll(async () => {
    await system?.stop();
    rmSync(stateDir, { recursive: true, force: true });
  }, START_TIMEOUT_MS);

  describePacksServed(
    () => system,
    () => stateDir,
  );
});
