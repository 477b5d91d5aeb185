/**
 * Adds to package-lock.json the packages of other platforms that the registry did not have when it was written. npm
 * leaves such optional packages out without a word, and `npm ci` then refuses the lock, on every registry.
 *
 *     node scripts/complete-lock.mjs [--check]
 *
 * `--check` writes nothing and fails when something is missing. An added entry has no integrity: the next
 * `npm install` against a registry that has the package fills it in.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const FILE = path.resolve(import.meta.dirname, '..', 'package-lock.json');
const SYSTEMS = [
  'aix',
  'android',
  'darwin',
  'freebsd',
  'linux',
  'netbsd',
  'openbsd',
  'openharmony',
  'sunos',
  'win32',
];
const PROCESSORS = ['arm', 'arm64', 'ia32', 'loong64', 'ppc64', 'riscv64', 's390x', 'x64'];
/** The end of a name tells the C library, and with it whether 32-bit ARM has hardware floats. */
const LIBRARIES = { gnu: 'glibc', gnueabihf: 'glibc', musl: 'musl', musleabihf: 'musl' };

const lock = JSON.parse(readFileSync(FILE, 'utf8'));
const missing = findMissing(lock.packages);
if (missing.length === 0) process.exit(0);
if (process.argv.includes('--check')) {
  process.stderr.write(`package-lock.json lacks ${missing.map(({ name }) => name).join(', ')}\n`);
  process.stderr.write('complete it with: node scripts/complete-lock.mjs\n');
  process.exit(1);
}
for (const { name, version, parent } of missing)
  lock.packages[`node_modules/${name}`] = toEntry(name, version, parent);
lock.packages = Object.fromEntries(
  Object.entries(lock.packages).toSorted(([a], [b]) => a.localeCompare(b, 'en')),
);
writeFileSync(FILE, `${JSON.stringify(lock, undefined, 2)}\n`);
process.stdout.write(`added ${missing.length} packages of other platforms\n`);

/** Optional packages that some locked package names and the lock does not hold. */
function findMissing(packages) {
  const found = new Map();
  for (const [place, parent] of Object.entries(packages)) {
    for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
      const isHeld = listPlaces(place, name).some((candidate) => Object.hasOwn(packages, candidate));
      if (!isHeld) found.set(name, { name, version, parent });
    }
  }
  return [...found.values()];
}

/** Where Node would look for `name` from `place`, nearest first. */
function listPlaces(place, name) {
  const parts = place.split('/');
  return parts
    .map((_part, index) => [...parts.slice(0, parts.length - index), 'node_modules', name].join('/'))
    .concat(`node_modules/${name}`);
}

function toEntry(name, version, parent) {
  if (!/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version)) {
    throw new Error(`${name} is wanted as ${version}: only an exact version can be added without a registry`);
  }
  const words = name.split(/[^a-z0-9]+/);
  const system = SYSTEMS.find((candidate) => words.includes(candidate));
  const processor = PROCESSORS.find((candidate) => words.includes(candidate));
  const library = Object.keys(LIBRARIES).find((candidate) => words.includes(candidate));
  if (system === undefined || processor === undefined) {
    throw new Error(
      `${name} names no system of ${SYSTEMS.join(', ')} or no processor of ${PROCESSORS.join(', ')}`,
    );
  }
  return {
    version,
    cpu: [processor],
    ...(parent.dev === true ? { dev: true } : {}),
    ...(system === 'linux' && library !== undefined ? { libc: [LIBRARIES[library]] } : {}),
    optional: true,
    os: [system],
  };
}
