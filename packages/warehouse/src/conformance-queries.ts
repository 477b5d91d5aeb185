import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import type { Current } from './conformance-current.ts';
import type { SqlParameter } from './port.ts';

const ENDLESS = 'SELECT count() AS n FROM numbers(1000000000000) WHERE rand() % 7 = 3';

export function describeQueries(current: Current): void {
  const one = async (sql: string, parameters: Record<string, SqlParameter> = {}): Promise<unknown> => {
    const rows = await current().query({ sql, parameters });
    return rows[0]?.['v'];
  };

  describe('parameters', () => {
    it.each([
      ['plain', 'acme'],
      ['empty', ''],
      ['a quote', "it's"],
      ['backslashes', 'a\\b\\\\n\\'],
      ['control characters', '\n\r\t\u0000\b\f'],
      ['unicode', 'ü € 漢 😀'],
      ['what looks like a placeholder', '{v:String}'],
      ['what looks like SQL', "'); DROP TABLE events; --"],
      ['what looks like null', '\\N'],
    ])('binds a string: %s', async (_, text) => {
      expect(await one('SELECT {v:String} AS v', { v: text })).toBe(text);
      expect(await one('SELECT {v:Array(String)} AS v', { v: [text, text] })).toEqual([text, text]);
    });

    it('binds integers beyond 2^53 exactly', async () => {
      expect(await one('SELECT {v:UInt64} AS v', { v: 2n ** 64n - 1n })).toBe('18446744073709551615');
      expect(await one('SELECT {v:Int64} AS v', { v: -(2n ** 63n) })).toBe('-9223372036854775808');
    });

    it('binds numbers, booleans, null and times', async () => {
      expect(await one('SELECT {v:Float64} AS v', { v: 0.1 })).toBe(0.1);
      expect(await one('SELECT {v:Float64} AS v', { v: 1e-7 })).toBe(1e-7);
      expect(await one('SELECT {v:Bool} AS v', { v: true })).toBe(true);
      expect(await one('SELECT {v:Nullable(String)} AS v', { v: null })).toBeNull();
      expect(await one(`SELECT {v:DateTime64(6, 'UTC')} AS v`, { v: '2026-01-02 03:04:05.678901' })).toBe(
        '2026-01-02 03:04:05.678901',
      );
    });

    it('binds empty, nested and long arrays', async () => {
      expect(await one('SELECT {v:Array(Int64)} AS v', { v: [] })).toEqual([]);
      expect(await one('SELECT {v:Array(Array(String))} AS v', { v: [['a'], []] })).toEqual([['a'], []]);
      const ids = Array.from({ length: 10_000 }, (_, index) => 2n ** 62n + BigInt(index));
      const sum = ids.reduce((total, id) => total + id, 0n);
      expect(await one('SELECT arraySum(x -> toInt128(x), {v:Array(Int64)}) AS v', { v: ids })).toBe(
        String(sum),
      );
    });

    it('never shows a parameter or a setting of another statement', async () => {
      await current().query({ sql: 'SELECT {secret:String} AS v', parameters: { secret: 'x' } });
      await expect(current().query({ sql: 'SELECT {secret:String} AS v' })).rejects.toThrow(/456/);
      await current().query({ sql: 'SELECT 1', settings: { max_result_rows: 7 } });
      expect(await one(`SELECT getSetting('max_result_rows') AS v`)).not.toBe('7');
    });

    it('keeps the parameters of 20 statements at once apart', async () => {
      const numbers = Array.from({ length: 20 }, (_, index) => index);
      const sql = 'SELECT {v:UInt32} AS v, sleep(0.01)';
      const rows = await Promise.all(numbers.map((v) => one(sql, { v })));
      expect(rows).toEqual(numbers);
    });

    it('refuses numbers that are not finite', async () => {
      await expect(one('SELECT {v:Float64} AS v', { v: Number.NaN })).rejects.toThrow(/finite/);
    });
  });

  describe('limits', () => {
    it('stops a statement that is out of time', async () => {
      await expect(current().query({ sql: ENDLESS, timeoutMs: 200 })).rejects.toMatchObject({
        code: 'query-timeout',
      });
    });

    it('refuses what needs too much memory or returns too many rows', async () => {
      const sql = 'SELECT groupArray(number) AS v FROM numbers(50000000)';
      await expect(
        current().query({ sql, settings: { max_memory_usage: 20_000_000 } }),
      ).rejects.toMatchObject({
        code: 'query-too-expensive',
      });
      const rows = 'SELECT number AS v FROM numbers(1000)';
      await expect(current().query({ sql: rows, settings: { max_result_rows: 10 } })).rejects.toMatchObject({
        code: 'query-too-expensive',
      });
      await expect(current().query({ sql: rows, settings: { max_rows_to_read: 10 } })).rejects.toMatchObject({
        code: 'query-too-expensive',
      });
    });

    it('stops at the signal, and throws its reason', async () => {
      const stop = new AbortController();
      const reason = new Error('asked to stop');
      const running = current().query({ sql: ENDLESS, signal: stop.signal, queryId: 'conformance-abort' });
      await untilRefused(current, 'conformance-abort');
      stop.abort(reason);
      await expect(running).rejects.toBe(reason);
      await untilAccepted(current, 'conformance-abort');
      await expect(current().query({ sql: 'SELECT 1', signal: AbortSignal.abort(reason) })).rejects.toBe(
        reason,
      );
    });

    it('refuses a second statement with the id of a running one', async () => {
      const stop = new AbortController();
      const running = current().query({ sql: ENDLESS, signal: stop.signal, queryId: 'conformance-id' });
      const refused = untilRefused(current, 'conformance-id');
      await expect(refused).resolves.toMatchObject({ code: 'warehouse-unavailable' });
      stop.abort(new Error('enough'));
      await expect(running).rejects.toThrow('enough');
      await untilAccepted(current, 'conformance-id');
    });

    it('is not held up by a long question', async () => {
      const stop = new AbortController();
      const running = current().query({ sql: ENDLESS, signal: stop.signal });
      expect(await one('SELECT {v:UInt8} AS v', { v: 1 })).toBe(1);
      stop.abort(new Error('enough'));
      await expect(running).rejects.toThrow('enough');
    });
  });

  it('answers a ping', async () => {
    await expect(current().ping()).resolves.toBeUndefined();
  });

  it('surfaces SQL the engine rejects as a plain error with its code', async () => {
    await expect(current().query({ sql: 'SELEC 1' })).rejects.toMatchObject({ name: 'Error' });
    await expect(current().query({ sql: 'SELECT nothing_here' })).rejects.toThrow(/Code 47/);
    await expect(current().command({ sql: 'DROP TABLE not_there' })).rejects.toThrow(/Code 60/);
  });
}

/** Waits until the engine knows the running statement: a second one of its id is refused then. */
async function untilRefused(current: Current, queryId: string): Promise<unknown> {
  for (;;) {
    try {
      await current().query({ sql: 'SELECT 1', queryId });
    } catch (error) {
      return error;
    }
  }
}

/** Waits until no statement of the id runs any more. */
async function untilAccepted(current: Current, queryId: string): Promise<void> {
  for (;;) {
    try {
      await current().query({ sql: 'SELECT 1', queryId });
      return;
    } catch (error) {
      if (!(error instanceof Error) || !error.message.includes('216')) throw error;
      // Let the event loop turn: the refusal itself needs no I/O
      await setImmediate();
    }
  }
}
