import { mkdirSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { findProgram } from './find-program.ts';
import { findFreePort } from './free-port.ts';
import { createServerProgram, type Server } from './program.ts';

const INSTALL_REDIS = 'install Redis (Debian: redis-server)';
const READY_DEADLINE_MS = 15_000;
const PING_TIMEOUT_MS = 1_000;

/** A Redis without persistence, not started yet: `kill` loses what it held. @throws Error naming what to install. */
export async function createRedis(dir: string, logDir: string): Promise<Server<'redis'>> {
  const program = findProgram('redis-server', INSTALL_REDIS);
  const port = await findFreePort();
  const dataDir = path.join(dir, 'redis');
  mkdirSync(dataDir, { recursive: true });
  const options = { port: String(port), bind: '127.0.0.1', dir: dataDir, save: '', appendonly: 'no' };
  return createServerProgram({
    name: 'redis',
    address: `redis://127.0.0.1:${port}`,
    command: {
      program,
      arguments: Object.entries(options).flatMap(([option, value]) => [`--${option}`, value]),
      logFile: path.join(logDir, 'redis.log'),
    },
    isReady: () => answersPing(port),
    readyDeadlineMs: READY_DEADLINE_MS,
  });
}

function answersPing(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, timeout: PING_TIMEOUT_MS });
    socket.once('connect', () => socket.write('PING\r\n'));
    socket.once('data', (answer) => {
      socket.destroy();
      resolve(answer.toString().startsWith('+PONG'));
    });
    socket.once('timeout', () =>
      socket.destroy(new Error(`Redis did not answer PING within ${PING_TIMEOUT_MS} ms`)),
    );
    socket.once('error', reject);
  });
}
