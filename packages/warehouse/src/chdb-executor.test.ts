import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { createChdbExecutor } from './chdb-executor.ts';
import { describeWarehouseConformance } from './conformance.ts';
import { CLICKHOUSE_CODES } from './errors.ts';

const makeDirectory = (): Promise<string> => mkdtemp(join(tmpdir(), 'tidemark-chdb-'));

describeWarehouseConformance('chDB', async () => {
  const path = await makeDirectory();
  let executor = createChdbExecutor({ path });
  return {
    executor,
    async reopen() {
      await executor.close();
      executor = createChdbExecutor({ path });
      return executor;
    },
    close: () => rm(path, { recursive: true, force: true }),
  };
});

describe('the embedded engine', () => {
  it('refuses a second data directory in the process, and takes it after the first is closed', async () => {
    const [first, second] = [await makeDirectory(), await makeDirectory()];
    const open = createChdbExecutor({ path: first });
    expect(() => createChdbExecutor({ path: second })).toThrow(/one data directory per process/);
    expect(() => createChdbExecutor({ path: first })).toThrow(/one data directory per process/);
    await open.close();
    const other = createChdbExecutor({ path: second });
    await other.ping();
    await other.close();
    await Promise.all([first, second].map((path) => rm(path, { recursive: true, force: true })));
  });

  it('names the codes of the error table as the engine does', async () => {
    const path = await makeDirectory();
    const executor = createChdbExecutor({ path });
    const codes = [...CLICKHOUSE_CODES.keys()];
    const rows = await executor.query({
      sql: 'SELECT arrayJoin({codes:Array(Int32)}) AS code, errorCodeToName(code) AS name ORDER BY code',
      parameters: { codes },
    });
    const expected = codes
      .toSorted((a, b) => a - b)
      .map((code) => ({ code, name: CLICKHOUSE_CODES.get(code)?.name }));
    expect(rows).toEqual(expected);
    await executor.close();
    await rm(path, { recursive: true, force: true });
  });

  it('closes under a reader that pauses, who is told', async () => {
    const path = await makeDirectory();
    const executor = createChdbExecutor({ path });
    const reading = async (): Promise<void> => {
      for await (const batch of executor.stream({ sql: 'SELECT rand() AS r FROM numbers(1000000000)' })) {
        if (batch.length > 0) await executor.close();
      }
    };
    await expect(reading()).rejects.toMatchObject({ code: 'warehouse-unavailable' });
    await rm(path, { recursive: true, force: true });
  });

  it('takes inserts while questions fill its lane, and refuses what would wait beyond the bound', async () => {
    const path = await makeDirectory();
    const executor = createChdbExecutor({ path, waitingMax: 1 });
    await executor.command({ sql: 'CREATE TABLE t (n UInt32) ENGINE = MergeTree ORDER BY n' });
    const stop = new AbortController();
    const sql = 'SELECT count() FROM numbers(1000000000000) WHERE rand() % 7 = 3';
    const running = Array.from({ length: 3 }, () => executor.query({ sql, signal: stop.signal }));
    const settled = Promise.allSettled(running);
    await executor.insert({ table: 't', ndjson: Buffer.from('{"n":1}'), rowCount: 1 });
    await expect(executor.query({ sql: 'SELECT 1' })).rejects.toMatchObject({
      code: 'warehouse-unavailable',
    });
    stop.abort(new Error('enough'));
    await settled;
    await executor.close();
    await rm(path, { recursive: true, force: true });
  });
});
