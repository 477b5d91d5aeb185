import { describe, expect, it } from '@jest/globals';
import { compileSubject, MINUTE_MS, type OrganizationId, type SubjectDeclaration } from '@tidemark/core';
import fc from 'fast-check';
import type { Stores } from './conformance-stores-opened.ts';
import { eventBatch, eventRow, newToken, NOON_MS, organizationId } from './conformance-stores-rows.ts';
import { SqlParameters } from './measure-sql.ts';
import { keptFacts, rawFacts, timeOfText, toldValue } from './subject-sql.ts';

const TIMEOUT_MS = 30_000;
const TICKET: SubjectDeclaration = {
  kind: 'tests.ticket',
  title: '',
  description: '',
  events: [
    { eventTypes: ['ticket.opened', 'ticket.changed'], id: 'subject' },
    { eventTypes: ['call.ended'], id: 'data.ticket' },
  ],
  attributes: [
    { key: 'status', title: '', type: 'string', field: 'data.status', keep: 'last' },
    {
      key: 'opened',
      title: '',
      type: 'time',
      field: 'time',
      eventTypes: ['ticket.opened'],
      keep: 'first',
    },
    {
      key: 'urgent_agent',
      title: '',
      type: 'string',
      field: 'data.agent',
      filters: [{ field: 'data.priority', op: 'gte', value: 3 }],
      keep: 'last',
    },
  ],
};
const SUBJECT = compileSubject(TICKET);
const FACT_KEYS = ['presence', ...TICKET.attributes.map(({ key }) => key)];

interface Told {
  readonly id: string;
  readonly type: 'ticket.opened' | 'ticket.changed' | 'call.ended';
  readonly minute: number;
  readonly nanos: number;
  readonly ticket: string;
  readonly status?: string | null;
  readonly agent?: string;
  readonly priority?: number;
}

/** Fixed width, so that it sorts as the time does. */
function timeTextOf({ minute, nanos }: Told): string {
  const seconds = new Date(NOON_MS + minute * MINUTE_MS).toISOString().slice(0, 19);
  return `${seconds}.${String(nanos).padStart(9, '0')}Z`;
}

function rowOf(event: Told, organization: OrganizationId, offset: number) {
  const { type, ticket, status, agent, priority } = event;
  return eventRow({
    organization,
    offset,
    id: event.id,
    type,
    timeText: timeTextOf(event),
    subject: type === 'call.ended' || ticket === '' ? null : ticket,
    dataText: JSON.stringify({ status, agent, priority, ...(type === 'call.ended' ? { ticket } : {}) }),
  });
}

/** `{ "<ticket> <key>": [earliest, latest] }`, by loops. */
function foldFacts(events: readonly Told[]): Record<string, [string, string]> {
  const found = new Map<string, [string, string, string][]>();
  for (const event of events) {
    const time = timeTextOf(event);
    const isOpening = event.type === 'ticket.opened';
    const values = [time, event.status, isOpening ? time : '', (event.priority ?? 0) >= 3 ? event.agent : ''];
    values.forEach((value, index) => {
      if (event.ticket === '' || value === undefined || value === null || value === '') return;
      const key = `${event.ticket} ${FACT_KEYS[index]}`;
      found.set(key, [...(found.get(key) ?? []), [time, event.id, value]]);
    });
  }
  return Object.fromEntries(
    [...found].map(([key, told]) => {
      const sorted = told.toSorted((a, b) => (a.join('\0') < b.join('\0') ? -1 : 1));
      return [key, [sorted[0]?.[2] ?? '', sorted.at(-1)?.[2] ?? '']];
    }),
  );
}

const EVENT: fc.Arbitrary<Omit<Told, 'id'>> = fc.record(
  {
    type: fc.constantFrom('ticket.opened', 'ticket.changed', 'call.ended'),
    minute: fc.integer({ min: 0, max: 3 }),
    nanos: fc.constantFrom(0, 1, 999_999_999),
    ticket: fc.constantFrom('t1', 't2', "t'3\\", ''),
    status: fc.constantFrom('open', 'ÅÄÖ', 'done', '', null),
    agent: fc.constantFrom('ann', 'bob', ''),
    priority: fc.integer({ min: 1, max: 5 }),
  },
  { requiredKeys: ['type', 'minute', 'nanos', 'ticket'] },
);

