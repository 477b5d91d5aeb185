/**
 * Proves that the rules still catch what they are for: plants one violation of each in a folder of its own, runs the
 * real configuration over it, and fails when one goes unnoticed. A rule whose pattern no longer matches anything looks
 * exactly like clean code otherwise.
 *
 *     node scripts/prove-rules.mjs boundaries|lint
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const ROOT = path.resolve(import.meta.dirname, '..');

/** Rule -> the files (path: text) that break it. */
const BOUNDARIES = {
  'layer-core': { 'packages/core/src/a.ts': "import '@tidemark/contracts';" },
  'layer-contracts': { 'packages/contracts/src/a.ts': "import type { T } from '@tidemark/runtime';" },
  'layer-runtime': { 'packages/runtime/src/a.ts': "export * from '@tidemark/bus';" },
  'layer-bus': { 'packages/bus/src/a.ts': "import '@tidemark/catalog';" },
  'layer-warehouse': { 'packages/warehouse/src/a.ts': "import '@tidemark/query';" },
  'layer-catalog': { 'packages/catalog/src/a.ts': "import '@tidemark/cache';" },
  'layer-cache': { 'packages/cache/src/a.ts': "import '@tidemark/packs';" },
  'layer-artifacts': { 'packages/artifacts/src/a.ts': "import '@tidemark/bus';" },
  'layer-query': { 'packages/query/src/a.ts': "import '@tidemark/packs';" },
  'layer-exports': { 'packages/exports/src/a.ts': "import '@tidemark/contracts';" },
  'layer-packs': { 'packages/packs/src/a.ts': "import '@tidemark/warehouse';" },
  'layer-cli': { 'packages/cli/src/a.ts': "import '@tidemark/runtime';" },
  'layer-service': { 'services/ingest/src/a.ts': "import '@tidemark/gateway';" },
  'layer-standalone': { 'packages/standalone/src/a.ts': "await import('@tidemark/cli');" },
  'core-is-pure': { 'packages/core/src/b.ts': "import { readFileSync } from 'node:fs';" },
  'tests-stay-out-of-production': { 'services/gateway/src/a.ts': "import '@tidemark/testkit';" },
  'driver-of-bus': { 'services/ingest/src/b.ts': "import { Kafka } from 'kafkajs';" },
  'driver-of-warehouse': { 'packages/query/src/b.ts': "import { createClient } from '@clickhouse/client';" },
  'driver-of-catalog': { 'services/gateway/src/b.ts': "import { Client } from 'pg';" },
  'driver-of-cache': { 'services/gateway/src/c.ts': "import { Redis } from 'ioredis';" },
  'packages-by-name': { 'packages/query/src/c.ts': "import '../../core/src/index.ts';" },
  'no-cycles': {
    'packages/packs/src/b.ts': "import './c.ts';",
    'packages/packs/src/c.ts': "import './b.ts';",
  },
  'no-unresolvable': { 'packages/packs/src/d.ts': "import './nowhere.ts';" },
  'no-orphans': { 'packages/packs/src/e.ts': 'export const alone = 1;' },
};

/** Lint rule -> the text of a file that breaks it. */
const LINT = {
  'typescript/no-floating-promises': 'export function f(): void { Promise.resolve(1); }',
  'typescript/no-misused-promises':
    'export function f(list: number[]): void { list.forEach(async () => { await Promise.resolve(); }); }',
  'typescript/await-thenable': 'export async function f(): Promise<number> { return await 1; }',
  'typescript/no-explicit-any': 'export function f(x: any): unknown { return x; }',
  'typescript/no-unsafe-assignment': "export function f(): unknown { const x = JSON.parse('1'); return x; }",
  'typescript/no-non-null-assertion': 'export function f(x: string | null): string { return x!; }',
  'typescript/switch-exhaustiveness-check':
    "export function f(x: 'a' | 'b'): number { switch (x) { case 'a': return 1; } return 2; }",
  'typescript/consistent-type-imports': "import { Buffer } from 'node:buffer'; export type B = Buffer;",
  'typescript/return-await':
    'export async function f(): Promise<number> { try { return Promise.resolve(1); } catch { return 2; } }',
  'typescript/only-throw-error': "export function f(): void { throw 'text'; }",
  'typescript/prefer-promise-reject-errors':
    "export function f(): Promise<void> { return Promise.reject('text'); }",
  'eslint/no-console': "export function f(): void { console.log('x'); }",
  'eslint/eqeqeq': 'export function f(x: unknown): boolean { return x == 1; }',
  'eslint/prefer-const': 'export function f(): number { let x = 1; return x; }',
  'eslint/no-unused-vars': 'export function f(): void { const x = 1; }',
  'eslint/no-var': 'var x = 1; export { x };',
  'eslint/no-empty': 'export function f(): void { try { f(); } catch {} }',
  'eslint/no-warning-comments': '// TODO later\nexport const x = 1;',
  'eslint/no-restricted-imports':
    "import { createKafkaBus } from '@tidemark/bus'; export const bus = createKafkaBus;",
  'jest/no-focused-tests': "import { it } from '@jest/globals'; it.only('x', () => {});",
};

