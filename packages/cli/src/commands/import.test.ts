import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type FakeServer, once, sendJson, startFakeServer, storeAll } from '../testing/fake-server.ts';
import { type CommandResult, runCommand } from '../testing/run-command.ts';

const HEADER = 'TIMESTAMP,ContextTokens,GeneratedTokens';

function row(index: number): string {
  return `2023-11-16 18:17:${String(index % 60).padStart(2, '0')}.1234567,${index},1`;
}

function csvOf(rows: number): string {
  return [HEADER, ...Array.from({ length: rows }, (_, index) => row(index))].join('\r\n');
}

let server: FakeServer;
let directory: string;

beforeEach(async () => {
  server = await startFakeServer();
  directory = await mkdtemp(path.join(tmpdir(), 'tidemark-cli-'));
});

afterEach(async () => {
  await server.close();
  await rm(directory, { recursive: true });
});

async function writeSource(name: string, content: string | Buffer): Promise<string> {
  const file = path.join(directory, name);
  await writeFile(file, content);
  return file;
}

function importTrace(
  file: string,
  options: readonly string[] = [],
  signal?: AbortSignal,
): Promise<CommandResult> {
  return runCommand(['import', 'llm.azure-trace', file, '--set', 'service=code', '--json', ...options], {
    environment: {
      TIDEMARK_URL: server.url,
      TIDEMARK_API_KEY: 'tm_test',
      XDG_STATE_HOME: path.join(directory, 'state'),
    },
    ...(signal === undefined ? {} : { signal }),
  });
}

async function checkpoints(): Promise<readonly string[]> {
  const folder = path.join(directory, 'state', 'tidemark', 'imports');
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
}

