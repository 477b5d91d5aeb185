import { existsSync } from 'node:fs';
import path from 'node:path';
import { findRepositoryRoot } from '@tidemark/testkit/cluster';

/**
 * The folder of one real data set that is not part of this repository; null when it is not there. It is looked for in
 * `TIDEMARK_TEST_SHARED_DATA`, else in `../shared/data` beside the repository.
 */
export function findSharedData(name: string): string | null {
  const root =
    process.env['TIDEMARK_TEST_SHARED_DATA'] ?? path.resolve(findRepositoryRoot(), '../shared/data');
  const folder = path.join(root, name);
  return existsSync(folder) ? folder : null;
}
