import { describe, expect, it } from '@jest/globals';
import { parseOrganizationId, type Query } from '@tidemark/core';
import type { Row, Statement } from '@tidemark/warehouse';
import { createQueryEngine } from './engine.ts';
import { DEFAULT_STATEMENT_LIMITS } from './limits.ts';
import { shopCatalogue } from './testing/shop-pack.ts';

const at = (text: string) => Date.parse(text);
const organization = parseOrganizationId('acme');
if (organization === null) throw new Error('acme is an organization id');

/** The statements that a question leads to. Nothing is executed; every answer is empty but a ranking's. */
async function statementsOf(query: Query, rankedRows: readonly Row[] = []): Promise<Statement[]> {
  const statements: Statement[] = [];
  const engine = createQueryEngine({
    contextOf: () => ({ catalogue: shopCatalogue() }),
    clock: { nowMs: () => at('2024-03-31T12:34:56Z'), sleep: () => Promise.resolve() },
    limitsOf: () => ({ ...DEFAULT_STATEMENT_LIMITS, statementsAtOnceMax: 1 }),
    eventsTopic: 'events',
    allowedLatenessMs: 5_000,
    pipeline: {
      unknownMeasures: () => Promise.resolve([]),
      progress: () => Promise.resolve([{ arrivedThroughMs: at('2024-03-31T12:34:50Z') }]),
      dirtyBuckets: (_organization, tier) =>
        Promise.resolve(
          tier === '15m' ? [at('2024-03-31T10:15:00Z')] : tier === '1m' ? [at('2024-03-31T10:20:00Z')] : [],
        ),
    },
    warehouse: {
      query: <T extends Row>(statement: Statement) => {
        statements.push(statement);
        return Promise.resolve((statement.sql.includes('groups_total') ? rankedRows : []) as T[]);
      },
    },
  });
  await engine.ask({ organization: organization ?? never(), role: 'admin', user: null }, query);
  return statements;
}

function never(): never {
  throw new Error('unreachable');
}

function readable(statements: readonly Statement[]): string {
  return statements
    .map(({ sql, parameters }) => {
      const bound = Object.entries(parameters ?? {}).map(
        ([name, value]) => `  ${name} = ${JSON.stringify(value)}`,
      );
      return `${sql}\n-- with\n${bound.join('\n')}`;
    })
    .join('\n\n');
}

describe('the SQL of a question', () => {
  it('stitches days, quarters of an hour, minutes and the open tail', async () => {
    const statements = await statementsOf({
      metrics: ['shop.orders'],
      from: '2024-03-29',
      to: '2024-04-01',
      granularity: 'day',
    });
    expect(readable(statements)).toMatchSnapshot();
  });

  it('asks averages, extremes and quantiles of one value in one statement', async () => {
    const statements = await statementsOf({
      metrics: [
        'shop.duration_avg',
        'shop.duration_max',
        'shop.duration_p95',
        'shop.duration_p50',
        'shop.duration_last',
      ],
      from: '2024-03-30',
      to: '2024-03-31',
      filters: [{ dimension: 'country', op: 'in', value: ['DE', 'FR'] }],
    });
    expect(statements).toHaveLength(1);
    expect(readable(statements)).toMatchSnapshot();
  });

  it('ranks groups over the whole range first, then asks for the series of those', async () => {
    const statements = await statementsOf(
      {
        metrics: ['shop.revenue', 'shop.orders'],
        from: '2024-03-30',
        to: '2024-03-31',
        granularity: 'hour',
        timeZone: 'Asia/Kolkata',
        groupBy: ['country'],
        limit: 1,
      },
      [{ d0: 'DE', is_behind: 1, groups_total: '7', groups_behind: '7' }],
    );
    expect(readable(statements)).toMatchSnapshot();
  });

  it('reads raw alone when a dimension is not rolled up', async () => {
    const statements = await statementsOf({
      metrics: ['shop.buyers'],
      from: '2024-03-30',
      to: '2024-03-31',
      filters: [{ dimension: 'user', op: 'ne', value: 'bot' }],
    });
    expect(readable(statements)).toMatchSnapshot();
  });
});

describe('tenant walls', () => {
  it('every part that reads a table binds the organization', async () => {
    const queries: Query[] = [
      { metrics: ['shop.orders', 'shop.failure_rate', 'shop.profit'], from: '2023-01-01', to: 'now' },
      { metrics: ['shop.buyers', 'shop.orders'], from: 'now-2d', to: 'now', granularity: 'minute' },
      {
        metrics: ['shop.failure_rate'],
        from: 'now-30d',
        to: 'now',
        granularity: 'week',
        groupBy: ['country'],
        compare: 'previous_year',
      },
      {
        metrics: ['shop.orders', 'shop.failures'],
        from: 'now-30d',
        to: 'now',
        groupBy: ['user'],
        compare: 'previous_period',
      },
      {
        metrics: ['shop.buyers', { as: 'x', expression: 'shop.failures / shop.orders' }],
        from: 'now-30d',
        to: 'now',
        groupBy: ['country'],
        filters: [{ or: [{ dimension: 'country', op: 'exists', value: true }] }],
        other: true,
        compare: 'previous_period',
      },
    ];
    for (const query of queries) {
      const statements = await statementsOf(query, [
        { d0: 'x', is_behind: 1, groups_total: '1', groups_behind: '1' },
      ]);
      expect(statements.length).toBeGreaterThan(0);
      for (const { sql, parameters } of statements) {
        const tables = sql.match(/FROM (?:events|rollup_\w+)/g) ?? [];
        const bound = [...sql.matchAll(/(?:WHERE )organization = \{(p\d+):String\}/g)].map(
          (match) => match[1] ?? '',
        );
        expect(bound).toHaveLength(tables.length);
        expect(new Set(bound.map((name) => parameters?.[name]))).toEqual(new Set(['acme']));
      }
    }
  });
});
