import { expect, it } from '@jest/globals';
import { ask, call, send, untilStored } from './client.ts';
import type { System } from './system.ts';

export function describeQuestionsOut(system: () => System): void {
  const get = (path: string) => call(`${system().gatewayUrl}${path}`, { key: system().adminKey });

  it('shows an event within two seconds of its acknowledgement, in a bucket that says it is open', async () => {
    const time = new Date().toISOString();
    const body = JSON.stringify({
      specversion: '1.0',
      id: `now-${time}`,
      source: '/e2e',
      type: 'http.request',
      time,
      data: { path: '/open', status: 200 },
    });
    const sentAtMs = performance.now();
    expect((await send(system(), body)).status).toBe(202);
    const query = {
      metrics: ['http.requests'],
      from: 'now-10m',
      to: 'now+1m',
      granularity: 'minute',
      filters: [{ dimension: 'path', op: 'eq', value: '/open' }],
    } as const;
    let points = (await ask(system(), query)).series[0]?.points ?? [];
    while (points.length === 0 && performance.now() - sentAtMs < 10_000) {
      points = (await ask(system(), query)).series[0]?.points ?? [];
    }
    expect(performance.now() - sentAtMs).toBeLessThan(2_000);
    expect(points).toMatchObject([{ value: 1, partial: true }]);
  });

  it('answers the same question in a URL', async () => {
    await untilStored(system());
    const { status, body } = await get(
      '/api/v1/metrics/llm.requests/series?from=2024-01-01&to=2024-01-02&granularity=hour&groupBy=service',
    );
    const same = await ask(system(), {
      metrics: ['llm.requests'],
      from: '2024-01-01',
      to: '2024-01-02',
      granularity: 'hour',
      groupBy: ['service'],
    });
    expect(status).toBe(200);
    expect(body['series']).toEqual(same.series);
    expect(same.series.length).toBeGreaterThan(0);
  });

  it.each([
    [{ metrics: ['no.such'], from: '2024-01-01', to: '2024-01-02' }, 422, 'unknown-metric'],
    [{ metrics: ['llm.requests'], from: '2024-01-02', to: '2024-01-01' }, 422, 'invalid-query'],
    [
      { metrics: ['llm.requests'], from: '2024-01-01', to: '2024-01-02', timeZone: 'Mars/Olympus' },
      422,
      'invalid-query',
    ],
    [
      { metrics: ['llm.requests'], from: '2024-01-01', to: '2024-01-02', groupBy: ['nothing'] },
      422,
      'invalid-query',
    ],
    [
      { metrics: ['llm.requests'], from: '2000-01-01', to: '2024-01-02', granularity: 'minute' },
      422,
      'query-too-expensive',
    ],
    [{ metrics: 'llm.requests' }, 400, 'invalid-request'],
  ])('refuses %j', async (query, status, code) => {
    const answer = await call(`${system().gatewayUrl}/api/v1/query`, {
      key: system().adminKey,
      body: JSON.stringify(query),
    });
    expect(answer).toMatchObject({ status, body: { code } });
  });

  it('lists its metrics and describes its API', async () => {
    const { body: list } = await get('/api/v1/metrics');
    const keys = (list['metrics'] as { key: string }[]).map((metric) => metric.key);
    expect(keys).toEqual(
      expect.arrayContaining([
        'llm.requests',
        'llm.cost',
        'llm.latency_p95',
        'http.requests',
        'http.unique_clients',
      ]),
    );
    const { body: document } = await get('/api/v1/openapi.json');
    expect(document['openapi']).toMatch(/^3\.1/);
    expect(Object.keys(document['paths'] as object)).toEqual(
      expect.arrayContaining(['/api/v1/query', '/api/v1/metrics', '/api/v1/metrics/{key}/series']),
    );
    const page = await fetch(`${system().gatewayUrl}/docs`);
    expect(page.headers.get('content-type')).toContain('text/html');
  });
}
