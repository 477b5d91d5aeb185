import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type FakeServer, startFakeServer } from '../testing/fake-server.ts';
import { type CommandResult, runCommand } from '../testing/run-command.ts';

let server: FakeServer;
let dir: string;

beforeEach(async () => {
  server = await startFakeServer();
  dir = mkdtempSync(path.join(os.tmpdir(), 'tidemark-cli-'));
});

afterEach(async () => {
  await server.close();
  rmSync(dir, { recursive: true, force: true });
});

function run(...args: readonly string[]): Promise<CommandResult> {
  return runCommand(args, { environment: { TIDEMARK_URL: `${server.url}/`, TIDEMARK_API_KEY: 'tm_test' } });
}

/** Answers a route with these bodies in turn, the last one for ever; what it was sent is returned. */
function answer(route: string, bodies: readonly unknown[], status = 200): unknown[] {
  const sent: unknown[] = [];
  server.routes.set(route, (body) => {
    sent.push(body);
    return { status, body: bodies[Math.min(sent.length, bodies.length) - 1] };
  });
  return sent;
}

const FIGURES = {
  received: 10,
  acknowledged: 8,
  stored: 6,
  duplicate: 1,
  conflict: 1,
  rejected: 2,
  dead: 0,
  inFlight: 0,
  residue: 1,
};

describe('tidemark ledger', () => {
  const ledger = {
    days: [{ day: '2026-01-14', ...FIGURES }],
    total: FIGURES,
    asOf: '2026-01-15T12:00:00.000Z',
    lag: 0,
  };

  it('prints the books and what is missing', async () => {
    answer('GET /api/v1/ledger?from=2026-01-14&to=2026-01-16', [ledger]);
    const result = await run('ledger', '--from', '2026-01-14', '--to', '2026-01-16');
    expect(result.exitCode).toBe(1);
    expect(result.stdout).toBe(
      [
        'day         received  stored  duplicate  conflict  rejected  dead  in flight  residue',
        '----------  --------  ------  ---------  --------  --------  ----  ---------  -------',
        '2026-01-14        10       6          1         1         2     0          0        1',
        '     total        10       6          1         1         2     0          0        1',
        '',
        'as of 2026-01-15T12:00:00.000Z, lag 0',
        '',
      ]
        .join('\n')
        .replace('     total', 'total     '),
    );
    expect(result.stderr).toBe('1 acknowledged events are nowhere: the log has lost them\n');
  });

  it('takes days, also as they are counted from now', async () => {
    const total = { ...FIGURES, residue: 0 };
    const body = { ...ledger, days: [], total };
    const at = (...args: readonly string[]) =>
      runCommand(['ledger', ...args], {
        environment: { TIDEMARK_URL: server.url, TIDEMARK_API_KEY: 'tm_test' },
        startMs: Date.parse('2026-01-15T12:00:00Z'),
      });
    answer('GET /api/v1/ledger?from=2026-01-12&to=2026-01-16', [body]);
    expect((await at('--from', 'now-3d', '--to', 'now')).exitCode).toBe(0);
    answer('GET /api/v1/ledger?from=2026-01-12', [body]);
    expect((await at('--from', '2026-01-12T23:30:00Z')).exitCode).toBe(0);
    answer('GET /api/v1/ledger?to=2026-01-15', [body]);
    expect((await at('--to', '2026-01-15')).exitCode).toBe(0);
  });

  it.each([
    [['--from', '14.1.2026'], '--from: "14.1.2026" is neither RFC 3339'],
    [['--from', '14.1.2026'], 'a date (2026-01-31)'],
    [['--to', '2026-02-30'], '--to: "2026-02-30" is not a date and time that exists'],
    [['--from', '2026-01-15', '--to', '2026-01-14'], '--to 2026-01-14 is not after --from 2026-01-15'],
  ])('says in words what is wrong with %j, and asks nothing', async (args, words) => {
    const result = await run('ledger', ...args);
    expect(result).toMatchObject({ exitCode: 2, stdout: '', stderr: expect.stringContaining(words) });
    expect(server.requests).toEqual([]);
  });

  it('says nothing more when nothing is missing', async () => {
    const total = { ...FIGURES, residue: 0 };
    answer('GET /api/v1/ledger', [{ ...ledger, days: [{ day: '2026-01-14', ...total }], total }]);
    expect(await run('ledger')).toMatchObject({ exitCode: 0, stderr: '' });
    const asJson = await run('ledger', '--json');
    expect(asJson.exitCode).toBe(0);
    expect(JSON.parse(asJson.stdout)).toMatchObject({ total });
  });

  it('fails as JSON too when any is missing, be it of one day alone', async () => {
    answer('GET /api/v1/ledger', [{ ...ledger, total: { ...FIGURES, residue: 0 } }, ledger]);
    expect((await run('ledger', '--json')).exitCode).toBe(1);
    expect(await run('ledger', '--json')).toMatchObject({
      exitCode: 1,
      stdout: `${JSON.stringify(ledger)}\n`,
    });
  });
});

