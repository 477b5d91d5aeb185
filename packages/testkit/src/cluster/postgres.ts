import { chownSync, mkdtempSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Client } from 'pg';
import { findProgram, listPostgresDirs } from './find-program.ts';
import { findFreePort } from './free-port.ts';
import { createServerProgram, runToEnd, type Server } from './program.ts';

const INSTALL_POSTGRES = 'install Postgres (Debian: postgresql)';
const SUPERUSER = 'tidemark';
/** initdb makes this database. */
const DATABASE = 'postgres';
/** Postgres refuses to run as root; the first of these users that exists runs it instead. */
const UNPRIVILEGED_USERS = ['postgres', 'nobody'];
const INITDB_DEADLINE_MS = 60_000;
const READY_DEADLINE_MS = 30_000;
/** Right after a SIGKILL the old sessions hold the shared memory for a moment, and a new start refuses. */
const START_ATTEMPTS = 5;

export interface PostgresServer extends Server<'postgres'> {
  /** Removes the data. Call it after `stop`. */
  readonly removeData: () => Promise<void>;
}

/**
 * A cluster of its own with one superuser, trusted from 127.0.0.1, not started yet. It does not wait for the disk
 * (`fsync=off`): data survives `kill`, not a crash of the machine.
 *
 * The data lies in its own folder right below the system's temporary folder, because the unprivileged user must be
 * able to walk to it and need not be able to read the folders of the caller.
 *
 * @throws Error naming what to install, or with the log of the initdb that failed.
 */
export async function createPostgres(logDir: string): Promise<PostgresServer> {
  const directories = listPostgresDirs();
  const initdb = findProgram('initdb', INSTALL_POSTGRES, directories);
  const postgres = findProgram('postgres', INSTALL_POSTGRES, [path.dirname(initdb), ...directories]);
  const port = await findFreePort();
  const dataDir = mkdtempSync(path.join(os.tmpdir(), 'tidemark-postgres-'));
  const user = process.getuid?.() === 0 ? findUnprivilegedUser() : undefined;
  if (user !== undefined) chownSync(dataDir, user.uid, user.gid);
  const common = {
    cwd: dataDir,
    logFile: path.join(logDir, 'postgres.log'),
    environment: { LC_ALL: 'C' },
    ...(user === undefined ? {} : { user }),
  };
  const removeData = (): Promise<void> => rm(dataDir, { recursive: true, force: true });
  const initdbArguments = ['-D', dataDir, '-U', SUPERUSER, '--auth=trust', '-E', 'UTF8', '--no-sync'];
  try {
    await runToEnd('initdb', { ...common, program: initdb, arguments: initdbArguments }, INITDB_DEADLINE_MS);
  } catch (error) {
    await removeData();
    throw error;
  }
  const settings = [
    'listen_addresses=127.0.0.1',
    `port=${port}`,
    'unix_socket_directories=',
    'fsync=off',
    'shared_buffers=64MB',
    'max_connections=200',
  ];
  const address = `postgres://${SUPERUSER}@127.0.0.1:${port}/${DATABASE}`;
  const server = createServerProgram({
    name: 'postgres',
    address,
    command: {
      ...common,
      program: postgres,
      arguments: ['-D', dataDir, ...settings.flatMap((setting) => ['-c', setting])],
    },
    isReady: () => answersSelect(address),
    readyDeadlineMs: READY_DEADLINE_MS,
    startAttempts: START_ATTEMPTS,
    // With SIGTERM it would wait for every session to leave by itself.
    stopSignal: 'SIGINT',
  });
  return { ...server, removeData };
}

async function answersSelect(address: string): Promise<boolean> {
  const client = new Client({ connectionString: address, connectionTimeoutMillis: 1_000 });
  try {
    await client.connect();
    await client.query('SELECT 1');
    return true;
  } finally {
    await client.end();
  }
}

function findUnprivilegedUser(): { uid: number; gid: number } {
  const users = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  for (const wanted of UNPRIVILEGED_USERS) {
    const [, , uid, gid] = users.find(([name]) => name === wanted) ?? [];
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Error(
    `Postgres refuses to run as root, and none of ${UNPRIVILEGED_USERS.join(', ')} is a user here`,
  );
}
