import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { createClickhouseExecutor } from './clickhouse-executor.ts';
import { meaningOf, toWarehouseError } from './errors.ts';
import type { WarehouseExecutor } from './port.ts';

const INSERT = { table: 't', ndjson: Buffer.from('{"n":1}'), rowCount: 1 };

async function withServer(listener: RequestListener, use: (executor: WarehouseExecutor) => Promise<void>) {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const executor = createClickhouseExecutor({ url: `http://127.0.0.1:${port}` });
  await use(executor);
  await executor.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

describe('errors of the warehouse', () => {
  it('knows that nothing is stored when no connection was made', async () => {
    const executor = createClickhouseExecutor({ url: 'http://127.0.0.1:1' });
    await expect(executor.insert(INSERT)).rejects.toMatchObject({ code: 'warehouse-unavailable' });
    await expect(executor.ping()).rejects.toMatchObject({ code: 'warehouse-unavailable' });
    await executor.close();
  });

  it('doubts an insert whose connection broke after it was sent', async () => {
    await withServer(
      (request) => request.resume().once('end', () => request.socket.destroy()),
      async (executor) => {
        await expect(executor.insert(INSERT)).rejects.toMatchObject({ code: 'insert-in-doubt' });
        await expect(executor.query({ sql: 'SELECT 1' })).rejects.toMatchObject({
          code: 'warehouse-unavailable',
        });
      },
    );
  });

  it('doubts an insert that a proxy answered, and sends bodies of known length', async () => {
    const lengths: (string | undefined)[] = [];
    await withServer(
      (request, response) => {
        lengths.push(request.headers['content-length']);
        request.resume().once('end', () => response.writeHead(502).end('<html>Bad gateway</html>'));
      },
      async (executor) => {
        await expect(executor.insert(INSERT)).rejects.toMatchObject({ code: 'insert-in-doubt' });
      },
    );
    expect(lengths).toEqual([String(INSERT.ndjson.byteLength)]);
  });

  it.each([
    ['insert', 252, 'Too many parts (3000)', 'warehouse-unavailable'],
    ['insert', 252, 'Too many partitions for single INSERT block', 'insert-refused'],
    ['insert', 241, 'Query memory limit exceeded', 'warehouse-unavailable'],
    ['insert', 159, 'Timeout exceeded', 'insert-in-doubt'],
    ['insert', 216, 'Query with id = x is already running', 'insert-in-doubt'],
    ['insert', 7777, 'a code of a later release', 'insert-in-doubt'],
    ['query', 241, 'Query memory limit exceeded', 'query-too-expensive'],
    ['query', 241, '(total) memory limit exceeded', 'warehouse-unavailable'],
    ['query', 7777, 'a code of a later release', 'bug'],
  ] as const)('reads %s code %i "%s" as %s', (kind, code, message, meaning) => {
    expect(meaningOf(kind, code, message)).toBe(meaning);
  });

  it('leaves bugs of this process alone', () => {
    const bug = new TypeError('x is not a function');
    expect(toWarehouseError('insert', bug)).toBe(bug);
  });
});
