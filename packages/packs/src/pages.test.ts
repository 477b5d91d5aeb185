import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { createCatalogue } from '@tidemark/core';
import { PACKS } from './index.ts';
import { packPage } from './pages.ts';

const DOCS = path.resolve(import.meta.dirname, '../../../docs/packs');
const catalogue = createCatalogue(PACKS);

describe('docs/packs', () => {
  it.each(PACKS.map((pack) => [pack.key, pack] as const))(
    '%s.md is what `npm run docs:packs` makes of the declarations',
    (key, pack) => {
      expect(readFileSync(path.join(DOCS, `${key}.md`), 'utf8')).toBe(packPage(pack, catalogue));
    },
  );

  it('README.md links every page', () => {
    const index = readFileSync(path.join(DOCS, 'README.md'), 'utf8');
    for (const { key } of PACKS) expect(index).toContain(`(${key}.md)`);
  });
});
