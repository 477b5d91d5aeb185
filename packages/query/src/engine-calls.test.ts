import { describe, expect, it } from '@jest/globals';
import { AppError, DAY_MS, isAppError, parseOrganizationId, type Query } from '@tidemark/core';
import type { Row, Statement } from '@tidemark/warehouse';
import { createQueryEngine, type QueryEngineOptions } from './engine.ts';
import { DEFAULT_STATEMENT_LIMITS, DERIVED_RANKING_GROUPS_MAX } from './limits.ts';
import { shopCatalogue } from './testing/shop-pack.ts';

const NOW_MS = Date.parse('2024-03-31T12:34:56Z');

function organizationId() {
  const id = parseOrganizationId('acme');
  if (id === null) throw new Error('acme is an organization id');
  return id;
}

/** An engine whose backends answer from functions, and note in which order they were called. */
function createEngine(
  answer: (statement: Statement) => readonly Row[] | Error = () => [],
  overrides: Partial<QueryEngineOptions['pipeline']> = {},
) {
  const calls: string[] = [];
  const statements: Statement[] = [];
  const engine = createQueryEngine({
    contextOf: () => ({ catalogue: shopCatalogue() }),
    clock: { nowMs: () => NOW_MS, sleep: () => Promise.resolve() },
    limitsOf: () => DEFAULT_STATEMENT_LIMITS,
    eventsTopic: 'events',
    allowedLatenessMs: 0,
    pipeline: {
      unknownMeasures: (asked, organization) => {
        calls.push('unknownMeasures');
        return overrides.unknownMeasures?.(asked, organization) ?? Promise.resolve([]);
      },
      progress: (topic) => {
        calls.push(`progress ${topic}`);
        return overrides.progress?.(topic) ?? Promise.resolve([{ arrivedThroughMs: NOW_MS }]);
      },
      dirtyBuckets: (_organization, tier) => {
        calls.push(`dirtyBuckets ${tier}`);
        return Promise.resolve([]);
      },
    },
    warehouse: {
      query: <T extends Row>(statement: Statement) => {
        calls.push('query');
        statements.push(statement);
        const answered = answer(statement);
        return answered instanceof Error ? Promise.reject(answered) : Promise.resolve(answered as T[]);
      },
    },
  });
  const ask = (query: Partial<Query>) =>
    engine.ask(
      { organization: organizationId(), role: 'admin', user: null },
      { metrics: ['shop.orders'], from: '2024-03-29', to: 'now', ...query },
    );
  return { ask, calls, statements };
}

async function refusal(asked: Promise<unknown>): Promise<AppError> {
  const error: unknown = await asked.then(
    () => null,
    (caught: unknown) => caught,
  );
  if (error instanceof AppError) return error;
  throw new Error('the question was accepted', { cause: error });
}

describe('the order of reading', () => {
  it('is measures, progress, marks of the wide tiers, of the minutes that are left, measures again, rows', async () => {
    const { ask, calls } = createEngine();
    await ask({});
    expect(calls).toEqual([
      'unknownMeasures',
      'progress events',
      'dirtyBuckets 1d',
      'dirtyBuckets 15m',
      'dirtyBuckets 1m',
      'unknownMeasures',
      'query',
    ]);
  });

  it('asks for no marks when no rollup is wide or fine enough', async () => {
    const { ask, calls } = createEngine();
    await ask({ groupBy: ['user'] });
    expect(calls.filter((call) => call.startsWith('dirty'))).toEqual([]);
    calls.length = 0;
    await ask({ from: 'now-20s' });
    expect(calls.filter((call) => call.startsWith('dirty'))).toEqual([]);
  });

  it('reads a measure from raw whenever rollups are not made of it', async () => {
    let isRolledUp = false;
    const { ask } = createEngine(() => [], {
      unknownMeasures: (asked) => Promise.resolve(isRolledUp ? [] : asked),
    });
    expect((await ask({})).tiersRead).toEqual(['raw']);
    isRolledUp = true;
    expect((await ask({})).tiersRead).toEqual(['1d', '15m', '1m', 'raw']);
    isRolledUp = false;
    expect((await ask({})).tiersRead).toEqual(['raw']);
  });

  it('reads raw alone, and calls everything partial, before the first progress', async () => {
    const { ask } = createEngine(() => [], { progress: () => Promise.resolve([]) });
    const answer = await ask({ to: '2024-03-30' });
    expect(answer).toMatchObject({ completeThrough: null, tiersRead: ['raw'] });
    expect(answer.series[0]?.points).toMatchObject([{ value: 0, partial: true }]);
  });
});