describe('tidemark import', () => {
  it('sends every record once, in batches of 1,000, and leaves no checkpoint', async () => {
    const result = await importTrace(await writeSource('a.csv', csvOf(2_500)));
    expect(result).toMatchObject({ exitCode: 0, stderr: '' });
    expect(JSON.parse(result.stdout)).toMatchObject({
      records: 2_500,
      accepted: 2_500,
      rejected: 0,
      visible: true,
    });
    expect(server.events.size).toBe(2_500);
    expect(server.batchSizes.toSorted((a, b) => b - a)).toEqual([1_000, 1_000, 500]);
    expect([...server.events.values()].find(({ data }) => data['prompt_tokens'] === 0)).toMatchObject({
      time: '2023-11-16T18:17:00.1234567Z',
      data: { prompt_tokens: 0, completion_tokens: 1, service: 'code' },
    });
    expect(server.requests.every(({ authorization }) => authorization === 'Bearer tm_test')).toBe(true);
    expect(await checkpoints()).toEqual([]);
  });

  it('gives a file the same ids when it is renamed, compressed or has grown', async () => {
    await importTrace(await writeSource('a.csv', csvOf(1_200)));
    await importTrace(await writeSource('b.csv.gz', gzipSync(csvOf(1_200))));
    await importTrace(await writeSource('c.csv', csvOf(1_300)));
    expect(server.received).toBe(3_700);
    expect(server.events.size).toBe(1_300);
  });

  it('counts exact copies of a line each', async () => {
    const result = await importTrace(await writeSource('a.csv', [HEADER, row(1), row(1), row(1)].join('\n')));
    expect(result.exitCode).toBe(0);
    expect(server.events.size).toBe(3);
  });

  it('waits as long as the server asks, and tries again after a broken connection', async () => {
    server.faults = [
      once((_events, response) => {
        sendJson(response, 429, { title: 'Too many requests' }, { 'retry-after': '7' });
        return true;
      }),
      once((_events, response) => {
        response.destroy();
        return true;
      }),
    ];
    const result = await importTrace(await writeSource('a.csv', csvOf(10)));
    expect(result.exitCode).toBe(0);
    expect(server.events.size).toBe(10);
    expect(result.sleptMs[0]).toBeGreaterThanOrEqual(7_000);
    expect(result.sleptMs).toHaveLength(2);
    expect(result.stderr).toContain('Too many requests');
  });

  it('gives up after the bounded time and says why', async () => {
    server.faults = [
      (_events, response) => {
        sendJson(response, 503, { title: 'The bus cannot take events now', detail: 'no broker' });
        return true;
      },
    ];
    const result = await importTrace(await writeSource('a.csv', csvOf(10)), ['--retry-seconds', '20']);
    expect(result.exitCode).toBe(3);
    expect(result.stderr).toMatch(
      /HTTP 503: The bus cannot take events now: no broker \(gave up after \d+ tries\)/,
    );
    expect(result.sleptMs.reduce((sum, ms) => sum + ms, 0)).toBeLessThanOrEqual(20_000);
  });

  it('sends again, alone, the events that could not be taken just now', async () => {
    server.faults = [
      once((events, response) => {
        storeAll(server, events.slice(2));
        const rejected = [0, 1].map((index) => ({
          index,
          code: 'event-not-durable',
          detail: 'later',
          retryable: true,
        }));
        sendJson(response, 202, { received: events.length, accepted: events.length - 2, rejected });
        return true;
      }),
    ];
    const result = await importTrace(await writeSource('a.csv', csvOf(10)));
    expect(result.exitCode).toBe(0);
    expect(server.batchSizes).toEqual([8, 2]);
    expect(server.events.size).toBe(10);
  });

  it('lists what is unreadable and what is refused, with its line, and imports the rest', async () => {
    const lines = [HEADER, row(1), 'yesterday,1,2', row(2), row(3)];
    server.faults = [
      once((events, response) => {
        storeAll(server, events.slice(1));
        const rejected = [
          {
            index: 0,
            id: events[0]?.id,
            code: 'invalid-event',
            pointer: '/time',
            detail: 'is odd',
            retryable: false,
          },
        ];
        sendJson(response, 202, { received: events.length, accepted: events.length - 1, rejected });
        return true;
      }),
    ];
    const file = await writeSource('a.csv', lines.join('\n'));
    const result = await importTrace(file);
    expect(result.exitCode).toBe(1);
    expect(JSON.parse(result.stdout)).toMatchObject({ records: 4, accepted: 2, rejected: 1, unreadable: 1 });
    expect(result.stderr).toContain(`${file}:2: rejected: invalid-event /time is odd`);
    expect(result.stderr).toContain(`${file}:3: unreadable: TIMESTAMP is "yesterday", expected a time`);
  });

  it('tells the reasons when a whole batch is refused', async () => {
    server.faults = [
      (events, response) => {
        const rejected = events.map((_event, index) => ({
          index,
          code: 'invalid-event',
          detail: `bad ${index}`,
        }));
        sendJson(response, 400, { title: 'No event was accepted', received: 2, accepted: 0, rejected });
        return true;
      },
    ];
    const result = await importTrace(await writeSource('a.csv', csvOf(2)));
    expect(result.exitCode).toBe(1);
    expect(JSON.parse(result.stdout)).toMatchObject({ accepted: 0, rejected: 2 });
    expect(result.stderr).toContain('bad 1');
  });

  it('takes no answer for an acknowledgement that does not account for every event', async () => {
    server.faults = [
      (_events, response) => {
        sendJson(response, 200, { success: true });
        return true;
      },
    ];
    const result = await importTrace(await writeSource('a.csv', csvOf(2)));
    expect(result).toMatchObject({ exitCode: 3, stdout: '' });
    expect(result.stderr).toContain('does not account for 2 events');
  });

  it('shows every fault of a refused request', async () => {
    server.faults = [
      (_events, response) => {
        const errors = [{ code: 'x', pointer: '/a', detail: 'is missing' }];
        sendJson(response, 401, { title: 'A valid credential is required', detail: 'unknown key', errors });
        return true;
      },
    ];
    const result = await importTrace(await writeSource('a.csv', csvOf(2)));
    expect(result.exitCode).toBe(3);
    expect(result.stderr).toContain('HTTP 401: A valid credential is required: unknown key\n  /a is missing');
  });

  it('says what is wrong with the call before it sends anything', async () => {
    const environment = { TIDEMARK_URL: 'ftp://x' };
    const result = await runCommand(['import', 'llm.azure-trace', 'a.csv', '--set', 'service=x'], {
      environment,
    });
    expect(result.exitCode).toBe(2);
    expect(result.stderr).toContain('TIDEMARK_URL is "ftp://x"');
    expect(result.stderr).toContain('TIDEMARK_API_KEY is not set');
    const missing = await importTrace(path.join(directory, 'none.csv'));
    expect(missing).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('none.csv cannot be read: ENOENT'),
    });
    const unset = await runCommand(['import', 'llm.azure-trace', 'a.csv'], {
      environment: { TIDEMARK_API_KEY: 'k' },
    });
    expect(unset).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('needs --set service=…') });
    expect(server.requests).toEqual([]);
  });
});

