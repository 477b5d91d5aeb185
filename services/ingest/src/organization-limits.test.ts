import { afterEach, describe, expect, it } from '@jest/globals';
import type { OrganizationLimits } from '@tidemark/core';
import { createTestIngest, type TestIngest } from './testing.ts';

const opened: TestIngest[] = [];
afterEach(async () => {
  for (const ingest of opened.splice(0)) await ingest.app.close();
});

async function open(granted: OrganizationLimits): Promise<TestIngest> {
  const ingest = await createTestIngest({ organizations: { limitsOf: async () => granted } });
  opened.push(ingest);
  return ingest;
}

async function send(ingest: TestIngest, count: number, key = ingest.keys.producer) {
  const events = Array.from({ length: count }, (_none, index) => ({
    specversion: '1.0',
    id: `e${index}`,
    source: '/shop',
    type: 'order.placed',
    data: { text: 'x'.repeat(100) },
  }));
  return await ingest.app.inject({
    method: 'POST',
    url: '/api/v1/events',
    headers: { 'content-type': 'application/cloudevents-batch+json', authorization: `Bearer ${key}` },
    payload: JSON.stringify(events),
  });
}

const policiesOf = (header: unknown) => [...String(header).matchAll(/"([a-z-]+)"/g)].map(([, name]) => name);

describe('what an organization is granted', () => {
  it('is counted over ten seconds and all its keys, and told beside what the key may send', async () => {
    const ingest = await open({ eventsPerSecond: 1 });
    const first = await send(ingest, 6);
    expect([first.statusCode, policiesOf(first.headers['ratelimit-policy'])]).toEqual([
      202,
      ['requests', 'events', 'organization-events'],
    ]);
    expect(first.headers['ratelimit']).toMatch(/"organization-events";r=4;t=\d+$/);
    const second = await send(ingest, 6, ingest.keys.admin);
    expect([second.statusCode, second.json<{ code: string }>().code]).toEqual([429, 'rate-limited']);
    expect(Number(second.headers['retry-after'])).toBeGreaterThan(0);
    expect(policiesOf(second.headers['ratelimit-policy'])).toContain('organization-events');
    expect(ingest.records).toHaveLength(6);
    ingest.clock.advance(10_000);
    expect((await send(ingest, 6)).statusCode).toBe(202);
  });

  it('is held to in bytes before a body is parsed', async () => {
    const ingest = await open({ bytesPerSecond: 1_024 });
    expect((await send(ingest, 1)).statusCode).toBe(202);
    const response = await ingest.app.inject({
      method: 'POST',
      url: '/api/v1/events',
      headers: {
        'content-type': 'application/cloudevents-batch+json',
        authorization: `Bearer ${ingest.keys.producer}`,
      },
      payload: '{'.repeat(10 * 1_024),
    });
    expect([response.statusCode, policiesOf(response.headers['ratelimit-policy'])]).toEqual([
      429,
      ['requests', 'organization-bytes'],
    ]);
  });

  it('is nothing in particular unless something is', async () => {
    const ingest = await open({});
    const { headers } = await send(ingest, 3);
    expect(policiesOf(headers['ratelimit-policy'])).toEqual(['requests', 'events']);
  });
});
