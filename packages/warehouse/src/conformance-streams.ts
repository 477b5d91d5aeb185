import { describe, expect, it } from '@jest/globals';
import type { Current } from './conformance-current.ts';
import type { Row, Statement } from './port.ts';

const ENDLESS_ROWS = 'SELECT number AS v, rand() AS r FROM numbers(1000000000000)';
const ENDLESS_SILENCE = 'SELECT count() AS n FROM numbers(1000000000000) WHERE rand() % 7 = 3';

export function describeStreams(current: Current): void {
  const readAll = async (statement: Statement): Promise<Row[]> => {
    const rows: Row[] = [];
    for await (const batch of current().stream(statement)) rows.push(...batch);
    return rows;
  };

  /** Whether a statement with the marker in its text runs in the engine. */
  const isRunning = async (marker: string): Promise<boolean> => {
    const sql = `SELECT count() AS n FROM system.processes WHERE position(query, {marker:String}) > 0 AND position(query, 'system.processes') = 0`;
    const rows = await current().query({ sql, parameters: { marker } });
    return rows[0]?.['n'] !== '0';
  };
  const untilOver = async (marker: string): Promise<void> => {
    while (await isRunning(marker));
  };

  describe('streams', () => {
    it('gives every row once, with parameters bound, in batches', async () => {
      const sql = 'SELECT number AS v, {text:String} AS t FROM numbers(100000)';
      const batches: (readonly Row[])[] = [];
      for await (const batch of current().stream({ sql, parameters: { text: "it's\n{v:String}" } })) {
        batches.push(batch);
      }
      const rows = batches.flat();
      expect(batches.length).toBeGreaterThan(3);
      expect(rows).toHaveLength(100_000);
      expect(new Set(rows.map((row) => row['v'])).size).toBe(100_000);
      expect(rows[0]?.['t']).toBe("it's\n{v:String}");
    });

    it('gives what a query gives', async () => {
      const sql = `SELECT toUInt64(18446744073709551615) AS u, toDecimal128('-1.500000000001', 12) AS d, NULL AS n, 'ü€😀\\0' AS t`;
      expect(await readAll({ sql })).toEqual(await current().query({ sql }));
      expect(await readAll({ sql: 'SELECT 1 AS v WHERE 0' })).toEqual([]);
    });

    it('makes no more of a result than is read', async () => {
      let rows = 0;
      for await (const batch of current().stream({ sql: `${ENDLESS_ROWS} -- unread` })) {
        rows += batch.length;
        if (rows > 50_000) break;
      }
      await untilOver('-- unread');
      expect(rows).toBeLessThan(1_000_000);
    });

    it('holds up nobody while its reader pauses, and shows one moment', async () => {
      await current().command({ sql: 'CREATE TABLE streamed (n UInt32) ENGINE = MergeTree ORDER BY n' });
      await current().command({ sql: 'INSERT INTO streamed SELECT number FROM numbers(300000)' });
      let rows = 0;
      for await (const batch of current().stream({ sql: 'SELECT n FROM streamed' })) {
        if (rows === 0) {
          await current().insert({ table: 'streamed', ndjson: Buffer.from('{"n":1}'), rowCount: 1 });
          const seen = await current().query({ sql: 'SELECT count() AS n FROM streamed' });
          expect(seen[0]?.['n']).toBe('300001');
        }
        rows += batch.length;
      }
      expect(rows).toBe(300_000);
      await current().command({ sql: 'DROP TABLE streamed' });
    });

    it('keeps several at once apart', async () => {
      const sql = 'SELECT {v:UInt32} AS v FROM numbers(30000)';
      const results = await Promise.all([1, 2, 3, 4].map((v) => readAll({ sql, parameters: { v } })));
      results.forEach((rows, index) => {
        expect(rows).toHaveLength(30_000);
        expect(new Set(rows.map((row) => row['v']))).toEqual(new Set([index + 1]));
      });
    });

    it('ends with an error when the statement fails in the middle', async () => {
      const sql = `SELECT number AS v, throwIf(number = 500000, 'broken in the middle') AS t FROM numbers(1000000)`;
      let rows = 0;
      const reading = async (): Promise<void> => {
        for await (const batch of current().stream({ sql })) rows += batch.length;
      };
      await expect(reading()).rejects.toThrow(/395.*broken in the middle/s);
      expect(rows).toBeGreaterThan(0);
      expect(rows).toBeLessThan(1_000_000);
    });

    it('refuses what costs too much or takes too long, and surfaces wrong SQL', async () => {
      await expect(readAll({ sql: ENDLESS_SILENCE, timeoutMs: 300 })).rejects.toMatchObject({
        code: 'query-timeout',
      });
      const sql = 'SELECT number FROM numbers(100000)';
      await expect(readAll({ sql, settings: { max_rows_to_read: 10 } })).rejects.toMatchObject({
        code: 'query-too-expensive',
      });
      await expect(readAll({ sql: 'SELEC 1' })).rejects.toThrow(/Code 62/);
    });

    it.each([
      ['while the engine is silent', ENDLESS_SILENCE],
      ['between batches', ENDLESS_ROWS],
    ])('stops at the signal, and throws its reason: %s', async (name, endless) => {
      const stop = new AbortController();
      const reason = new Error('asked to stop');
      const sql = `${endless} -- ${name}`;
      const reading = async (): Promise<void> => {
        for await (const batch of current().stream({ sql, signal: stop.signal })) {
          if (batch.length > 0) stop.abort(reason);
        }
      };
      const read = reading();
      const outcome = expect(read).rejects.toBe(reason);
      if (endless === ENDLESS_SILENCE) {
        while (!(await isRunning(`-- ${name}`)));
        stop.abort(reason);
      }
      await outcome;
      await untilOver(`-- ${name}`);
      await expect(readAll({ sql, signal: stop.signal })).rejects.toBe(reason);
    });
  });
}
