/** A sample of `npm run fuzz` on one process. */
import { expect, it } from '@jest/globals';
import { proveHostileSample, SAMPLE_TIMEOUT_MS } from './test-sample.ts';
import { startEmbeddedTarget } from './target.ts';

it(
  'answers hostile requests as it should',
  () => expect(proveHostileSample(startEmbeddedTarget)).resolves.toBeUndefined(),
  SAMPLE_TIMEOUT_MS,
);
