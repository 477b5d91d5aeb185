/**
 * Runs one suite: `node scripts/test.mjs <mode> [arguments for jest…]`
 *
 *   unit   every *.test.ts that is none of .int., .e2e. and .node.: no process, no network
 *   node   unit, *.node.test.ts (processes from dist, nothing else), and *.e2e.test.ts on the embedded profile: everything
 *          that needs only Node
 *   real   *.int.test.ts, and *.e2e.test.ts on the distributed profile, against real Kafka, ClickHouse, Postgres and
 *          Redis. packages/testkit/src/cluster says where each comes from; one that cannot be had is an error
 *
 * A run fails when a test fails and also when it leaks: a worker that had to be killed, or a run that is over but
 * whose process does not end. The counts are written to .cache/test-results/<mode>.json for `.ci/run`.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';

const ROOT = path.resolve(import.meta.dirname, '..');
const RESULTS_DIR = path.join(ROOT, '.cache', 'test-results');
/** How long a process may live on after its last test; a leaked handle lives for ever. */
const EXIT_DEADLINE_MS = 10_000;
const COMPLETION_CHECK_INTERVAL_MS = 250;
/** What jest prints when a worker of its pool still had something open and was killed. */
const LEAKED_WORKER = 'A worker process has failed to exit gracefully';

const MODES = {
  unit: { profile: undefined, bundles: false, backends: false },
  node: { profile: 'embedded', bundles: true, backends: false },
  real: { profile: 'distributed', bundles: true, backends: true },
};

const [mode, ...jestArguments] = process.argv.slice(2);
if (mode === undefined || !Object.hasOwn(MODES, mode)) {
  process.stderr.write(
    `test: unknown mode ${mode ?? '(none)'}; there are: ${Object.keys(MODES).join(', ')}\n`,
  );
  process.exit(2);
}

const children = new Set();
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    for (const child of children) child.kill(signal);
  });
}
process.exitCode = await run(MODES[mode]);

async function run({ profile, bundles, backends }) {
  mkdirSync(RESULTS_DIR, { recursive: true });
  const countsFile = path.join(RESULTS_DIR, `${mode}.json`);
  rmSync(countsFile, { force: true });
  if (
    bundles &&
    spawnSync(process.execPath, ['scripts/build.mjs', '--quiet'], { cwd: ROOT, stdio: 'inherit' }).status !==
      0
  ) {
    return 1;
  }
  const cluster = backends ? await startCluster() : undefined;
  if (backends && cluster === undefined) return 1;
  try {
    const environment = {
      ...process.env,
      ...cluster?.environment,
      ...(profile === undefined ? {} : { TIDEMARK_TEST_PROFILE: profile }),
      TIDEMARK_TEST_FILES: mode,
      NODE_OPTIONS:
        `${process.env.NODE_OPTIONS ?? ''} --experimental-vm-modules --disable-warning=ExperimentalWarning`.trim(),
    };
    const { exitCode, leak, results } = await runJest(environment);
    if (results !== undefined) writeFileSync(countsFile, `${JSON.stringify(toCounts(results, leak))}\n`);
    if (leak !== undefined) process.stderr.write(`\ntest: FAILED, ${leak}\n`);
    return leak === undefined ? exitCode : 1;
  } finally {
    await cluster?.stop();
  }
}

/**
 * Starts (or finds) the backends in a process that ends with its stdin, so that they are gone even when this one is
 * killed. Undefined when one cannot be had; the process has then said which and why.
 */
async function startCluster() {
  const bundle = path.join(ROOT, 'dist', 'cluster.js');
  const child = track(
    spawn(process.execPath, ['--enable-source-maps', bundle, '--for-tests'], {
      cwd: ROOT,
      stdio: ['pipe', 'pipe', 'inherit'],
    }),
  );
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const firstLine = new Promise((resolve) => createInterface({ input: child.stdout }).once('line', resolve));
  const line = await Promise.race([firstLine, ended.then(() => undefined)]);
  if (line === undefined) return undefined;
  return {
    environment: JSON.parse(line),
    stop: () => {
      child.stdin.end();
      return ended;
    },
  };
}

async function runJest(env) {
  const rawFile = path.join(RESULTS_DIR, `${mode}.jest.json`);
  rmSync(rawFile, { force: true });
  const jest = path.join(ROOT, 'node_modules', 'jest', 'bin', 'jest.js');
  const child = track(
    spawn(process.execPath, [jest, ...jestArguments, '--json', `--outputFile=${rawFile}`], {
      cwd: ROOT,
      env: { ...(process.stderr.isTTY ? { FORCE_COLOR: '1' } : {}), ...env },
      stdio: ['inherit', 'inherit', 'pipe'],
    }),
  );
  let leak;
  let stderrTail = '';
  child.stderr.on('data', (chunk) => {
    process.stderr.write(chunk);
    const seen = stderrTail + chunk;
    if (seen.includes(LEAKED_WORKER))
      leak = 'a test file left something open (see the warning of jest above)';
    stderrTail = seen.slice(-LEAKED_WORKER.length);
  });
  let completedAtMs;
  const watch = setInterval(() => {
    if (!existsSync(rawFile)) return;
    completedAtMs ??= performance.now();
    if (performance.now() - completedAtMs < EXIT_DEADLINE_MS) return;
    leak = `all tests ended ${EXIT_DEADLINE_MS / 1000} s ago but the process did not: something is left open (find it with --detectOpenHandles)`;
    child.kill('SIGKILL');
  }, COMPLETION_CHECK_INTERVAL_MS);
  const exitCode = await new Promise((resolve) => child.once('close', (code) => resolve(code ?? 1)));
  clearInterval(watch);
  const results = existsSync(rawFile) ? JSON.parse(readFileSync(rawFile, 'utf8')) : undefined;
  return { exitCode, leak, results };
}

/** A file that cannot even be loaded, or a leak, counts as one failed test: neither may vanish from the sum. */
function toCounts(results, leak) {
  return {
    passed: results.numPassedTests,
    failed: results.numFailedTests + results.numRuntimeErrorTestSuites + (leak === undefined ? 0 : 1),
    skipped: results.numPendingTests + results.numTodoTests,
  };
}

function track(child) {
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
}
