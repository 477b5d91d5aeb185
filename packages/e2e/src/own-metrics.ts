import { expect, it } from '@jest/globals';
import { waitUntil } from '@tidemark/testkit/cluster';
import { ask, askAnew, call, send, untilStored } from './client.ts';
import type { System } from './system.ts';

const DAY = '2025-02-03';
/** A count is exact, so that equality can be asked for; beside it a quantile. */
const SAMPLES = {
  kind: 'base',
  title: 'Samples',
  description: 'How often somebody looked',
  unit: '{sample}',
  direction: 'neutral',
  eventTypes: ['queue.sampled'],
  value: 'data.depth',
  aggregation: 'count',
  dimensions: [{ key: 'queue', title: 'Queue', field: 'data.queue', rolledUp: true }],
};
const DEPTH = { ...SAMPLES, title: 'Queue depth, p90', unit: '{job}', aggregation: 'quantile', level: 0.9 };

export function describeOwnMetrics(system: () => System): void {
  const request = (method: string, path: string, body?: object, key: string | null = null) =>
    call(`${system().gatewayUrl}/api/v1/${path}`, {
      method,
      key: key ?? system().adminKey,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  const put = (metric: string, declaration: object) => request('PUT', `metrics/${metric}`, declaration);

  async function sendSamples(name: string, count: number): Promise<void> {
    const events = Array.from({ length: count }, (_, index) => ({
      specversion: '1.0',
      id: `${name}-${index}`,
      source: '/e2e/own',
      type: 'queue.sampled',
      time: new Date(Date.parse(`${DAY}T00:00:00Z`) + index * 60_000).toISOString(),
      data: { depth: index, queue: index % 2 === 0 ? 'mail' : 'video' },
    }));
    const { body, status } = await send(system(), JSON.stringify(events), {
      headers: { 'content-type': 'application/cloudevents-batch+json' },
    });
    expect([status, body['accepted']]).toEqual([202, count]);
    await untilStored(system());
  }

  /** Not what was answered before: from where it is read is what matters here. */
  const samples = () =>
    askAnew(system(), {
      metrics: ['own.samples', 'own.depth_p90'],
      from: `${DAY}T00:00:00Z`,
      to: `${DAY}T12:00:00Z`,
      groupBy: ['queue'],
    });

  it('are answered at once of what is stored, then from rollups, and the numbers stay the same', async () => {
    await sendSamples('before', 120);
    expect((await put('own.samples', SAMPLES)).status).toBe(200);
    expect((await put('own.depth_p90', DEPTH)).status).toBe(200);
    const fromRaw = await samples();
    expect(fromRaw.tiersRead).toEqual(['raw']);
    expect(
      fromRaw.series.map(({ dimensions, metric, points }) => [dimensions['queue'], metric, points[0]?.value]),
    ).toEqual([
      ['mail', 'own.samples', 60],
      ['mail', 'own.depth_p90', expect.closeTo(106, -1)],
      ['video', 'own.samples', 60],
      ['video', 'own.depth_p90', expect.closeTo(107, -1)],
    ]);

    for (const metric of ['own.samples', 'own.depth_p90']) {
      const { status, body } = await request('POST', `metrics/${metric}/backfill`);
      expect([status, Number(body['buckets']) > 0]).toEqual([202, true]);
    }
    await waitUntil(async () => !(await samples()).tiersRead.includes('raw'), {
      what: 'the own metrics to be answered from rollups',
      deadlineMs: 90_000,
    });
    const fromRollups = await samples();
    expect(fromRollups.series.map(({ points }) => points[0]?.value)).toEqual(
      fromRaw.series.map(({ points }) => points[0]?.value),
    );

    await sendSamples('after', 60);
    const later = await samples();
    expect(
      later.series.filter(({ metric }) => metric === 'own.samples').map(({ points }) => points[0]?.value),
    ).toEqual([90, 90]);
  });

  it('say something else as soon as they are declared differently', async () => {
    const filters = [{ field: 'data.queue', op: 'eq', value: 'mail' }];
    expect((await put('own.samples', { ...SAMPLES, filters })).status).toBe(200);
    await waitUntil(
      async () => {
        const { series, tiersRead } = await ask(system(), {
          metrics: ['own.samples'],
          from: `${DAY}T00:00:00Z`,
          to: `${DAY}T12:00:00Z`,
        });
        return series[0]?.points[0]?.value === 90 && tiersRead.includes('raw');
      },
      { what: 'every gateway to know the new declaration', deadlineMs: 15_000 },
    );
  });

  it('are those of one organization, and so are its numbers', async () => {
    const created = await request('POST', 'organizations', { id: 'e2e-stranger', name: 'Stranger' });
    expect(created.status).toBe(201);
    const { key } = created.body['apiKey'] as { key: string };
    expect((await request('GET', 'metrics/own.samples', undefined, key)).status).toBe(404);
    expect((await request('PUT', 'metrics/own.samples', SAMPLES, key)).status).toBe(200);
    const theirs = await ask(
      system(),
      { metrics: ['own.samples'], from: `${DAY}T00:00:00Z`, to: `${DAY}T12:00:00Z` },
      key,
    );
    expect(theirs.series[0]?.points[0]?.value).toBe(0);
  });
}
