import { describe, expect, it } from '@jest/globals';
import type { ImportMapping } from '@tidemark/core';
import { PACKS } from '@tidemark/packs';
import { createEventIds } from './event-id.ts';
import { compileMapping, findMapping } from './mapping.ts';
import type { Cell, SourceRecord } from './record.ts';

const MAPPING: ImportMapping = {
  key: 'test.orders',
  title: 'Orders',
  format: 'csv',
  eventType: 'order.placed',
  source: '/import/test',
  time: { column: 'at', format: 'unix-s' },
  subject: 'buyer',
  fields: [
    { field: 'data.amount', column: 'amount', type: 'number' },
    { field: 'data.gift.wrapped', column: 'gift', type: 'boolean' },
    { field: 'data.note', column: 'note', type: 'string' },
  ],
  settable: [
    { field: 'data.shop', name: 'shop', required: true },
    { field: 'data.gift.by', name: 'by', required: false },
  ],
};

function record(cells: readonly Cell[], number = 1, text = 'text'): SourceRecord {
  return { number, line: number + 1, text, cells, fault: null };
}

const compiled = compileMapping(MAPPING, new Map([['shop', 'north']]));

describe('compileMapping', () => {
  it('turns cells and settings into an event', () => {
    const full = compileMapping(
      MAPPING,
      new Map([
        ['shop', 'north'],
        ['by', 'ada'],
      ]),
    );
    expect(full.columns).toEqual(['at', 'buyer', 'amount', 'gift', 'note']);
    expect(full.toEvent(record(['0', 'u1', '12.50', 'true', 'hi']), 'id-1')).toEqual({
      specversion: '1.0',
      id: 'id-1',
      source: '/import/test',
      type: 'order.placed',
      time: '1970-01-01T00:00:00Z',
      subject: 'u1',
      data: { amount: 12.5, gift: { wrapped: true, by: 'ada' }, note: 'hi', shop: 'north' },
    });
  });

  it('leaves out empty cells and dashes', () => {
    expect(compiled.toEvent(record(['0', '-', '', undefined, '-']), 'i')).toEqual({
      specversion: '1.0',
      id: 'i',
      source: '/import/test',
      type: 'order.placed',
      time: '1970-01-01T00:00:00Z',
      data: { shop: 'north' },
    });
  });

  it('picks the type by a column, and puts values in place of others', () => {
    const byKind = compileMapping(
      {
        ...MAPPING,
        eventTypeBy: { column: 'kind', values: { back: 'order.returned', constructor: 'order.made' } },
        fields: [{ field: 'data.state', column: 'kind', type: 'string', values: { back: 'returned' } }],
        settable: [],
      },
      new Map(),
    );
    expect(byKind.columns).toEqual(['at', 'buyer', 'kind', 'kind']);
    const told = ['back', 'new', 'constructor', undefined].map((kind) => {
      const event = byKind.toEvent(record(['0', 'u1', kind, kind]), 'i');
      return typeof event === 'string' ? event : [event.type, event.data['state']];
    });
    expect(told).toEqual([
      ['order.returned', 'returned'],
      ['order.placed', 'new'],
      ['order.made', 'constructor'],
      ['order.placed', undefined],
    ]);
  });

  it.each<[Cell, unknown]>([
    ['4808', 4808],
    ['-0.10', -0.1],
    ['9007199254740993', '9007199254740993'],
    ['0.1000000000000000000001', '0.1000000000000000000001'],
    [7, 7],
  ])('keeps every digit of %j', (cell, expected) => {
    expect(compiled.toEvent(record(['0', '', cell]), 'i')).toMatchObject({ data: { amount: expected } });
  });

  it('names every fault of a record', () => {
    const fault = compiled.toEvent(record(['soon', '', 'NaN', 'maybe']), 'i');
    expect(fault).toBe(
      'at is "soon", expected a time (unix-s); amount is "NaN", expected a number; gift is "maybe", expected a boolean',
    );
  });

  it('wants required settings and no unknown ones', () => {
    expect(() => compileMapping(MAPPING, new Map([['shp', 'x']]))).toThrow(
      'test.orders needs --set shop=…\ntest.orders has no setting "shp"; there are: shop, by',
    );
  });

  it('names the mappings there are', () => {
    expect(() => findMapping(PACKS, 'llm.azure')).toThrow(/llm\.azure-trace[^]*http\.combined-log/);
  });
});

describe('createEventIds', () => {
  const ids = createEventIds(compiled, 'first');

  it('gives the same record the same id, and copies of it at another place others', () => {
    expect(ids(record([], 5, 'same'))).toBe(createEventIds(compiled, 'first')(record([], 5, 'same')));
    expect(ids(record([], 5, 'same'))).not.toBe(ids(record([], 6, 'same')));
  });

  it('tells files, mappings and settings apart', () => {
    const other = compileMapping(MAPPING, new Map([['shop', 'south']]));
    const all = [ids, createEventIds(compiled, 'another'), createEventIds(other, 'first')];
    expect(new Set(all.map((idOf) => idOf(record([], 1, 'x')))).size).toBe(3);
  });
});
