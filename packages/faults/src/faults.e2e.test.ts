/** A sample of `npm run faults` on one process: the same seed every time, a handful of kills. */
import { describe, expect, it } from '@jest/globals';
import { runFaults } from './run.ts';
import { assertProved } from './test-report.ts';

const SAMPLE_FAULTS = 3;
const DAYS_VERIFIED_MAX = 2;
const SAMPLE_TIMEOUT_MS = 300_000;
const SEED = 20_261;

/** The distributed sample needs backends that may be taken away: faults.int.test.ts. */
const suite = process.env['TIDEMARK_TEST_PROFILE'] === 'embedded' ? describe : describe.skip;

suite('faults', () => {
  it(
    'keeps its promises while the process is killed',
    async () => {
      const report = await runFaults({
        profile: 'embedded',
        length: { faults: SAMPLE_FAULTS },
        seed: SEED,
        daysVerifiedMax: DAYS_VERIFIED_MAX,
        faultNames: null,
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
