import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * Below the range from which systems take the ports of outgoing connections: the port of a backend that is down for
 * a moment, because a test restarts it, is not given away meanwhile.
 */
const PORT_MIN = 20_000;
const PORT_MAX = 32_000;
const ATTEMPTS_MAX = 100;

/**
 * `count` different ports of 127.0.0.1 that nobody listens on now.
 *
 * @throws Error when 100 random candidates were all taken.
 */
export async function findFreePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  for (let attempt = 0; attempt < ATTEMPTS_MAX && found.size < count; attempt += 1) {
    const candidate = randomInt(PORT_MIN, PORT_MAX);
    if (await isFree(candidate)) found.add(candidate);
  }
  if (found.size < count) {
    throw new Error(`found ${found.size} free ports between ${PORT_MIN} and ${PORT_MAX}, expected ${count}`);
  }
  return [...found];
}

export async function findFreePort(): Promise<number> {
  const [port] = await findFreePorts(1);
  if (port === undefined) throw new Error('findFreePorts(1) answered nothing');
  return port;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