const LETTER = {
  id: 'tidemark.events:0:7',
  organization: 'acme',
  stage: 'aggregator',
  code: 'event-not-storable',
  detail: 'bad\u001b[2J',
  eventType: 'order.placed',
  eventSource: '/shop',
  eventId: null,
  arrivedAt: '2026-01-15T12:00:00.000Z',
  attempt: 1,
  state: 'open',
  changedAt: '2026-01-15T12:00:00.000Z',
};
const ENCODED = 'tidemark.events%3A0%3A7';

describe('tidemark dead-letters', () => {
  it('lists what matches, and how to go on', async () => {
    const query =
      'code=event-not-storable&type=order.placed&from=now-1d&to=now&contains=x+y&state=open&limit=1&cursor=abc';
    answer(`GET /api/v1/dead-letters?${query}`, [{ deadLetters: [LETTER], cursor: 'def' }]);
    const result = await run(
      ...[
        'dead-letters',
        'list',
        '--code',
        'event-not-storable',
        '--type',
        'order.placed',
        '--state',
        'open',
      ],
      ...['--from', 'now-1d', '--to', 'now', '--contains', 'x y', '--limit', '1', '--cursor', 'abc'],
    );
    expect(result).toMatchObject({ exitCode: 0, stderr: '' });
    expect(result.stdout).toContain(
      'tidemark.events:0:7  2026-01-15T12:00:00.000Z  open   event-not-storable  order.placed  -         bad?[2J',
    );
    expect(result.stdout).toContain('more with --cursor def');
  });

  it('says so when there are none', async () => {
    answer('GET /api/v1/dead-letters', [{ deadLetters: [], cursor: null }]);
    answer('GET /api/v1/dead-letters/summary', [{ counts: [], total: 0 }]);
    for (const args of [[], ['--summary']]) {
      const result = await run('dead-letters', 'list', ...args);
      expect(result).toMatchObject({ exitCode: 0, stdout: 'no dead letters\n', stderr: '' });
    }
  });

  it('counts them, also those of nobody', async () => {
    const counts = [{ code: 'record-unreadable', state: 'open', letters: 12 }];
    answer('GET /api/v1/dead-letters/summary?organization=none', [{ counts, total: 12 }]);
    const result = await run('dead-letters', 'list', '--summary', '--nobody');
    expect(result.stdout).toMatch(/record-unreadable {2}open +12\n$/);
  });

  it('shows one, or its event alone', async () => {
    answer(`GET /api/v1/dead-letters/${ENCODED}`, [{ ...LETTER, headers: {}, event: { id: 'e1' } }]);
    expect(JSON.parse((await run('dead-letters', 'show', LETTER.id)).stdout)).toMatchObject(LETTER);
    const shown = await run('dead-letters', 'show', LETTER.id, '--event');
    expect(shown.stdout).toBe('{\n  "id": "e1"\n}\n');
    answer(`GET /api/v1/dead-letters/${ENCODED}`, [{ ...LETTER, headers: {}, valueBase64: '/w==' }]);
    const bytes = await run('dead-letters', 'show', LETTER.id, '--event');
    expect(bytes).toMatchObject({ exitCode: 1, stdout: '', stderr: expect.stringContaining('no JSON text') });
  });

  it('replays one, as it is or mended', async () => {
    const sent = answer(`POST /api/v1/dead-letters/${ENCODED}/replay`, [{ id: LETTER.id, attempt: 2 }], 202);
    const file = path.join(dir, 'event.json');
    writeFileSync(file, '{"id":"mended"}');
    const result = await run('dead-letters', 'replay', LETTER.id);
    expect(result).toMatchObject({ exitCode: 0, stdout: `${LETTER.id} is replayed (attempt 2)\n` });
    await run('dead-letters', 'replay', LETTER.id, '--event', file);
    expect(sent).toEqual([null, { event: { id: 'mended' } }]);
    writeFileSync(file, '{');
    for (const name of [file, path.join(dir, 'nowhere.json')]) {
      expect((await run('dead-letters', 'replay', LETTER.id, '--event', name)).exitCode).toBe(2);
    }
    expect(sent).toHaveLength(2);
  });

  it('replays all that match only when told twice, page by page', async () => {
    answer('GET /api/v1/dead-letters/summary?code=invalid-event&state=open', [{ counts: [], total: 1_500 }]);
    const refused = [{ id: 'ingest:ab', code: 'invalid-event', detail: 'must be text' }];
    const sent = answer(
      'POST /api/v1/dead-letters/replay',
      [
        { replayed: 1_000, refused: [], cursor: 'next' },
        { replayed: 499, refused, cursor: null },
      ],
      202,
    );
    const asked = await run('dead-letters', 'replay', '--all', '--code', 'invalid-event');
    expect(asked).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('1500 open letters match; --yes'),
    });
    expect(sent).toEqual([]);
    const result = await run('dead-letters', 'replay', '--all', '--yes', '--code', 'invalid-event');
    expect(sent).toEqual([{ code: 'invalid-event' }, { code: 'invalid-event', cursor: 'next' }]);
    expect(result).toMatchObject({
      exitCode: 1,
      stdout: '1499 replayed, 1 refused\n',
      stderr: 'ingest:ab invalid-event: must be text\n',
    });
  });

  it('fails when nothing was replayed, as nothing matches', async () => {
    answer('POST /api/v1/dead-letters/replay', [{ replayed: 0, refused: [], cursor: null }], 202);
    expect(await run('dead-letters', 'replay', '--all', '--yes')).toMatchObject({
      exitCode: 1,
      stdout: '0 replayed, 0 refused\n',
      stderr: 'no open letter matches: nothing was replayed\n',
    });
  });

  it.each([
    ['nothing at all', []],
    ['an id and --all', ['some-id', '--all', '--yes']],
    ['an id and filters', ['some-id', '--code', 'invalid-event']],
  ])('does not replay on %s', async (_what, args) => {
    expect((await run('dead-letters', 'replay', ...args)).exitCode).toBe(2);
    expect(server.requests).toEqual([]);
  });

  it('discards one', async () => {
    answer(`POST /api/v1/dead-letters/${ENCODED}/discard`, [undefined], 204);
    expect(await run('dead-letters', 'discard', LETTER.id)).toMatchObject({
      exitCode: 0,
      stdout: `${LETTER.id} is discarded\n`,
    });
  });
});

