import { describe, expect, it } from '@jest/globals';
import { createCatalogue } from '@tidemark/core';
import { PACKS } from './index.ts';

const catalogue = createCatalogue(PACKS);

describe('packs', () => {
  it('pass every check of the catalogue', () => {
    expect(catalogue.packs.map(({ key }) => key)).toEqual([
      'llm',
      'agents',
      'http',
      'support',
      'messaging',
      'custom',
    ]);
  });

  it('are frozen all the way down and survive JSON', () => {
    const visit = (part: unknown): void => {
      if (typeof part !== 'object' || part === null) return;
      expect(Object.isFrozen(part)).toBe(true);
      Object.values(part).forEach(visit);
    };
    visit(PACKS);
    expect(JSON.parse(JSON.stringify(PACKS))).toEqual(PACKS);
  });

  it('declare every field that a dimension, value, filter, mapping or recorder reads', () => {
    for (const pack of PACKS) {
      const fieldsOf = new Map(
        pack.eventTypes.map(({ type, fields }) => [type, new Set(fields.map(({ field }) => field))]),
      );
      const all = new Set([...fieldsOf.values()].flatMap((fields) => [...fields]));
      const unknown = [
        ...pack.dimensions.map(({ field }) => field),
        ...pack.metrics.flatMap((metric) =>
          metric.kind !== 'base'
            ? []
            : [
                ...(metric.filters ?? []).map(({ field }) => field),
                ...((metric.value ?? '') ? [metric.value ?? ''] : []),
              ],
        ),
      ].filter((field) => !all.has(field));
      expect({ pack: pack.key, unknown }).toEqual({ pack: pack.key, unknown: [] });
      for (const { eventType, fields } of [...pack.importMappings, ...pack.recorders]) {
        for (const { field } of fields) expect([...(fieldsOf.get(eventType) ?? [])]).toContain(field);
      }
    }
  });

  it('declare every field that an attribute or the id of a subject reads', () => {
    for (const pack of PACKS) {
      const fieldsOf = new Map(
        pack.eventTypes.map(({ type, fields }) => [type, new Set(fields.map(({ field }) => field))]),
      );
      for (const { kind, events, attributes } of pack.subjects) {
        for (const { eventTypes, id } of events) {
          const lacking = eventTypes.filter((type) => fieldsOf.get(type)?.has(id) !== true);
          expect({ kind, id, lacking }).toEqual({ kind, id, lacking: [] });
        }
        const types = events.flatMap(({ eventTypes }) => eventTypes);
        for (const { key, field, eventTypes = types, filters = [] } of attributes) {
          for (const read of [field, ...filters.map((filter) => filter.field)]) {
            const isTold =
              read === 'time' || eventTypes.some((type) => fieldsOf.get(type)?.has(read) === true);
            expect({ kind, key, read, isTold }).toEqual({ kind, key, read, isTold: true });
          }
        }
      }
    }
  });

  it('describe everything, each in its own words', () => {
    for (const pack of PACKS) {
      for (const { key, title, description, unit } of pack.metrics) {
        expect({ key, title, description, unit }).toEqual({
          key,
          title: expect.stringMatching(/^\S/),
          description: expect.stringMatching(/^\S.*\.$/),
          unit: expect.stringMatching(/^\S+$/),
        });
      }
      const titles = pack.metrics.map(({ title }) => title);
      expect(titles.filter((title, index) => titles.indexOf(title) !== index)).toEqual([]);
      for (const { fields, description } of pack.eventTypes) {
        for (const told of [description, ...fields.map((field) => field.description)]) {
          expect(told).toMatch(/^\S.*[.…]$/);
        }
      }
    }
  });

  it('take every recorder by a name of its own, one of them by none', () => {
    const names = PACKS.flatMap(({ recorders }) => recorders.map(({ name }) => name));
    expect(names).toEqual(['usage', 'cost', 'performance', 'behavior', null]);
  });

  it('feed each metric from a type that carries its value', () => {
    for (const pack of PACKS) {
      for (const metric of pack.metrics) {
        if (metric.kind !== 'base' || metric.value === undefined) continue;
        for (const type of metric.eventTypes) {
          const fields = pack.eventTypes.find((declared) => declared.type === type)?.fields ?? [];
          expect({ metric: metric.key, type, fields: fields.map(({ field }) => field) }).toEqual({
            metric: metric.key,
            type,
            fields: expect.arrayContaining([metric.value]),
          });
        }
      }
    }
  });

  it.each([
    'llm.requests',
    'llm.prompt_tokens',
    'llm.completion_tokens',
    'llm.total_tokens',
    'llm.error_rate',
    'llm.latency_p95',
    'http.requests',
    'http.errors',
    'http.error_rate',
    'http.bytes',
    'http.unique_clients',
    'http.duration_p95',
  ])('let every reader ask for %s', (key) => {
    expect(catalogue.metric(key)?.role).toBe('viewer');
  });

  it.each([
    'llm.cost',
    'llm.cost_per_request',
    'llm.cost_per_1k_tokens',
    'llm.cost_per_user',
    'llm.unused_capacity',
  ])('keep %s for admins', (key) => {
    expect(catalogue.metric(key)?.role).toBe('admin');
  });

  it('share one measure between the statistics of one duration', () => {
    const fingerprints = ['avg', 'min', 'max', 'p50', 'p95', 'p99'].map((name) => {
      const metric = catalogue.metric(`http.duration_${name}`);
      return metric?.kind === 'base' ? metric.measure.fingerprint : null;
    });
    expect(new Set(fingerprints).size).toBe(1);
    expect(fingerprints[0]).not.toBeNull();
  });

  it('name persons by no dimension that everybody may group by', () => {
    const personal = PACKS.flatMap(({ key, dimensions }) =>
      dimensions
        .filter(({ isPersonal }) => isPersonal === true)
        .map((dimension) => `${key}.${dimension.key}`),
    );
    expect(personal).toEqual(['llm.user', 'agents.user', 'http.user', 'support.requester']);
  });

  it('keep no rollup by what has thousands of values', () => {
    const rolledUp = PACKS.flatMap(({ dimensions }) => dimensions.filter((dimension) => dimension.rolledUp));
    const keys = rolledUp.map(({ key }) => key);
    for (const key of [
      'user',
      'client',
      'path',
      'session',
      'device',
      'requester',
      'conversation',
      'campaign',
    ])
      expect(keys).not.toContain(key);
  });
});
