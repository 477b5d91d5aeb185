import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** Marks the root of the checkout; this module runs from `packages/testkit` as well as bundled from `dist`. */
const LANDMARK = path.join('infra', 'kafka', 'pom.xml');

/** @throws Error when this file lies in no checkout. */
export function findRepositoryRoot(): string {
  const start = path.dirname(fileURLToPath(import.meta.url));
  for (let directory = start; ; directory = path.dirname(directory)) {
    if (existsSync(path.join(directory, LANDMARK))) return directory;
    if (directory === path.dirname(directory))
      throw new Error(`${start} lies in no checkout with ${LANDMARK}`);
  }
}

/**
 * The path of a bundle.
 *
 * @throws Error saying how to build it.
 */
export function findBundle(name: string): string {
  const bundle = path.join(findRepositoryRoot(), 'dist', `${name}.js`);
  if (!existsSync(bundle)) throw new Error(`dist/${name}.js is missing; build it with: npm run build`);
  return bundle;
}
