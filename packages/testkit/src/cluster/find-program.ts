import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import path from 'node:path';

/** Debian keeps the server programs of Postgres out of PATH, in a folder for each major version. */
const POSTGRES_VERSIONS_DIR = '/usr/lib/postgresql';

/**
 * The first executable of that name in `extraDirs`, then in PATH.
 *
 * @throws Error naming the packages to install.
 */
export function findProgram(name: string, install: string, extraDirs: readonly string[] = []): string {
  const directories = [...extraDirs, ...(process.env['PATH'] ?? '').split(path.delimiter)];
  for (const directory of directories.filter((entry) => entry !== '')) {
    const candidate = path.join(directory, name);
    if (isExecutable(candidate)) return candidate;
  }
  throw new Error(
    `${name} is neither in PATH nor in ${extraDirs.join(', ') || 'any other known place'}: ${install}`,
  );
}

/** Newest major version first. */
export function listPostgresDirs(): string[] {
  if (!existsSync(POSTGRES_VERSIONS_DIR)) return [];
  return readdirSync(POSTGRES_VERSIONS_DIR)
    .filter((entry) => /^\d+$/.test(entry))
    .sort((a, b) => Number(b) - Number(a))
    .map((version) => path.join(POSTGRES_VERSIONS_DIR, version, 'bin'));
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    // Absent and not executable mean the same here: look elsewhere.
    return false;
  }
}
