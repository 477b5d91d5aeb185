/**
 * Bundles each runnable of the workspace into one file, `dist/<name>.js`:
 *
 *     node scripts/build.mjs [--quiet] [names…]        (default: every entry whose source exists)
 *
 * `@tidemark/*` is inlined; every other package stays an import, so native binaries and licences stay where npm
 * put them. Types are not checked here: that is `npm run typecheck`.
 */
import { existsSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import path from 'node:path';
import { build } from 'esbuild';

const ROOT = path.resolve(import.meta.dirname, '..');

/** Name of the bundle -> its entry. The container image, `npm run` scripts and the testkit use these names. */
const ENTRIES = {
  standalone: 'packages/standalone/src/main.ts',
  demo: 'packages/standalone/src/demo/main.ts',
  tidemark: 'packages/cli/src/main.ts',
  ingest: 'services/ingest/src/main.ts',
  aggregator: 'services/aggregator/src/main.ts',
  gateway: 'services/gateway/src/main.ts',
  'clickhouse-over-chdb': 'packages/testkit/src/clickhouse-over-chdb/main.ts',
  cluster: 'packages/testkit/src/cluster/main.ts',
  bench: 'packages/bench/src/main.ts',
  faults: 'packages/faults/src/main.ts',
  fuzz: 'packages/faults/src/hostile/main.ts',
  simulate: 'services/aggregator/src/simulation/main.ts',
};

const arguments_ = process.argv.slice(2);
const quiet = arguments_.includes('--quiet');
const named = arguments_.filter((argument) => argument !== '--quiet');
const exists = (name) => existsSync(path.join(ROOT, ENTRIES[name]));

const unknown = named.filter((name) => !Object.hasOwn(ENTRIES, name));
const missing = named.filter((name) => Object.hasOwn(ENTRIES, name) && !exists(name));
if (unknown.length > 0)
  fail(`no such entry: ${unknown.join(', ')}; there are: ${Object.keys(ENTRIES).join(', ')}`);
if (missing.length > 0)
  fail(`no source for: ${missing.map((name) => `${name} (${ENTRIES[name]})`).join(', ')}`);

const names = named.length > 0 ? [...new Set(named)] : Object.keys(ENTRIES).filter(exists);
const startedAtMs = performance.now();
try {
  await build({
    absWorkingDir: ROOT,
    entryPoints: names.map((name) => ({ in: ENTRIES[name], out: name })),
    outdir: 'dist',
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    sourcemap: 'linked',
    conditions: ['import', 'node'],
    // For CommonJS packages that are inlined (see below) and require one that is not.
    banner: {
      js: "import { createRequire as createRequireOfBundle } from 'node:module'; const require = createRequireOfBundle(import.meta.url);",
    },
    logLevel: 'warning',
    plugins: [inlineOnlyTidemark()],
  });
} catch {
  // esbuild has already printed every fault with its place.
  process.exit(1);
}
if (!quiet) {
  const elapsedMs = Math.round(performance.now() - startedAtMs);
  process.stdout.write(`built ${names.map((name) => `dist/${name}.js`).join(', ')} in ${elapsedMs} ms\n`);
}

/**
 * Everything imported by a bare name is external, except `@tidemark/*` and what npm put below one workspace because
 * its version differs from the one at the root: from `dist`, only the root is seen.
 */
function inlineOnlyTidemark() {
  return {
    name: 'inline-only-tidemark',
    setup(builder) {
      builder.onResolve({ filter: /^[^./]/ }, (request) => {
        if (request.kind === 'entry-point' || request.path.startsWith('@tidemark/')) return undefined;
        if (isBuiltin(request.path)) return { path: request.path, external: true };
        const folder = findPackageFolder(toPackageName(request.path), request.resolveDir);
        return folder === path.join(ROOT, 'node_modules')
          ? { path: request.path, external: true }
          : undefined;
      });
    },
  };
}

function toPackageName(specifier) {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}

/** The `node_modules` that Node would find the package in, or undefined. */
function findPackageFolder(name, startDir) {
  for (let directory = startDir; directory !== path.dirname(directory); directory = path.dirname(directory)) {
    const folder = path.join(directory, 'node_modules');
    if (existsSync(path.join(folder, name))) return folder;
  }
  return undefined;
}

function fail(message) {
  process.stderr.write(`build: ${message}\n`);
  process.exit(2);
}
