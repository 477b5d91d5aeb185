import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type FakeServer, startFakeServer } from '../testing/fake-server.ts';
import { type CommandResult, runCommand } from '../testing/run-command.ts';
import { parseFilterArgument } from './filter-argument.ts';

let server: FakeServer;

beforeEach(async () => {
  server = await startFakeServer();
});

afterEach(() => server.close());

function run(...args: readonly string[]): Promise<CommandResult> {
  return runCommand(args, { environment: { TIDEMARK_URL: `${server.url}/`, TIDEMARK_API_KEY: 'tm_test' } });
}

const ANSWER = {
  series: [
    {
      metric: 'http.requests',
      dimensions: { status: '200' },
      points: [
        { start: '2015-05-17T00:00:00Z', end: '2015-05-18T00:00:00Z', value: 1_500, partial: false },
        { start: '2015-05-18T00:00:00Z', end: '2015-05-19T00:00:00Z', value: 2_700, partial: true },
      ],
    },
    {
      metric: 'http.unique_clients',
      dimensions: { status: '200' },
      points: [{ start: '2015-05-17T00:00:00Z', end: '2015-05-18T00:00:00Z', value: 12, partial: false }],
    },
  ],
  timeZone: 'UTC',
  completeThrough: '2015-05-18T12:00:00Z',
  tiersRead: ['1d', 'raw'],
  estimates: [{ metric: 'http.unique_clients', kind: 'unique', relativeError: 0.008, note: 'a sketch' }],
  groupsOmitted: 3,
};

describe('tidemark query', () => {
  it('asks the question of the command line and prints a table', async () => {
    let question: unknown;
    server.routes.set('POST /api/v1/query', (body) => {
      question = body;
      return { status: 200, body: ANSWER };
    });
    const result = await run(
      ...[
        'query',
        '--metrics',
        'http.requests,http.unique_clients',
        '--from',
        '2015-05-17',
        '--to',
        '2015-05-19',
      ],
      ...[
        '--granularity',
        'day',
        '--time-zone',
        'UTC',
        '--group-by',
        'status',
        '--order-by',
        'http.requests:asc',
      ],
      ...[
        '--limit',
        '5',
        '--filter',
        'status>=200',
        '--filter',
        'method=GET',
        '--compare',
        'previous_period',
      ],
    );
    expect(result).toMatchObject({ exitCode: 0, stderr: '' });
    expect(question).toEqual({
      metrics: ['http.requests', 'http.unique_clients'],
      from: '2015-05-17',
      to: '2015-05-19',
      granularity: 'day',
      timeZone: 'UTC',
      compare: 'previous_period',
      limit: 5,
      orderBy: { metric: 'http.requests', direction: 'asc' },
      groupBy: ['status'],
      filters: [
        { dimension: 'status', op: 'gte', value: 200 },
        { dimension: 'method', op: 'eq', value: 'GET' },
      ],
    });
    expect(result.stdout).toBe(
      [
        'start                 end                   status  http.requests  http.unique_clients',
        '--------------------  --------------------  ------  -------------  -------------------',
        '2015-05-17T00:00:00Z  2015-05-18T00:00:00Z  200              1500                   12',
        '2015-05-18T00:00:00Z  2015-05-19T00:00:00Z  200             2700*                    -',
        '',
        'zone UTC, complete through 2015-05-18T12:00:00Z, read from 1d, raw',
        '* cut by the range or still open: more may come',
        'http.unique_clients is an estimate (standard error 0.8 %): a sketch',
        '3 more groups are not shown',
        '',
      ].join('\n'),
    );
  });

  it('prints the answer itself with --json', async () => {
    server.routes.set('POST /api/v1/query', () => ({ status: 200, body: ANSWER }));
    const result = await run('query', '--metrics', 'http.requests', '--from', 'now-1d', '--json');
    expect(JSON.parse(result.stdout)).toEqual(ANSWER);
  });

  it('shows the faults of a question', async () => {
    const errors = [
      { code: 'unknown-metric', pointer: '/metrics/0', detail: 'http.request is not in the catalogue' },
      { code: 'invalid-query', pointer: '/from', detail: 'is after to' },
    ];
    server.routes.set('POST /api/v1/query', () => ({
      status: 422,
      body: { title: 'The question cannot be answered as asked', detail: '2 faults', errors },
    }));
    const result = await run('query', '--metrics', 'http.request', '--from', 'now');
    expect(result).toMatchObject({ exitCode: 2, stdout: '' });
    expect(result.stderr).toContain('/metrics/0 http.request is not in the catalogue\n  /from is after to');
  });

  it('is wrong usage without metrics, or with a filter that is none', async () => {
    expect(await run('query', '--from', 'now')).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("required option '--metrics <keys>'"),
    });
    expect(
      (await run('query', '--metrics', 'a.b', '--from', 'now', '--filter', 'status>many')).exitCode,
    ).toBe(2);
    expect(server.requests).toEqual([]);
  });
});

describe('parseFilterArgument', () => {
  it.each([
    ['status=200', { dimension: 'status', op: 'eq', value: '200' }],
    ['path=/a?b=c', { dimension: 'path', op: 'eq', value: '/a?b=c' }],
    ['status != 200', { dimension: 'status', op: 'ne', value: '200' }],
    ['status<400', { dimension: 'status', op: 'lt', value: 400 }],
    ['agent~bot', { dimension: 'agent', op: 'contains', value: 'bot' }],
    ['status in 404, 500', { dimension: 'status', op: 'in', value: ['404', '500'] }],
    ['status not in 404', { dimension: 'status', op: 'nin', value: ['404'] }],
    ['user', { dimension: 'user', op: 'exists', value: true }],
    ['!user', { dimension: 'user', op: 'exists', value: false }],
  ])('reads %j', (text, expected) => {
    expect(parseFilterArgument(text)).toEqual(expected);
  });
});

