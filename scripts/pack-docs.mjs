/** Writes `docs/packs/<pack>.md` from the declarations. A unit test holds the pages to them. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';

const ROOT = path.resolve(import.meta.dirname, '..');

const { outputFiles } = await build({
  absWorkingDir: ROOT,
  stdin: {
    contents: `
      export { createCatalogue } from '@tidemark/core';
      export { PACKS } from './packages/packs/src/index.ts';
      export { packPage } from './packages/packs/src/pages.ts';
    `,
    resolveDir: ROOT,
  },
  bundle: true,
  format: 'esm',
  platform: 'node',
  write: false,
});
const [{ text }] = outputFiles;
const { createCatalogue, PACKS, packPage } = await import(`data:text/javascript,${encodeURIComponent(text)}`);
const catalogue = createCatalogue(PACKS);
for (const pack of PACKS) {
  writeFileSync(path.join(ROOT, 'docs/packs', `${pack.key}.md`), packPage(pack, catalogue));
}
