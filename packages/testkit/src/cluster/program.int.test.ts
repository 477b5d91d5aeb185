import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { answersOk } from './clickhouse.ts';
import { findFreePort } from './free-port.ts';
import { createServerProgram, type Server } from './program.ts';
import { waitUntil } from './wait-until.ts';

/** Answers 200 to everything. */
const ECHO_SERVER = `
  require('node:http').createServer((_, response) => response.end('ok')).listen(process.env.PORT, '127.0.0.1');
`;

describe('a server program', () => {
  let dir: string;
  beforeAll(() => {
    dir = mkdtempSync(path.join(os.tmpdir(), 'tidemark-program-'));
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  async function createNodeServer(name: string, script: string): Promise<Server> {
    const port = await findFreePort();
    const address = `http://127.0.0.1:${port}`;
    return createServerProgram({
      name,
      address,
      command: {
        program: process.execPath,
        arguments: ['-e', script],
        environment: { PORT: String(port) },
        logFile: path.join(dir, `${name}.log`),
      },
      isReady: () => answersOk(address),
      readyDeadlineMs: 10_000,
    });
  }

  it('comes back at the same address after a kill', async () => {
    const server = await createNodeServer('echo', ECHO_SERVER);
    await server.start();
    const firstPid = server.pid();
    await server.kill();
    expect(server.pid()).toBeUndefined();
    await expect(answersOk(server.address)).rejects.toThrow('fetch failed');

    await server.start();
    await expect(answersOk(server.address)).resolves.toBe(true);
    expect(server.pid()).not.toBe(firstPid);
    await server.stop();
    await server.stop();
    expect(server.pid()).toBeUndefined();
  });

  it('is one process however often it is started', async () => {
    const server = await createNodeServer('once', ECHO_SERVER);
    await server.start();
    const pid = server.pid();
    await server.start();
    expect(server.pid()).toBe(pid);
    await server.stop();
  });

  it('stops though it was frozen', async () => {
    const server = await createNodeServer('frozen', ECHO_SERVER);
    await server.start();
    server.signal('SIGSTOP');
    await server.stop();
    expect(() => server.signal('SIGCONT')).toThrow('frozen is not running');
  });

  it('says the end of its log when it does not start', async () => {
    const server = await createNodeServer('broken', "console.error('no disk'); process.exit(3)");
    const fault = await server.start().catch((error: unknown) => error);
    expect(fault).toMatchObject({
      message: expect.stringMatching(/^broken did not start[^]*no disk$/),
      cause: { message: 'broken ended with exit code 3' },
    });
    expect(server.pid()).toBeUndefined();
  });

  it('says so when the program does not exist', async () => {
    const server = createServerProgram({
      name: 'absent',
      address: 'nowhere',
      command: { program: path.join(dir, 'absent'), arguments: [], logFile: path.join(dir, 'absent.log') },
      isReady: () => Promise.resolve(false),
      readyDeadlineMs: 10_000,
    });
    await expect(server.start()).rejects.toMatchObject({
      cause: { message: expect.stringContaining('ENOENT') },
    });
  });

  it('is not started again by a start that a stop overtook', async () => {
    const server = createServerProgram({
      name: 'never',
      address: 'nowhere',
      command: {
        program: process.execPath,
        arguments: ['-e', "console.log('started'); setInterval(() => {}, 1000)"],
        logFile: path.join(dir, 'never.log'),
      },
      isReady: () => Promise.resolve(false),
      readyDeadlineMs: 10_000,
      startAttempts: 3,
    });
    const starting = server.start().catch((error: unknown) => error);
    const readLog = (): string => readFileSync(path.join(dir, 'never.log'), 'utf8');
    await waitUntil(() => Promise.resolve(readLog() !== ''), { what: 'the first line', deadlineMs: 10_000 });
    await server.stop();
    await expect(starting).resolves.toBeInstanceOf(Error);
    expect(readLog()).toBe('started\n');
  });
});
