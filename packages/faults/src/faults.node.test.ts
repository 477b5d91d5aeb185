/** A sample of `npm run faults` on one process. */
import { expect, it } from '@jest/globals';
import { proveSample, SAMPLE_TIMEOUT_MS } from './test-sample.ts';

it(
  'keeps its promises while the process is killed',
  async () => {
    const sample = { profile: 'embedded', faults: 3, seed: 20_261, faultNames: null } as const;
    await expect(proveSample(sample)).resolves.toBeUndefined();
  },
  SAMPLE_TIMEOUT_MS,
);