describe('tidemark import, interrupted', () => {
  const ROWS = 20_000;

  /** Stops the user's side once so many events are stored. */
  async function importUntil(file: string, stored: number): Promise<CommandResult> {
    const stop = new AbortController();
    server.faults = [
      () => {
        if (server.received >= stored) stop.abort();
        return stop.signal.aborted;
      },
    ];
    const result = await importTrace(file, [], stop.signal);
    server.faults = [];
    return result;
  }

  it('goes on where it stopped, and the totals are exact', async () => {
    const file = await writeSource('a.csv', csvOf(ROWS));
    const interrupted = await importUntil(file, 10_000);
    expect(interrupted).toMatchObject({ exitCode: 130, stdout: '' });
    expect(await checkpoints()).toHaveLength(1);
    const before = server.received;
    const resumed = await importTrace(file);
    expect(resumed.exitCode).toBe(0);
    const outcome = JSON.parse(resumed.stdout) as { accepted: number; files: { resumedFrom: number }[] };
    expect(outcome.accepted).toBe(ROWS);
    expect(outcome.files[0]?.resumedFrom).toBeGreaterThan(0);
    expect(server.received - before).toBe(ROWS - (outcome.files[0]?.resumedFrom ?? 0));
    expect(server.events.size).toBe(ROWS);
    expect(await checkpoints()).toEqual([]);
  });

  it('starts from the beginning when the server has lost its data', async () => {
    const file = await writeSource('a.csv', csvOf(ROWS));
    await importUntil(file, 10_000);
    server.events.clear();
    server.received = 0;
    const result = await importTrace(file);
    expect(result.stderr).toContain('the server holds less than at the interruption');
    expect(server.events.size).toBe(ROWS);
  });

  it('starts from the beginning when the file is another one behind its first record', async () => {
    const file = await writeSource('a.csv', csvOf(ROWS));
    await importUntil(file, 10_000);
    const changed = csvOf(ROWS).replace(row(5), row(6));
    await writeFile(file, changed);
    const result = await importTrace(file);
    expect(result.stderr).toContain('is not what the interrupted import read');
    expect(JSON.parse(result.stdout)).toMatchObject({ accepted: ROWS, files: [{ resumedFrom: 0 }] });
    // Everything of the changed file, and the one record that it no longer holds.
    expect(server.events.size).toBe(ROWS + 1);
  });

  it('starts from the beginning on demand', async () => {
    const file = await writeSource('a.csv', csvOf(ROWS));
    await importUntil(file, 10_000);
    const result = await importTrace(file, ['--restart']);
    expect(JSON.parse(result.stdout)).toMatchObject({ accepted: ROWS, files: [{ resumedFrom: 0 }] });
    expect(server.events.size).toBe(ROWS);
  });
});