describe('the answer', () => {
  it('says where numbers come from and how far off they may be', async () => {
    const { ask } = createEngine();
    const answer = await ask({ metrics: ['shop.duration_p95', 'shop.revenue_per_buyer', 'shop.orders'] });
    expect(answer).toMatchObject({
      from: '2024-03-29T00:00:00.000Z',
      to: '2024-03-31T12:35:00.000Z',
      granularity: null,
      timeZone: 'UTC',
      completeThrough: '2024-03-31T12:34:00.000Z',
      groupsOmitted: 0,
    });
    expect(answer.estimates).toMatchObject([
      { metric: 'shop.duration_p95', kind: 'quantile', relativeError: 0.01 },
      {
        metric: 'shop.revenue_per_buyer',
        kind: 'unique',
        note: expect.stringContaining('shop.buyers') as unknown,
      },
    ]);
    expect(answer.series.map(({ points }) => points[0]?.value)).toEqual([null, null, 0]);
  });

  it('marks the bucket that is cut and the one that is open', async () => {
    const { ask } = createEngine(() => []);
    const answer = await ask({ from: '2024-03-29T06:00:00Z', granularity: 'day', fill: 'zero' });
    expect(answer.series[0]?.points.map(({ partial }) => partial)).toEqual([true, false, true]);
  });

  it('does not fill what has not begun', async () => {
    const { ask } = createEngine(() => []);
    const answer = await ask({ from: '2024-03-31', to: '2024-04-02', granularity: 'day', fill: 'zero' });
    expect(answer.series[0]?.points.map(({ value }) => value)).toEqual([0, null]);
  });
});

describe('refusals', () => {
  it('hands on what the warehouse refuses, and stops the other statements', async () => {
    const tooMuch = new AppError('query-too-expensive', 'memory');
    const { ask, statements } = createEngine(() => tooMuch);
    const metrics = [
      'shop.orders',
      'shop.failures',
      'shop.revenue',
      'shop.buyers',
      'shop.duration_avg',
      'shop.web_orders',
    ];
    expect(await refusal(ask({ metrics }))).toBe(tooMuch);
    expect(statements.length).toBeLessThan(metrics.length);
    expect(statements.every(({ signal }) => signal?.aborted === true)).toBe(true);
  });

  it('bounds what a statement may cost', async () => {
    const { ask, statements } = createEngine();
    await ask({});
    expect(statements[0]).toMatchObject({
      timeoutMs: 10_000,
      settings: {
        readonly: 2,
        max_memory_usage: 2 * 2 ** 30,
        max_rows_to_read: 500_000_000,
        max_result_rows: 1_000_000,
      },
    });
  });

  it('refuses an answer of too many points', async () => {
    const rows = Array.from({ length: 1000 }, (_, index) => ({
      d0: `user-${index}`,
      is_behind: 1,
      groups_total: '1000',
      groups_behind: '1000',
    }));
    const { ask } = createEngine(() => rows);
    const error = await refusal(
      ask({ granularity: 'minute', groupBy: ['user'], limit: 1000, from: 'now-2d' }),
    );
    expect(error.code).toBe('query-too-expensive');
    expect(error.message).toContain('coarser granularity');
  });

  it('says what to do when too many groups would be ranked by a derived metric', async () => {
    const { ask, statements } = createEngine(() => new AppError('query-too-expensive', 'result rows'));
    const error = await refusal(ask({ metrics: ['shop.failure_rate'], groupBy: ['user'] }));
    expect(isAppError(error, 'query-too-expensive')).toBe(true);
    expect(error.message).toContain('not derived');
    expect(statements[0]?.settings).toMatchObject({ max_result_rows: DERIVED_RANKING_GROUPS_MAX });
  });

  it('compares with nothing before 1970', async () => {
    const { ask } = createEngine();
    const error = await refusal(ask({ from: '1970-06-01', to: '1970-07-01', compare: 'previous_year' }));
    expect(error.faults).toMatchObject([{ code: 'invalid-query', pointer: '/compare' }]);
  });

  it('tells which limit a statement met, and what to change', async () => {
    const refused = (code: string) =>
      new AppError('query-too-expensive', 'of the engine', { cause: Object.assign(new Error(), { code }) });
    const messageOf = async (code: string) =>
      (await refusal(createEngine(() => refused(code)).ask({}))).message;
    expect(await messageOf('158')).toContain('read more than 500,000,000 rows: ask for a shorter range');
    expect(await messageOf('241')).toContain('2048 MiB');
    expect(await messageOf('396')).toContain('1,000,000 rows');
    expect(await messageOf('167')).toBe('of the engine');
    const slow = createEngine(() => new AppError('query-timeout', 'of the engine'));
    expect((await refusal(slow.ask({}))).message).toContain('longer than 10 s');
  });

  it('names too many buckets before it reads anything', async () => {
    const { ask, calls } = createEngine();
    const error = await refusal(
      ask({ granularity: 'minute', from: new Date(NOW_MS - 9 * DAY_MS).toISOString() }),
    );
    expect(error.code).toBe('query-too-expensive');
    expect(calls).toEqual([]);
  });
});