describe('tidemark keys', () => {
  it('prints a new key alone on stdout', async () => {
    let asked: unknown;
    server.routes.set('POST /api/v1/api-keys', (body) => {
      asked = body;
      return { status: 201, body: { id: 'abc', key: 'tm_abc_secret' } };
    });
    const result = await run('keys', 'create', '--name', 'ci', '--role', 'producer');
    expect(result).toMatchObject({ exitCode: 0, stdout: 'tm_abc_secret\n' });
    expect(result.stderr).toContain('id abc');
    expect(asked).toEqual({ name: 'ci', role: 'producer' });
  });

  it('lists and revokes', async () => {
    const apiKeys = [{ id: 'abc', name: 'ci\u001b[2J', role: 'producer', createdAt: '2026-01-01T00:00:00Z' }];
    server.routes.set('GET /api/v1/api-keys', () => ({ status: 200, body: { apiKeys } }));
    server.routes.set('DELETE /api/v1/api-keys/a%2Fb', () => ({ status: 204 }));
    expect((await run('keys', 'list')).stdout).toContain('abc  ci?[2J  producer  2026-01-01T00:00:00Z');
    expect(await run('keys', 'revoke', 'a/b')).toMatchObject({ exitCode: 0, stdout: 'a/b is revoked\n' });
  });

  it('rotates, and prints the new key alone on stdout', async () => {
    let asked: unknown;
    server.routes.set('POST /api/v1/api-keys/abc/rotate', (body) => {
      asked = body;
      return { status: 201, body: { id: 'def', key: 'tm_def_secret' } };
    });
    const rotated = await run('keys', 'rotate', 'abc', '--overlap', '60');
    expect(rotated).toMatchObject({ exitCode: 0, stdout: 'tm_def_secret\n' });
    expect(asked).toEqual({ overlapSeconds: 60 });
    expect(await run('keys', 'rotate', 'abc', '--overlap', '1h')).toMatchObject({ exitCode: 2 });
  });

  it('knows the roles there are', async () => {
    const result = await run('keys', 'create', '--name', 'x', '--role', 'owner');
    expect(result).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('producer, viewer, admin') });
  });
});

describe('tidemark status', () => {
  it('prints partitions and every other figure', async () => {
    const pipeline = {
      completeThrough: '2026-01-01T00:00:00Z',
      partitions: [{ partition: 0, nextOffset: '5', endOffset: '9' }],
      dirtyBuckets: 2,
    };
    server.routes.set('GET /api/v1/status', () => ({ status: 200, body: { pipeline } }));
    const result = await run('status');
    expect(result.stdout).toContain('completeThrough: 2026-01-01T00:00:00Z\ndirtyBuckets: 2\n');
    expect(result.stdout).toMatch(/0 +5 +9 +4/);
  });

  it('says which server does not answer', async () => {
    await server.close();
    const result = await run('status');
    expect(result).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('ECONNREFUSED') });
    expect(result.stderr).toContain(server.url);
  });
});

describe('exit codes', () => {
  it.each([
    ['a value that the server refuses', 400, 2],
    ['a question that it cannot answer as asked', 422, 2],
    ['an unknown key', 401, 3],
    ['a key that may not ask', 403, 3],
    ['a thing that is not there', 404, 3],
    ['a task that runs already', 409, 3],
    ['too many requests', 429, 3],
    ['a fault of the server', 500, 3],
    ['a server that cannot answer now', 503, 3],
  ])('of %s (%i): %i', async (_what, status, exitCode) => {
    const refuse = () => ({ status, body: { title: 'Refused' } });
    for (const route of [
      'GET /api/v1/ledger',
      'GET /api/v1/status',
      'GET /api/v1/api-keys',
      'POST /api/v1/query',
    ]) {
      server.routes.set(route, refuse);
    }
    for (const args of [
      ['ledger'],
      ['status'],
      ['keys', 'list'],
      ['query', '--metrics', 'a.b', '--from', 'now-1d'],
    ]) {
      expect(await run(...args)).toMatchObject({ exitCode, stdout: '' });
    }
  });

  it('of an answer that is none: 3', async () => {
    server.routes.set('GET /api/v1/ledger', () => ({ status: 200, body: [] }));
    expect(await run('ledger')).toMatchObject({ exitCode: 3, stdout: '' });
  });

  it('stand in the help of every command', async () => {
    for (const args of [[], ['verify'], ['dead-letters'], ['dead-letters', 'list']]) {
      const { exitCode, stdout } = await run(...args, '--help');
      expect(exitCode).toBe(0);
      expect(stdout).toContain('3    no answer');
    }
  });

  it.each([[[]], [['keys']], [['dead-letters']]])(
    'the help of %j says what each command does',
    async (args) => {
      const { stdout } = await run(...args, '--help');
      const [, commands = ''] = /\nCommands:\n(.*?)\n\n/s.exec(stdout) ?? [];
      // Name, arguments, two spaces at least, description.
      for (const line of commands.split('\n')) expect(line).toMatch(/^ {2}\S.*? {2,}\S|^ {4,}\S/);
    },
  );
});