describe('tidemark rebuild', () => {
  // The clock of these runs begins in 1970.
  const RANGE = ['--from', '1970-01-01', '--to', '1970-03-02'];
  const PROGRESS = 'GET /api/v1/analytics/aggregate?from=1970-01-01T00%3A00%3A00.000Z&to=';

  it('marks month by month', async () => {
    const sent = answer('POST /api/v1/analytics/aggregate', [{ buckets: 4 }], 202);
    const result = await run('rebuild', ...RANGE, '--metric', 'shop.orders, shop.sales', '--no-wait');
    expect(result).toMatchObject({ exitCode: 0, stdout: '8 buckets are marked\n', stderr: '' });
    expect(sent).toEqual([
      {
        from: '1970-01-01T00:00:00.000Z',
        to: '1970-01-31T00:00:00.000Z',
        metrics: ['shop.orders', 'shop.sales'],
      },
      {
        from: '1970-01-31T00:00:00.000Z',
        to: '1970-03-02T00:00:00.000Z',
        metrics: ['shop.orders', 'shop.sales'],
      },
    ]);
  });

  it('waits until the rollups of what is past are made', async () => {
    answer('POST /api/v1/analytics/aggregate', [{ buckets: 3 }], 202);
    const past = ['--from', '1969-12-31T23:00:00Z', '--to', '1970-01-01'];
    expect((await run('rebuild', ...past)).exitCode).toBe(2);
    const sent = answer(`${PROGRESS}1970-01-01T00%3A00%3A00.001Z`, [
      { dirtyBuckets: 3 },
      { dirtyBuckets: 1 },
      { dirtyBuckets: 0 },
    ]);
    const result = await runCommand(['rebuild', ...RANGE], {
      environment: { TIDEMARK_URL: server.url, TIDEMARK_API_KEY: 'tm_test' },
      startMs: 1,
    });
    expect(result).toMatchObject({ exitCode: 0, stderr: '', sleptMs: [500, 500] });
    expect(result.stdout).toBe('6 buckets are marked\ntheir rollups are made, after 1.0 s\n');
    expect(sent).toHaveLength(3);
  });

  it('gives up waiting, and says that nothing is wrong', async () => {
    answer('POST /api/v1/analytics/aggregate', [{ buckets: 3 }], 202);
    answer(`${PROGRESS}1970-01-01T00%3A00%3A00.001Z`, [{ dirtyBuckets: 2 }]);
    const result = await runCommand(['rebuild', ...RANGE, '--wait-seconds', '2'], {
      environment: { TIDEMARK_URL: server.url, TIDEMARK_API_KEY: 'tm_test' },
      startMs: 1,
    });
    expect(result).toMatchObject({ exitCode: 1, stdout: '6 buckets are marked\n' });
    expect(result.stderr).toContain('2 rollups are not made after 2 s; they will be');
    expect(result.sleptMs).toHaveLength(4);
  });

  it('refuses a range that is too long before it marks anything', async () => {
    expect((await run('rebuild', '--from', '1970-01-01', '--to', '1972-01-01')).exitCode).toBe(2);
    expect((await run('rebuild', '--from', '1970-01-02', '--to', '1970-01-01')).exitCode).toBe(2);
    expect(server.requests).toEqual([]);
  });
});

