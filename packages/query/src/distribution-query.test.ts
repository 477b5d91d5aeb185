import { describe, expect, it } from '@jest/globals';
import { resolveDistribution } from './distribution-query.ts';
import { shopCatalogue } from './testing/shop-pack.ts';

describe('resolveDistribution', () => {
  it('reads years and quarters as the organization begins them', () => {
    const context = { catalogue: shopCatalogue(), role: 'viewer', user: null } as const;
    const query = { metric: 'shop.duration_p95', from: 'now/y', to: 'now', fiscalYearStart: 3 };
    const { fromMs } = resolveDistribution(query, { ...context, nowMs: Date.parse('2024-02-01T12:00:00Z') });
    expect(new Date(fromMs).toISOString()).toBe('2023-03-01T00:00:00.000Z');
  });
});
