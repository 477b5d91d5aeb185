/** A sample of `npm run faults` on Kafka, ClickHouse, Postgres and Redis of its own: the same seed every time. */
import { describe, expect, it } from '@jest/globals';
import { runFaults } from './run.ts';
import { assertProved } from './test-report.ts';

const SAMPLE_FAULTS = 5;
const DAYS_VERIFIED_MAX = 2;
const SAMPLE_TIMEOUT_MS = 300_000;
const SEED = 20_262;
/** Those that take seconds, not half minutes. */
const FAULTS = [
  'kill aggregator',
  'kill ingest',
  'kill warehouse',
  'warehouse cut before the reply',
  'poison the log',
];

/** It takes backends away, so it needs programs of this machine: containers and foreign addresses are left alone. */
const suite = process.env['TIDEMARK_TEST_LOCAL_BACKENDS'] === 'true' ? describe : describe.skip;

suite('faults', () => {
  it(
    'keeps its promises while services and backends are killed and cut off',
    async () => {
      const report = await runFaults({
        profile: 'distributed',
        length: { faults: SAMPLE_FAULTS },
        seed: SEED,
        daysVerifiedMax: DAYS_VERIFIED_MAX,
        faultNames: FAULTS,
        log: (line) => process.stderr.write(`${line}\n`),
      });
      expect({ evidence: report.evidencePath, violations: report.violations }).toEqual({
        evidence: null,
        violations: 0,
      });
      assertProved(report);
    },
    SAMPLE_TIMEOUT_MS,
  );
});