describe('tidemark verify', () => {
  const CLEAN = { checkedBuckets: 5, skippedDirty: 1, differences: [], duplicates: [], notCompared: [] };
  const RANGE = ['--from', '2026-01-14T22:30:00Z', '--to', '2026-01-15T02:00:00Z'];
  const searched = (to: string) => ({ ...CLEAN, duplicatesSearchedThrough: to, duplicatesParts: 1 });
  const ANSWERS = [searched('2026-01-15T00:00:00.000Z'), searched('2026-01-15T02:00:00.000Z')];
  const DAYS = [
    { from: '2026-01-14T22:30:00.000Z', to: '2026-01-15T00:00:00.000Z' },
    { from: '2026-01-15T00:00:00.000Z', to: '2026-01-15T02:00:00.000Z' },
  ];

  it('asks by the day', async () => {
    const sent = answer('POST /api/v1/analytics/verify', ANSWERS);
    const result = await run('verify', ...RANGE);
    expect(sent).toEqual(DAYS.map((day) => ({ ...day, tiers: ['1m', '15m', '1d'], duplicates: true })));
    expect(result).toMatchObject({
      exitCode: 0,
      stdout: '2 days, 10 buckets checked, 2 not made yet, 0 differences, 0 duplicates, 0 not compared\n',
      stderr: '',
    });
  });

  it('asks by the hour for the finer tiers of a day that holds too much', async () => {
    const [first, second] = ANSWERS;
    const refuse = (tier: string) => ({ tier, code: 'query-timeout', detail: 'it took too long' });
    const large = { ...first, notCompared: [refuse('1m')] };
    const sent = answer('POST /api/v1/analytics/verify', [
      large,
      CLEAN,
      { ...CLEAN, notCompared: [refuse('1m')] },
      second,
    ]);
    const result = await run('verify', ...RANGE);
    const hour = { tiers: ['1m'], duplicates: false };
    expect(sent.slice(1, 3)).toEqual([
      { from: '2026-01-14T22:30:00.000Z', to: '2026-01-14T23:00:00.000Z', ...hour },
      { from: '2026-01-14T23:00:00.000Z', to: '2026-01-15T00:00:00.000Z', ...hour },
    ]);
    expect(sent).toHaveLength(4);
    expect(result.exitCode).toBe(1);
    expect(result.stdout).toMatch(
      /2026-01-14T23:00:00\.000Z +2026-01-15T00:00:00\.000Z +1m +it took too long\n/,
    );
    expect(result.stdout).toContain('20 buckets checked');
    expect(result.stdout).toContain('1 not compared\n');
  });

  it('shows what differs and what is there twice, and fails', async () => {
    const difference = {
      tier: '1m',
      bucket: '2026-01-14T23:00:00.000Z',
      metrics: ['shop.orders'],
      dimensions: ['gold'],
      columns: ['events'],
      raw: '3',
      rollup: '2',
    };
    const duplicate = { source: '/shop', id: 'a1', copies: 2 };
    const [first, ...others] = ANSWERS;
    const found = { ...first, differences: [difference], duplicates: [duplicate] };
    answer('POST /api/v1/analytics/verify', [found, ...others]);
    const result = await run('verify', ...RANGE);
    expect(result.exitCode).toBe(1);
    expect(result.stdout).toMatch(
      /1m +2026-01-14T23:00:00\.000Z +\["shop\.orders"\] +\["gold"\] +\["events"\] +3 +2\n/,
    );
    expect(result.stdout).toMatch(/\/shop +a1 +2\n/);
    expect(result.stdout).toContain('1 differences, 1 duplicates, 0 not compared\n');
  });

  it('goes on where something takes too much at once, says what, and fails for what was not compared', async () => {
    const [, ...others] = ANSWERS;
    const large = { ...CLEAN, duplicatesSearchedThrough: '2026-01-14T23:15:00.000Z', duplicatesParts: 2 };
    answer('POST /api/v1/analytics/verify', [large, ...others]);
    const searchedInParts = await run('verify', ...RANGE);
    expect(searchedInParts).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('0 not compared') });
    expect(searchedInParts.stderr).toContain('searched through 2026-01-14T23:15:00.000Z, in 2 parts');

    const refused = { tier: '1d', code: 'query-timeout', detail: 'it took too long' };
    answer('POST /api/v1/analytics/verify', [{ ...ANSWERS[0], notCompared: [refused] }, ...others]);
    const result = await run('verify', ...RANGE);
    expect(result).toMatchObject({ exitCode: 1, stderr: '' });
    expect(result.stdout).toMatch(
      /2026-01-14T22:30:00\.000Z +2026-01-15T00:00:00\.000Z +1d +it took too long\n/,
    );
    expect(result.stdout).toContain('10 buckets checked');
  });

  it.each([
    [0, 'nothing was compared: the range holds no events in buckets that are closed and rolled up'],
    [1, 'nothing was compared: 2 buckets are not made yet. They wait for their rollup'],
  ])(
    'fails when nothing was compared, with %i buckets of each answer not made yet',
    async (skippedDirty, words) => {
      const bodies = ANSWERS.map((one) => ({ ...one, checkedBuckets: 0, skippedDirty }));
      for (const format of [[], ['--json']]) {
        answer('POST /api/v1/analytics/verify', bodies);
        const result = await run('verify', ...RANGE, ...format);
        expect(result).toMatchObject({ exitCode: 1, stderr: expect.stringContaining(words) });
      }
    },
  );

  it('names as JSON what the API names, for the whole range', async () => {
    const [first, second] = ANSWERS.map((one) => ({ ...one, isTruncated: false }));
    answer('POST /api/v1/analytics/verify', [first, second]);
    const whole = {
      from: '2026-01-14T22:30:00.000Z',
      to: '2026-01-15T02:00:00.000Z',
      checkedBuckets: 10,
      skippedDirty: 2,
      differences: [],
      isTruncated: false,
      notCompared: [],
      duplicates: [],
      duplicatesSearchedThrough: '2026-01-15T02:00:00.000Z',
      duplicatesParts: 2,
      incompleteParts: [],
    };
    expect(JSON.parse((await run('verify', ...RANGE, '--json')).stdout)).toEqual(whole);

    const gap = { duplicatesSearchedThrough: '2026-01-14T23:15:00.000Z', duplicatesParts: 2 };
    answer('POST /api/v1/analytics/verify', [
      { ...first, ...gap },
      { ...second, isTruncated: true },
    ]);
    expect(JSON.parse((await run('verify', ...RANGE, '--json')).stdout)).toEqual({
      ...whole,
      ...gap,
      isTruncated: true,
      duplicatesParts: 3,
      incompleteParts: [
        { ...DAYS[0], ...gap },
        { ...DAYS[1], tiers: ['1m', '15m', '1d'], isTruncated: true },
      ],
    });
  });

  it('fails for what was not looked at because too much differs, and says where', async () => {
    const [first, second] = ANSWERS.map((one) => ({ ...one, isTruncated: false }));
    answer('POST /api/v1/analytics/verify', [first, { ...second, isTruncated: true }]);
    const result = await run('verify', ...RANGE);
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toContain(
      'more differs from 2026-01-15T00:00:00.000Z to 2026-01-15T02:00:00.000Z than is told of ["1m","15m","1d"]',
    );
  });
});

describe('tidemark status', () => {
  it('says which partition has halted, and fails', async () => {
    const partitions = [
      { partition: 0, nextOffset: 5, endOffset: 9, halted: 'a batch is half there' },
      { partition: 1, nextOffset: 5, endOffset: 9, halted: null },
    ];
    answer('GET /api/v1/status', [{ partitions }]);
    const { exitCode, stdout } = await run('status');
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/\npartition 0 has halted: a batch is half there\n$/);
  });
});
