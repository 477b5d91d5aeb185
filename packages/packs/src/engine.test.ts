import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { PACKS } from './index.ts';

const ROOT = path.resolve(import.meta.dirname, '../../..');
const PACKAGES = ['core', 'contracts', 'runtime', 'bus', 'warehouse', 'catalog', 'cache', 'query'];

/** Everything a pack may declare a name for. */
const DECLARED: ReadonlySet<string> = new Set(
  PACKS.flatMap((pack) => [
    ...pack.eventTypes.map(({ type }) => type),
    ...pack.metrics.map(({ key }) => key),
    ...pack.subjects.map(({ kind }) => kind),
    ...pack.views.map(({ key }) => key),
    ...pack.importMappings.map(({ key }) => key),
  ]),
);
const MEMBER_OF_A_PACK = new RegExp(`\\b(?:${PACKS.map(({ key }) => key).join('|')})\\.[a-z_{$]`);

const COMMENT = /\/\*[^]*?\*\/|(?<=^|\s)\/\/.*$/gm;
const MODULE_NAME = /\b(?:from|import)\s*\(?\s*'[^'\n]*'/g;
const TEXT = /'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`/g;

/** The strings of a source that name a pack, or anything that one declares. */
function namesIn(source: string): string[] {
  const texts = source.replaceAll(COMMENT, '').replaceAll(MODULE_NAME, '').match(TEXT) ?? [];
  return texts.filter((text) => DECLARED.has(text.slice(1, -1)) || MEMBER_OF_A_PACK.test(text));
}

function sourcesUnder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .map((file) => path.join(folder, file));
}

/** What only tests use, told by where it lies or how it is called. */
const FOR_TESTS = /(?:^|\/)(?:testing|test-[a-z-]+|conformance[a-z-]*|simulation)(?:\/|[.-]|$)/;

describe('the engine', () => {
  it.each([
    [`metric('http.requests')`, [`'http.requests'`]],
    ['const key = `llm.${name}`;', ['`llm.${name}`']],
    [`type: "ticket.created"`, [`"ticket.created"`]],
    [`import { x } from './http.ts';`, []],
    [`// as in 'http.requests'`, []],
    [`/** like \`llm.cost\` */ const url = 'http://a.b';`, []],
  ])('would be caught with %s', (source, expected) => {
    expect(namesIn(source)).toEqual(expected);
  });

  it('names no pack and nothing that one declares', () => {
    const services = readdirSync(path.join(ROOT, 'services')).map((name) =>
      path.join(ROOT, 'services', name, 'src'),
    );
    const folders = [...PACKAGES.map((name) => path.join(ROOT, 'packages', name, 'src')), ...services];
    const files = folders.flatMap(sourcesUnder).filter((file) => !FOR_TESTS.test(path.relative(ROOT, file)));
    expect(files.length).toBeGreaterThan(200);
    const found = files.flatMap((file) =>
      namesIn(readFileSync(file, 'utf8')).map((text) => `${path.relative(ROOT, file)}: ${text}`),
    );
    expect(found).toEqual([]);
  });
});
