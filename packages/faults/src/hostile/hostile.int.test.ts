/** A sample of `npm run fuzz` on Kafka, ClickHouse, Postgres and Redis of its own. */
import { describe, expect, it } from '@jest/globals';
import { startDistributedTarget } from './target.ts';
import { proveHostileSample, SAMPLE_TIMEOUT_MS } from './test-sample.ts';

/** It starts programs of this machine: containers and foreign addresses are left alone. */
const suite = process.env['TIDEMARK_TEST_LOCAL_BACKENDS'] === 'true' ? describe : describe.skip;

suite('hostile requests', () => {
  it(
    'answers them as it should',
    () =>
      expect(
        proveHostileSample((dir, shutdown) => startDistributedTarget(dir, shutdown, () => undefined)),
      ).resolves.toBeUndefined(),
    SAMPLE_TIMEOUT_MS,
  );
});
