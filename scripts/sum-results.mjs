/**
 * Adds up what `scripts/test.mjs` counted: `node scripts/sum-results.mjs <failed steps> <modes…>` prints
 * `N passed, N failed, N skipped` and fails when anything did. A mode without counts is a run that broke before its
 * end, and counts as one failure, as does every failed step outside the tests.
 */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

const [failedSteps, ...modes] = process.argv.slice(2);
const sum = { passed: 0, failed: Number(failedSteps), skipped: 0 };
for (const mode of modes) {
  const file = path.resolve(import.meta.dirname, '..', '.cache', 'test-results', `${mode}.json`);
  const counts = existsSync(file)
    ? JSON.parse(readFileSync(file, 'utf8'))
    : { passed: 0, failed: 1, skipped: 0 };
  for (const key of Object.keys(sum)) sum[key] += counts[key];
}
process.stdout.write(`${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped\n`);
process.exitCode = sum.failed === 0 ? 0 : 1;