export function describeSubjects(current: () => Stores): void {
  const store = (organization: OrganizationId, events: readonly Told[], firstOffset = 0) =>
    current().events.insert(
      eventBatch(events.map((event, index) => rowOf(event, organization, firstOffset + index))),
      newToken(),
    );
  const absorb = (organization: OrganizationId, minutes: readonly number[]) =>
    current().subjects.absorb({
      organization,
      tier: '1m',
      bucketStartsMs: minutes.map((minute) => NOON_MS + minute * MINUTE_MS),
      facts: SUBJECT.facts,
      timeoutMs: TIMEOUT_MS,
    });
  const read = async (
    organization: OrganizationId,
    source: 'kept' | 'raw',
    id?: string,
  ): Promise<Record<string, [string, string]>> => {
    const parameters = new SqlParameters();
    const selection = { organization, facts: SUBJECT.facts, ...(id === undefined ? {} : { ids: [id] }) };
    const rows =
      source === 'kept' ? keptFacts(selection, parameters) : rawFacts(selection, 'true', parameters);
    const found = await current().warehouse.query<Record<'kind' | 'fact' | 'id' | 'first' | 'last', string>>({
      sql: `SELECT kind, fact, id, ${toldValue('min(earliest)')} AS first, ${toldValue('max(latest)')} AS last
FROM (${rows}) GROUP BY kind, fact, id`,
      parameters: parameters.values,
    });
    return Object.fromEntries(
      found.map((row) => {
        expect(row.kind).toBe('tests.ticket');
        const index = [SUBJECT.presence, ...SUBJECT.attributes.map(({ fact }) => fact)].findIndex(
          ({ fingerprint }) => fingerprint === row.fact,
        );
        return [`${row.id} ${FACT_KEYS[index]}`, [row.first, row.last]];
      }),
    );
  };
  const told = (fields: Partial<Told> & Pick<Told, 'id'>): Told => ({
    type: 'ticket.changed',
    minute: 0,
    nanos: 0,
    ticket: 't1',
    ...fields,
  });

  describe('subjects', () => {
    it('keeps what raw tells, whatever is inserted how often and in what order', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(EVENT, { maxLength: 25 }),
          fc.array(fc.subarray([0, 1, 2, 3], { minLength: 1 }), { minLength: 1, maxLength: 3 }),
          fc.nat(25),
          async (drafts, rounds, late) => {
            const organization = organizationId();
            const events = drafts.map((draft, index): Told => ({ ...draft, id: `e${(index * 7) % 26}` }));
            await store(organization, events.slice(late));
            for (const minutes of rounds) await absorb(organization, minutes.toReversed());
            await store(organization, events.slice(0, late), 100);
            await absorb(organization, [0, 1, 2, 3]);
            for (const minutes of rounds) await absorb(organization, minutes);
            const expected = foldFacts(events);
            expect(await read(organization, 'kept')).toEqual(expected);
            expect(await read(organization, 'raw')).toEqual(expected);
            await current().warehouse.command({ sql: 'OPTIMIZE TABLE subjects FINAL' });
            expect(await read(organization, 'kept')).toEqual(expected);
          },
        ),
        { numRuns: 8 },
      );
    }, 60_000);

    it('takes partial updates: an absent or empty field leaves what was told before', async () => {
      const organization = organizationId();
      await store(organization, [
        told({ id: 'a', type: 'ticket.opened', status: 'open', agent: 'ann', priority: 3 }),
        told({ id: 'b', nanos: 5, status: '' }),
        told({ id: 'c', nanos: 6, agent: 'bob', priority: 1 }),
        told({ id: 'd', nanos: 7, status: null }),
        told({ id: 'e', nanos: 8, type: 'call.ended', ticket: 't1', agent: 'cy', priority: 4 }),
      ]);
      await absorb(organization, [0]);
      const first = timeTextOf(told({ id: 'a' }));
      expect(await read(organization, 'kept', 't1')).toEqual({
        't1 presence': [first, timeTextOf(told({ id: 'e', nanos: 8 }))],
        't1 status': ['open', 'open'],
        't1 opened': [first, first],
        't1 urgent_agent': ['ann', 'cy'],
      });
    });

    it('settles equal times by the id of the event, and the same id by the value', async () => {
      const organization = organizationId();
      await store(organization, [
        told({ id: 'b', status: 'one' }),
        told({ id: 'ab', status: 'two' }),
        told({ id: 'a', status: 'three' }),
        told({ id: 'b', status: 'one after' }),
      ]);
      await absorb(organization, [0]);
      expect((await read(organization, 'kept', 't1'))['t1 status']).toEqual(['three', 'one after']);
    });

    it('reads the minutes named, of the organization, and one subject when asked', async () => {
      const [ours, theirs] = [organizationId(), organizationId()];
      await store(ours, [
        told({ id: 'a', status: 'kept' }),
        told({ id: 'b', minute: 2, ticket: 't2', status: 'kept' }),
        told({ id: 'c', minute: 1, ticket: 't3', status: 'not yet' }),
      ]);
      await store(theirs, [told({ id: 'a', status: 'theirs' })]);
      await absorb(ours, [0, 2]);
      await absorb(theirs, [0]);
      const kept = await read(ours, 'kept');
      expect([kept['t1 status'], kept['t2 status'], kept['t3 status']]).toEqual([
        ['kept', 'kept'],
        ['kept', 'kept'],
        undefined,
      ]);
      expect(Object.keys(await read(ours, 'kept', 't2'))).toEqual(['t2 presence', 't2 status']);
      expect(Object.keys(await read(ours, 'raw', 't3'))).toEqual(['t3 presence', 't3 status']);
    });

    it.each([
      ['2026-01-15T12:00:00Z', '2026-01-15 12:00:00.000000000'],
      ['2026-01-15t12:00:00.123456789z', '2026-01-15 12:00:00.123456789'],
      ['2026-01-15 12:00+05:30', '2026-01-15 06:30:00.000000000'],
      ['2105-12-31T23:59:59.9-00:00', '2105-12-31 23:59:59.900000000'],
      ['2026-02-30T12:00:00Z', null],
      ['2026-01-15T12:00:00', null],
      ['2026-01-15', null],
      ['1768478400', null],
      ['2106-01-01T00:00:00Z', null],
      ['1969-12-31T23:59:59Z', null],
      ['soon', null],
      ['', null],
    ])('reads the time %j as %j', async (text, expected) => {
      const [row] = await current().warehouse.query<{ found: string | null }>({
        sql: `SELECT toString(${timeOfText('{text:String}')}) AS found`,
        parameters: { text },
      });
      expect(row?.found).toBe(expected);
    });
  });
}
