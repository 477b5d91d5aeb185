import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClickHouseLogLevel, createClient, type ClickHouseClient } from '@clickhouse/client';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startClickhouseOverChdb, type ClickhouseOverChdb } from './server.ts';

describe('ClickHouse over chDB', () => {
  let path = '';
  let server: ClickhouseOverChdb;
  let client: ClickHouseClient;

  beforeAll(async () => {
    path = await mkdtemp(join(tmpdir(), 'tidemark-http-'));
    const credentials = { username: 'tester', password: 'secret' };
    server = await startClickhouseOverChdb({ path, credentials, bodyBytesMax: 1_000_000 });
    client = createClient({
      url: server.url,
      username: 'tester',
      password: 'secret',
      compression: { request: true, response: true },
      log: { level: ClickHouseLogLevel.OFF },
    });
  });
  afterAll(async () => {
    await client.close();
    await server.close();
    await rm(path, { recursive: true, force: true });
  });

  const ask = (query: string, init: RequestInit = {}): Promise<Response> =>
    fetch(`${server.url}/?${query}`, {
      ...init,
      headers: { authorization: `Basic ${Buffer.from('tester:secret').toString('base64')}` },
    });

  it('takes inserts and questions of the unmodified client, compressed both ways', async () => {
    await client.command({ query: 'CREATE DATABASE other' });
    await client.command({
      query: 'CREATE TABLE other.t (n UInt32, s String) ENGINE = MergeTree ORDER BY n',
    });
    await client.insert({ table: 'other.t', values: [{ n: 1, s: 'a' }], format: 'JSONEachRow' });
    await client.insert({
      table: 'other.t',
      values: [[2, 'b\tc']],
      columns: ['n', 's'],
      format: 'JSONCompactEachRow',
    });
    const query = 'SELECT n, s FROM other.t WHERE s IN {names:Array(String)} ORDER BY n';
    const query_params = {
      names: ['a', 'b\tc', ...Array.from({ length: 5_000 }, (_, index) => `name-${index}`)],
    };
    const answer = await client.query({ query, query_params, format: 'JSON', use_multipart_params: true });
    expect(await answer.json()).toMatchObject({
      rows: 2,
      data: [
        { n: 1, s: 'a' },
        { n: 2, s: 'b\tc' },
      ],
    });
    const text = await client.query({ query: 'SELECT n, s FROM other.t ORDER BY n', format: 'TabSeparated' });
    expect(await text.text()).toBe('1\ta\n2\tb\\tc\n');
  });

  it('takes a query by URL, by body, and rows behind either', async () => {
    expect(await (await ask('query=SELECT+1')).text()).toBe('1\n');
    expect(
      await (await ask('default_format=JSONEachRow', { method: 'POST', body: 'SELECT 1 AS v' })).text(),
    ).toBe('{"v":1}\n');
    const inline = 'INSERT INTO t FORMAT CSV\n7,"x"\n8,"y"\n';
    expect((await ask('database=other', { method: 'POST', body: inline })).status).toBe(200);
    const rows = 'query=INSERT+INTO+t+SETTINGS+max_threads=1+FORMAT+TabSeparated&database=other';
    expect((await ask(rows, { method: 'POST', body: '9\tz\n' })).status).toBe(200);
    expect(await (await ask('query=SELECT+n+FROM+t+WHERE+n>6+ORDER+BY+n&database=other')).text()).toBe(
      '7\n8\n9\n',
    );
  });

  it('reports exceptions as the server does', async () => {
    const refused = await ask('query=SELECT+nothing_here&query_id=mine');
    expect(refused.status).toBe(404);
    expect(refused.headers.get('x-clickhouse-exception-code')).toBe('47');
    expect(refused.headers.get('x-clickhouse-query-id')).toBe('mine');
    expect(await refused.text()).toMatch(/^Code: 47\. DB::Exception: .*\(UNKNOWN_IDENTIFIER\)/s);
    await expect(client.query({ query: 'SELEC' })).rejects.toMatchObject({ code: '62' });
    await expect(client.query({ query: 'SELECT 1', session_id: 'x' })).rejects.toMatchObject({ code: '48' });
  });

  it('refuses a query id that runs', async () => {
    const stop = new AbortController();
    const clickhouse_settings = { cancel_http_readonly_queries_on_client_close: 1 } as const;
    const query = 'SELECT count() FROM numbers(1000000000000) WHERE rand() % 7 = 3';
    const running = client.query({ query, query_id: 'same', clickhouse_settings, abort_signal: stop.signal });
    const settled = Promise.allSettled([running]);
    await expect(untilRefused(client, 'same')).resolves.toMatchObject({ code: '216' });
    stop.abort();
    await settled;
  });

  it('answers pings, checks credentials and bounds bodies', async () => {
    expect(await (await fetch(`${server.url}/ping`)).text()).toBe('Ok.\n');
    expect((await fetch(`${server.url}/?query=SELECT+1`)).status).toBe(403);
    const large = await ask('', { method: 'POST', body: `SELECT '${'x'.repeat(1_000_001)}'` });
    expect(large.headers.get('x-clickhouse-exception-code')).toBe('307');
  });
});

async function untilRefused(client: ClickHouseClient, query_id: string): Promise<unknown> {
  for (;;) {
    try {
      await client.command({ query: 'SELECT 1', query_id });
    } catch (error) {
      return error;
    }
  }
}
