import { describe, expect, it } from '@jest/globals';
import { operandsOf, stateMetricsOf } from './catalogue-metric.ts';
import { createCatalogue } from './catalogue.ts';
import { AppError } from './errors.ts';
import type { AttributeDeclaration, DerivedMetric, StateMetric, SubjectDeclaration } from './metric.ts';
import type { Pack } from './pack.ts';
import { compileSubject } from './subject.ts';

const created: AttributeDeclaration = {
  key: 'created',
  title: 'Created',
  type: 'time',
  field: 'time',
  eventTypes: ['ticket.opened'],
  keep: 'first',
};
const status: AttributeDeclaration = {
  key: 'status',
  title: 'Status',
  type: 'string',
  field: 'data.status',
  keep: 'last',
};
const agent: AttributeDeclaration = { ...status, key: 'agent', field: 'data.agent', isPersonal: true };
const cost: AttributeDeclaration = { ...status, key: 'cost', type: 'number', field: 'data.cost' };
const ticket: SubjectDeclaration = {
  kind: 'desk.ticket',
  title: 'Ticket',
  description: '',
  events: [{ eventTypes: ['ticket.opened', 'ticket.changed'], id: 'subject' }],
  attributes: [created, status, agent, cost],
};
const tickets: StateMetric = {
  kind: 'state',
  key: 'desk.tickets',
  title: 'Tickets',
  description: '',
  unit: '1',
  direction: 'neutral',
  subject: 'desk.ticket',
  at: 'created',
  aggregation: 'count',
  dimensions: ['status', 'agent'],
};
const derived: DerivedMetric = {
  kind: 'derived',
  key: 'desk.open_share',
  title: '',
  description: '',
  unit: '%',
  direction: 'neutral',
  expression: 'desk.open / desk.tickets * 100',
};
const pack: Pack = {
  key: 'desk',
  title: 'Desk',
  description: '',
  eventTypes: ['ticket.opened', 'ticket.changed'].map((type) => ({
    type,
    title: '',
    description: '',
    fields: [],
  })),
  dimensions: [],
  metrics: [
    tickets,
    {
      ...tickets,
      key: 'desk.open',
      role: 'admin',
      filters: [{ field: 'status', op: 'eq', value: 'open' }],
      dimensions: ['agent'],
    },
    derived,
  ],
  importMappings: [],
  recorders: [],
  subjects: [ticket],
  views: [],
  dashboard: [],
};

function faultsOf(...packs: Pack[]): string[] {
  try {
    createCatalogue(packs);
  } catch (error) {
    if (error instanceof AppError) return error.faults.map(({ pointer, detail }) => `${pointer} ${detail}`);
    throw error;
  }
  return [];
}

