import { afterEach, describe, expect, it } from '@jest/globals';
import type { LedgerDay } from '@tidemark/catalog';
import { DAY_MS, parseOrganizationId } from '@tidemark/core';
import type { OrganizationId } from '@tidemark/core';
import { DEFAULT_ORGANIZATION } from '../app/bootstrap.ts';
import { callAs, pointersOf } from '../test-calls.ts';
import { createTestGateway, NOW_MS } from '../testing.ts';
import type { TestGateway, TestGatewayOptions } from '../testing.ts';

const TODAY_MS = NOW_MS - (NOW_MS % DAY_MS);
const UP_TO_DATE = [0, 1].map((partition) => ({ partition, nextOffset: 7, arrivedThroughMs: NOW_MS }));

const opened: TestGateway[] = [];
afterEach(async () => {
  for (const gateway of opened.splice(0)) await gateway.app.close();
});

async function open(
  days: readonly (Partial<LedgerDay> & { readonly dayMs: number })[],
  options: TestGatewayOptions = {},
): Promise<TestGateway> {
  const gateway = await createTestGateway(options);
  opened.push(gateway);
  const nothing = { acknowledged: 0, rejected: 0, stored: 0, duplicate: 0, conflict: 0, dead: 0 };
  gateway.ledger.books.push(
    ...days.map((day) => ({ organization: DEFAULT_ORGANIZATION, ...nothing, ...day })),
  );
  return gateway;
}

describe('the ledger', () => {
  it('balances every day of the week, and all of them', async () => {
    const gateway = await open(
      [
        { dayMs: TODAY_MS - 7 * DAY_MS, acknowledged: 1, stored: 1 },
        {
          dayMs: TODAY_MS - 6 * DAY_MS,
          acknowledged: 10,
          rejected: 2,
          stored: 6,
          duplicate: 2,
          conflict: 1,
          dead: 1,
        },
        { dayMs: TODAY_MS, acknowledged: 3, stored: 5 },
      ],
      { progress: UP_TO_DATE },
    );
    const { status, headers, body } = await callAs(gateway, '/api/v1/ledger', { key: gateway.keyOf.viewer });
    expect([status, headers['cache-control']]).toEqual([200, 'private, no-store']);
    const old = { stored: 6, duplicate: 2, conflict: 1, dead: 1, rejected: 2, acknowledged: 10 };
    expect(body).toEqual({
      from: '2026-01-09',
      to: '2026-01-16',
      asOf: '2026-01-15T12:00:00.000Z',
      lag: 0,
      days: [
        { day: '2026-01-09', ...old, received: 12, inFlight: 0, residue: 1 },
        {
          ...{ day: '2026-01-15', acknowledged: 3, rejected: 0, stored: 5, duplicate: 0, conflict: 0 },
          ...{ dead: 0, received: 5, inFlight: 0, residue: 0 },
        },
      ],
      total: { ...old, acknowledged: 13, stored: 11, received: 17, inFlight: 0, residue: 1 },
    });
  });

  it('calls missing what no waiting record can still bring, and in flight the rest', async () => {
    const arrivedThroughMs = TODAY_MS + 1;
    const behind = UP_TO_DATE.map((entry) => ({ ...entry, nextOffset: 6, arrivedThroughMs }));
    const gateway = await open(
      [
        { dayMs: TODAY_MS - DAY_MS, acknowledged: 4, stored: 3 },
        { dayMs: TODAY_MS, acknowledged: 9, stored: 4 },
      ],
      { progress: behind },
    );
    const { body } = await callAs(gateway, '/api/v1/ledger?from=2026-01-14&to=2026-01-16');
    expect(body).toMatchObject({
      lag: 2,
      days: [
        { inFlight: 0, residue: 1 },
        { inFlight: 5, residue: 0 },
      ],
      total: { inFlight: 5, residue: 1 },
    });
  });

  it('calls nothing missing while a partition has not reported, nor for records the log has dropped unread', async () => {
    const gateway = await open([{ dayMs: TODAY_MS - DAY_MS, acknowledged: 4, stored: 3 }], {
      progress: [{ partition: 0, nextOffset: 7, arrivedThroughMs: NOW_MS }],
    });
    const { body } = await callAs(gateway, '/api/v1/ledger');
    // Of partition 1, what begins at offset 2 and ends at 7.
    expect(body).toMatchObject({ lag: 5, total: { inFlight: 1, residue: 0 } });
  });

  it('is of the own organization alone', async () => {
    const other = parseOrganizationId('other') as OrganizationId;
    const gateway = await open([{ dayMs: TODAY_MS, acknowledged: 4, organization: other }]);
    expect((await callAs(gateway, '/api/v1/ledger')).body).toMatchObject({
      days: [],
      total: { received: 0 },
    });
  });

  it.each([
    ['from=2026-02-30&to=2026-03-01', ['/from']],
    ['from=2026-01-02&to=2026-01-02', ['/to']],
    ['from=2025-01-01&to=2026-02-06', ['/to']],
    ['to=2026-13-01', ['/to']],
    ['from=now-7d', ['/from']],
    ['since=2026-01-01', ['/since']],
  ])('refuses %s', async (query, pointers) => {
    const gateway = await open([]);
    const answer = await callAs(gateway, `/api/v1/ledger?${query}`);
    expect([answer.status, answer.body['code']]).toEqual([400, 'invalid-request']);
    expect(pointersOf(answer)).toEqual(pointers);
  });

  it('takes 400 days', async () => {
    const gateway = await open([]);
    expect((await callAs(gateway, '/api/v1/ledger?from=2025-01-01&to=2026-02-05')).status).toBe(200);
  });
});