const CHECKS = { boundaries: proveBoundaries, lint: proveLint };
const check = CHECKS[process.argv[2] ?? ''];
if (check === undefined) {
  process.stderr.write(`prove-rules: expected one of ${Object.keys(CHECKS).join(', ')}\n`);
  process.exit(2);
}
const folder = mkdtempSync(path.join(os.tmpdir(), 'tidemark-rules-'));
try {
  const unnoticed = check(folder);
  if (unnoticed.length > 0) {
    process.stderr.write(`prove-rules: these rules no longer catch anything: ${unnoticed.join(', ')}\n`);
    process.exitCode = 1;
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function proveBoundaries(directory) {
  const names = [
    'core',
    'contracts',
    'runtime',
    'bus',
    'warehouse',
    'catalog',
    'cache',
    'artifacts',
    'query',
    'packs',
  ];
  const packages = [...names, 'cli', 'standalone', 'testkit'].map((name) => `packages/${name}`);
  const services = ['ingest', 'aggregator', 'gateway'].map((name) => `services/${name}`);
  for (const place of [...packages, ...services]) {
    const name = `@tidemark/${path.basename(place)}`;
    plant(
      directory,
      `${place}/package.json`,
      JSON.stringify({ name, type: 'module', exports: './src/index.ts' }),
    );
    plant(directory, `${place}/src/index.ts`, 'export type T = string;');
    mkdirSync(path.join(directory, 'node_modules/@tidemark'), { recursive: true });
    symlinkSync(path.join(directory, place), path.join(directory, 'node_modules', name));
  }
  for (const driver of ['kafkajs', '@clickhouse/client', 'pg', 'ioredis']) {
    plant(
      directory,
      `node_modules/${driver}/package.json`,
      JSON.stringify({ name: driver, main: 'index.js' }),
    );
    plant(directory, `node_modules/${driver}/index.js`, 'module.exports = {};');
  }
  for (const files of Object.values(BOUNDARIES)) {
    for (const [file, text] of Object.entries(files)) plant(directory, file, text);
  }
  const program = path.join(ROOT, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
  const config = path.join(ROOT, '.dependency-cruiser.cjs');
  const report = run(
    program,
    ['--config', config, '--output-type', 'json', 'packages', 'services'],
    directory,
  );
  const { violations } = JSON.parse(report).summary;
  const seen = new Set(violations.map(({ rule, from }) => `${rule.name} ${from}`));
  return Object.entries(BOUNDARIES).flatMap(([rule, files]) =>
    Object.keys(files).some((file) => seen.has(`${rule} ${file}`)) ? [] : [rule],
  );
}

function proveLint(directory) {
  cpSync(path.join(ROOT, '.oxlintrc.json'), path.join(directory, '.oxlintrc.json'));
  cpSync(path.join(ROOT, 'tsconfig.json'), path.join(directory, 'tsconfig.json'));
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(directory, 'node_modules'));
  const files = Object.fromEntries(
    Object.keys(LINT).map((rule) => [rule, `services/planted/src/${rule.replace('/', '-')}.ts`]),
  );
  for (const [rule, file] of Object.entries(files)) plant(directory, file, `${LINT[rule]}\n`);
  const program = path.join(ROOT, 'node_modules/oxlint/bin/oxlint');
  const { diagnostics } = JSON.parse(
    run(program, ['--type-aware', '--format', 'json', 'services'], directory),
  );
  const seen = new Set(diagnostics.map(({ code, filename }) => `${toRuleName(code)} ${filename}`));
  return Object.entries(files).flatMap(([rule, file]) => (seen.has(`${rule} ${file}`) ? [] : [rule]));
}

/** `typescript(no-explicit-any)` and `typescript-eslint(no-explicit-any)` -> `typescript/no-explicit-any`. */
function toRuleName(code) {
  return code.replace('typescript-eslint', 'typescript').replace('(', '/').replace(')', '');
}

function plant(directory, file, text) {
  const target = path.join(directory, file);
  mkdirSync(path.dirname(target), { recursive: true });
  writeFileSync(target, text);
}

/** Both programs exit with a failure when they find something, which is what is wanted here. */
function run(program, programArguments, cwd) {
  const { stdout, stderr, error } = spawnSync(process.execPath, [program, ...programArguments], {
    cwd,
    encoding: 'utf8',
  });
  if (error !== undefined) throw error;
  if (stdout === '') throw new Error(`${program} printed nothing; it said: ${stderr}`);
  return stdout;
}