describe('subjects in the catalogue', () => {
  it('resolves state metrics: attributes are their dimensions, and expressions may name them', () => {
    const catalogue = createCatalogue([pack]);
    expect(catalogue.metric('desk.tickets')).toMatchObject({
      kind: 'state',
      role: 'viewer',
      eventTypes: ['ticket.changed', 'ticket.opened'],
      dimensions: [
        { key: 'status', title: 'Status', rolledUp: true },
        { key: 'agent', title: 'Status', rolledUp: true, isPersonal: true },
      ],
    });
    const share = catalogue.metric('desk.open_share');
    expect(share && operandsOf(share).map(({ key }) => key)).toEqual(['desk.open', 'desk.tickets']);
    expect(share && stateMetricsOf(share)).toHaveLength(2);
    expect(share?.role).toBe('admin');
    expect(share?.dimensions.map(({ key, isPersonal }) => [key, isPersonal])).toEqual([['agent', true]]);
    expect(catalogue.subject('desk.ticket')?.kind).toBe('desk.ticket');
    expect(catalogue.subject('desk.none')).toBeNull();
    expect(catalogue.facts).toHaveLength(5);
  });

  it('keeps one fact for attributes that read the same values, and another for every change of what is read', () => {
    const fingerprints = (declaration: SubjectDeclaration) =>
      compileSubject(declaration).facts.map(({ fingerprint }) => fingerprint);
    const firstStatus: AttributeDeclaration = { ...status, key: 'status_first', title: '', keep: 'first' };
    expect(fingerprints({ ...ticket, attributes: [status, firstStatus] })).toHaveLength(2);
    const reversed = {
      ...ticket,
      events: [{ eventTypes: ['ticket.changed', 'ticket.opened'], id: 'subject' }],
    };
    expect(fingerprints(reversed)).toEqual(fingerprints(ticket));
    const before = new Set(fingerprints(ticket));
    for (const changed of [
      { ...status, field: 'data.state' },
      { ...status, eventTypes: ['ticket.changed'] },
      { ...status, filters: [{ field: 'data.x', op: 'exists', value: true }] as const },
    ]) {
      const after = compileSubject({ ...ticket, attributes: [changed] }).attributes[0]?.fact.fingerprint;
      expect(before.has(after ?? '')).toBe(false);
    }
    const other = compileSubject({ ...ticket, events: [{ eventTypes: ['ticket.opened'], id: 'data.id' }] });
    expect(before.has(other.presence.fingerprint)).toBe(false);
  });

  it('reports every fault at once', () => {
    const broken: Pack = {
      ...pack,
      subjects: [
        {
          ...ticket,
          events: [
            { eventTypes: ['ticket.gone'], id: 'data.a-b' },
            { eventTypes: [], id: 'subject' },
          ],
          attributes: [
            { ...created, type: 'string', eventTypes: ['ticket.opened'] },
            { ...status, key: 'Status', filters: [{ field: 'data.x', op: 'in', value: 'a' }] },
            { ...cost, eventTypes: [] },
            cost,
          ],
        },
        { ...ticket, kind: 'other.thing', events: [] },
        ticket,
      ],
      metrics: [
        { ...tickets, subject: 'desk.nobody' },
        {
          ...tickets,
          key: 'desk.a',
          subject: 'other.thing',
          at: 'status',
          filters: [{ field: 'x', op: 'gt', value: 'y' }],
        },
        {
          ...tickets,
          key: 'desk.b',
          subject: 'other.thing',
          aggregation: 'sum',
          value: 'status',
          dimensions: ['agent', 'agent', 'no'],
        },
        { ...tickets, key: 'desk.c', subject: 'other.thing', aggregation: 'within' },
        {
          ...tickets,
          key: 'desk.d',
          subject: 'other.thing',
          aggregation: 'quantile',
          value: { since: 'created', until: 'cost', unit: 's' },
        },
        {
          ...tickets,
          key: 'desk.e',
          subject: 'other.thing',
          targets: { attribute: 'no', values: {}, otherwise: 1 },
        },
        {
          ...tickets,
          key: 'desk.f',
          subject: 'other.thing',
          aggregation: 'unique',
          value: { since: 'created', until: 'created', unit: 's' },
        },
      ],
    };
    expect(faultsOf(broken)).toEqual([
      '/0/subjects/2/kind subject "desk.ticket" is declared twice',
      '/0/metrics/0/subject "desk.nobody" is not a subject of pack desk',
      '/0/metrics/1/at "status" is a string: expected a time',
      '/0/metrics/1/filters/0/field "x" is not an attribute of other.thing',
      '/0/metrics/1/filters/0/value gt needs a number',
      '/0/metrics/2/value "status" is a string: expected a number',
      '/0/metrics/2/dimensions/1 dimension "agent" is declared twice',
      '/0/metrics/2/dimensions/2 "no" is not an attribute of other.thing',
      '/0/metrics/3/value within needs a value: an attribute',
      '/0/metrics/3/targets within needs targets',
      '/0/metrics/4/value/until "cost" is a number: expected a time',
      '/0/metrics/4/level a quantile needs a level between 0 and 1, found undefined',
      '/0/metrics/5/targets only within and targeted have targets, not count',
      '/0/metrics/5/targets/attribute "no" is not an attribute of other.thing',
      '/0/metrics/6/value a time elapsed has no distinct values to count',
      '/0/subjects/0/events/0/eventTypes/0 "ticket.gone" is not an event type of the pack',
      '/0/subjects/0/events/0/id "data.a-b" is no field reference (data.<key>, subject, source or type)',
      '/0/subjects/0/events/1/eventTypes no event type feeds the subject',
      '/0/subjects/0/attributes/3/key attribute "cost" is declared twice',
      '/0/subjects/0/attributes/0/type the time of an event is a time, not a string',
      '/0/subjects/0/attributes/0/eventTypes/0 "ticket.opened" is not an event type of the subject',
      '/0/subjects/0/attributes/1/key "Status" is no attribute key',
      '/0/subjects/0/attributes/1/filters/0/value in needs a list of at least one value',
      '/0/subjects/0/attributes/2/eventTypes no event type tells of the attribute',
      '/0/subjects/1/kind "other.thing" does not begin with its pack, "desk."',
      '/0/subjects/1/events no event tells of the subject',
      '/0/subjects/1/attributes/0/eventTypes/0 "ticket.opened" is not an event type of the subject',
    ]);
  });
});
