import { randomUUID } from 'node:crypto';
import { rename, rm } from 'node:fs/promises';
import { type Server, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { AppError } from '@tidemark/core';

const SOCKET_NAME = 'owner.sock';
/** `sun_path` holds 108 bytes on Linux and 104 elsewhere, the closing zero included. */
const SOCKET_PATH_BYTES_MAX = 103;

export interface DirectoryLock {
  /** Idempotent. */
  release(): Promise<void>;
}

/**
 * Makes this process the only owner of the directory, by listening on a socket in it. A socket, unlike a file with a
 * process id, cannot outlive its owner's kill -9 and still look alive: nobody answers it.
 * @throws conflict when another bus, of this or another process, owns the directory; invalid-config when its path is too long
 */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const path = join(directory, SOCKET_NAME);
  if (Buffer.byteLength(path) > SOCKET_PATH_BYTES_MAX) {
    const detail = `the bus directory "${directory}" has too long a path; at most ${SOCKET_PATH_BYTES_MAX} bytes fit with "/${SOCKET_NAME}"`;
    throw new AppError('invalid-config', detail);
  }
  let server = await listen(path);
  if (server === null) {
    await removeIfStale(directory, path);
    server = await listen(path);
  }
  if (server === null) throw directoryInUse(directory, null);
  return { release: () => close(server) };
}

/**
 * Removes a socket nobody answers. It is moved aside first: were it another starter's fresh socket, the answer tells,
 * and it goes back.
 */
async function removeIfStale(directory: string, path: string): Promise<void> {
  const owner = await askOwner(path);
  if (owner !== null) throw directoryInUse(directory, owner);
  const aside = join(directory, `${randomUUID().slice(0, 8)}.old`);
  await rename(path, aside);
  const moved = await askOwner(aside);
  if (moved !== null) {
    await rename(aside, path);
    throw directoryInUse(directory, moved);
  }
  await rm(aside, { force: true });
}

/** Null when the address is taken. */
function listen(path: string): Promise<Server | null> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on('error', () => socket.destroy());
      socket.end(String(process.pid));
    });
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(null);
      else reject(error);
    });
    server.listen(path, () => {
      server.unref();
      resolve(server);
    });
  });
}

/** The process id of the live owner; null when nobody answers. */
function askOwner(path: string): Promise<string | null> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(path);
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => {
      answer += text;
    });
    socket.once('end', () => resolve(answer));
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') resolve(null);
      else reject(error);
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}

function directoryInUse(directory: string, owner: string | null): AppError {
  const by = owner === null ? 'another process' : `process ${owner}`;
  return new AppError('conflict', `the bus directory "${directory}" is in use by ${by}; one process owns it`);
}
