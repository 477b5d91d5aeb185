import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { createRandom } from '../random.ts';
import { operationsOf } from './operations.ts';
import { type PlannedRequest, planRequest, turnsOf } from './plan.ts';
import { type Caller, createWords, type Tenant, type World } from './world.ts';

const DOCUMENT = {
  paths: {
    '/api/v1/query': {
      post: {
        requestBody: {
          content: {
            'application/json': {
              schema: {
                type: 'object',
                required: ['metrics', 'from'],
                properties: {
                  metrics: { type: 'array', items: { type: 'string' }, minItems: 1 },
                  from: { type: 'string' },
                  limit: { type: 'integer', minimum: 1, maximum: 5 },
                },
              },
            },
          },
        },
      },
    },
    '/api/v1/organizations/{id}': { delete: { parameters: [{ in: 'path', name: 'id', required: true }] } },
    '/api/v1/analytics/summary': {
      get: { parameters: [{ in: 'query', name: 'from', schema: { type: 'string' } }] },
    },
  },
};
const caller = (name: string, organization: string | null): Caller => ({
  name,
  organization,
  key: `tm_${name}`,
});
const tenant = (id: string): Tenant => ({
  id,
  canary: `canary${id}`,
  admin: caller(`admin-${id}`, id),
  viewer: caller(`viewer-${id}`, id),
  producer: caller(`producer-${id}`, id),
  seed: { accepted: 0, requests: 0, from: '', to: '' },
  ids: new Map(),
});
const WORLD: World = {
  attacked: [tenant('a'), tenant('b')],
  bystander: tenant('c'),
  operator: caller('operator', null),
  strangers: [{ name: 'nobody', organization: null, key: null }],
  victims: ['fz-victim-0'],
  secrets: [],
  wordsFor: createWords({ metrics: ['http.requests'], packs: ['http'] }),
  idsFor: () => ['a', 'b', 'c'],
};
const REQUESTS = 1_500;
const turns = turnsOf(operationsOf(DOCUMENT));

const plan = (seed: number): readonly PlannedRequest[] =>
  Array.from({ length: REQUESTS }, (_, serial) =>
    planRequest(serial, createRandom(seed, serial), { turns, document: DOCUMENT, world: WORLD }),
  );

/** Of all that is sent: the bodies are too large to be compared one by one. */
function digest(requests: readonly PlannedRequest[]): string {
  const hash = createHash('sha256');
  for (const { method, target, headers, body } of requests)
    hash.update(JSON.stringify([method, target, headers])).update(body ?? '');
  return hash.digest('hex');
}

describe('the plan', () => {
  const planned = plan(1);

  it('depends on the seed alone', () => {
    expect(digest(plan(1))).toBe(digest(planned));
    expect(digest(plan(2))).not.toBe(digest(planned));
  });

  it('gives every operation its turn, and every caller', () => {
    expect(new Set(planned.map(({ operation }) => operation))).toEqual(
      new Set(turns.map(({ name }) => name)),
    );
    const callers = [WORLD.operator, ...WORLD.strangers];
    for (const { admin, viewer, producer } of WORLD.attacked) callers.push(admin, viewer, producer);
    expect(new Set(planned.map((one) => one.caller))).toEqual(new Set(callers));
  });

  it('never asks in the name of who stands by', () => {
    const { admin, viewer, producer } = WORLD.bystander;
    const theirs = planned.filter((one) => [admin, viewer, producer].includes(one.caller));
    expect(theirs).toEqual([]);
  });

  it('lets the operator disable victims alone', () => {
    const deletes = planned.filter(
      (one) => one.caller === WORLD.operator && one.operation.startsWith('DELETE'),
    );
    expect(deletes.length).toBeGreaterThan(50);
    const named = deletes.filter(({ target }) => !/fz-victim-0|etc|169\.254|^\*$|é/.test(target));
    expect(named.map(({ target }) => target)).toEqual([]);
    expect(new Set(deletes.map(({ method }) => method))).toEqual(new Set(['DELETE']));
  });

  it('makes what the schema allows when nothing is wrong with it', () => {
    const valid = planned.filter(({ attack, body }) => attack === 'valid' && body !== null);
    expect(valid.length).toBeGreaterThan(50);
    for (const { body } of valid) {
      const {
        metrics,
        from,
        limit = 1,
      } = JSON.parse(body?.toString() ?? '') as Readonly<Record<string, unknown>>;
      expect([Array.isArray(metrics), typeof from]).toEqual([true, 'string']);
      expect(limit).toBeGreaterThanOrEqual(1);
      expect(limit).toBeLessThanOrEqual(5);
    }
  });
});
