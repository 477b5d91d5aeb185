/** A sample of `npm run faults` on Kafka, ClickHouse, Postgres and Redis of its own. */
import { describe, expect, it } from '@jest/globals';
import { proveSample, SAMPLE_TIMEOUT_MS } from './test-sample.ts';

/** Those that take seconds, not half minutes. */
const FAULTS = ['kill aggregator', 'kill ingest', 'kill warehouse'];
/** Of its five faults two kill ingest: without them nothing would have to be sent again. */
const SEED = 20_266;

/** It takes backends away, so it needs programs of this machine: containers and foreign addresses are left alone. */
const suite = process.env['TIDEMARK_TEST_LOCAL_BACKENDS'] === 'true' ? describe : describe.skip;

suite('faults', () => {
  it(
    'keeps its promises while services and backends are killed and cut off',
    async () => {
      const sample = { profile: 'distributed', faults: 5, seed: SEED, faultNames: FAULTS } as const;
      await expect(proveSample(sample)).resolves.toBeUndefined();
    },
    SAMPLE_TIMEOUT_MS,
  );
});
