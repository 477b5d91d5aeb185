import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type OrganizationId, parseOrganizationId, type TableRow } from '@tidemark/core';
import { createChdbExecutor, type EventRow } from '@tidemark/warehouse';
import { createEventsExport, type EventsExport, type EventsRequest } from './events-export.ts';
import { openTestWarehouse, type TestWarehouse } from './testing/warehouse.ts';

const ACME = parseOrganizationId('acme') as OrganizationId;
const GLOBEX = parseOrganizationId('globex') as OrganizationId;
const ADMIN = { organization: ACME, role: 'admin' } as const;
const DAY: EventsRequest = {
  fromMs: Date.UTC(2026, 0, 1),
  toMs: Date.UTC(2026, 0, 2),
  types: null,
  filters: [],
  columns: null,
};
const DATA = '{"a":{"b":1.5},"big":9007199254740993,"cents":-5,"list":[1,"x"],"ok":true,"text":"=1+1"}';

const event = (id: string, more: Partial<EventRow> = {}): EventRow => ({
  organization: ACME,
  type: 'order.placed',
  timeText: '2026-01-01T12:00:00.123456789Z',
  id,
  source: '/shop',
  subject: null,
  dataText: DATA,
  extensions: {},
  receivedAtMs: Date.UTC(2026, 0, 1, 12, 0, 1),
  identity: String(1_000 + Number(id)),
  content: '0',
  offset: Number(id),
  ...more,
});

describe('the export of events', () => {
  let opened: TestWarehouse;
  let events: EventsExport;

  beforeAll(async () => {
    opened = await openTestWarehouse(createChdbExecutor);
    events = createEventsExport(opened.executor);
    const rows = [
      event('1', { subject: 'ann', extensions: { traceparent: '00-1' } }),
      event('2', { timeText: '2026-01-01T00:00:00Z', type: 'order.paid', dataText: '{}' }),
      event('3', { timeText: '2026-01-02T00:00:00Z' }),
      event('4', { organization: GLOBEX }),
    ];
    await opened.events.insert({ topic: 'events', partition: 0, rows }, 'one');
  }, 60_000);
  afterAll(() => opened.close());

  const read = async (request: Partial<EventsRequest> = {}) => {
    const { columns, rowsExpected, batches } = await events.open(ADMIN, { ...DAY, ...request });
    const rows: TableRow[] = [];
    for await (const batch of batches) rows.push(...batch);
    expect(rowsExpected).toBe(rows.length);
    return { columns, rows: rows.toSorted((a, b) => String(a[0]).localeCompare(String(b[0]))) };
  };

  it('gives the events of the organization and of the range, as they were sent', async () => {
    const { columns, rows } = await read();
    expect(columns.map(({ name, type }) => `${name} ${type}`)).toEqual([
      'id text',
      'type text',
      'source text',
      'subject text',
      'time time',
      'received_at time',
      'data json',
    ]);
    const arrived = '2026-01-01T12:00:01.000Z';
    expect(rows).toEqual([
      ['1', 'order.placed', '/shop', 'ann', '2026-01-01T12:00:00.123456789Z', arrived, DATA],
      ['2', 'order.paid', '/shop', null, '2026-01-01T00:00:00.000Z', arrived, '{}'],
    ]);
  });

  it('gives fields as what they are', async () => {
    const fields = ['data.cents', 'data.text', 'data.a.b', 'data.big', 'data.list', 'data.ok', 'data.none'];
    const { columns, rows } = await read({ columns: ['id', ...fields, 'extensions', 'subject'] });
    expect(columns.map(({ type }) => type)).toEqual(['text', ...fields.map(() => 'scalar'), 'json', 'text']);
    expect(rows).toEqual([
      ['1', -5, '=1+1', 1.5, 9007199254740993n, '[1,"x"]', true, null, '{"traceparent":"00-1"}', 'ann'],
      ['2', null, null, null, null, null, null, null, '{}', null],
    ]);
  });

  it('keeps to types and filters', async () => {
    expect((await read({ types: ['order.paid', "'; DROP"] })).rows.map(([id]) => id)).toEqual(['2']);
    const filters = [
      { field: 'data.cents', op: 'lt', value: 0 },
      { field: 'subject', op: 'eq', value: 'ann' },
    ] as const;
    expect((await read({ filters })).rows.map(([id]) => id)).toEqual(['1']);
    const nobody = [{ field: 'data.text', op: 'eq', value: "' OR 1=1 --" }] as const;
    expect((await read({ filters: nobody })).rows).toEqual([]);
  });

  it('is for admins, and reports every fault', async () => {
    await expect(events.open({ ...ADMIN, role: 'viewer' }, DAY)).rejects.toMatchObject({ code: 'forbidden' });
    const wrong = {
      fromMs: DAY.toMs,
      types: [],
      columns: ['id', 'id', 'data', 'data.a-b', 'constructor'],
      filters: [{ field: 'time', op: 'gt', value: 'x' }],
    } as const;
    await expect(events.open(ADMIN, { ...DAY, ...wrong })).rejects.toMatchObject({
      code: 'invalid-query',
      faults: [
        { pointer: '/to' },
        { pointer: '/types' },
        { pointer: '/columns/1' },
        { pointer: '/columns/3' },
        { pointer: '/columns/4' },
        { pointer: '/filters/0/field' },
        { pointer: '/filters/0/value' },
      ],
    });
  });
});
