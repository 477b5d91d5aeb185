import { describe, expect, it } from '@jest/globals';
import { AppError } from '@tidemark/core';
import fc from 'fast-check';
import { COALESCE_MS, FOLLOWERLESS_MS, REFRESH_MS, SEND_BUFFER_BYTES_MAX, STALLED_MS_MAX } from './limits.ts';
import { createWorld, organization, principalOf, settle, TestClient, type World } from './test-feed.ts';

/** Makes a small answer fill the buffer of a connection. */
const HEAVY = 64;
const FRAME_BYTES_MAX = 8 * 1024;

async function advance(world: World, ms: number): Promise<void> {
  world.clock.advance(ms);
  await settle();
}

async function connected(world: World, count = 1): Promise<TestClient[]> {
  const clients = Array.from({ length: count }, () => new TestClient(world));
  for (const client of clients) await client.connect();
  await settle();
  for (const client of clients) client.read();
  return clients;
}

describe('the live feed', () => {
  it('asks once for all who follow the same question', async () => {
    const world = createWorld();
    const clients = await connected(world, 300);
    expect(world.asked).toHaveLength(1);
    await advance(world, COALESCE_MS);
    world.store(1, 5);
    await settle();
    for (const client of clients) {
      client.read();
      expect(client.answer).toEqual(world.answerNow());
      expect(client.types).toEqual(['subscription_data', 'metric_update']);
    }
    expect(world.asked).toHaveLength(2);
    await world.hub.close();
  });

  it('answers a burst of flushes at most once in a while, and none that does not touch the range', async () => {
    const world = createWorld();
    const [client] = (await connected(world)) as [TestClient];
    for (let flush = 0; flush < 100; flush += 1) {
      world.store(1, 1);
      await advance(world, COALESCE_MS / 50);
    }
    await advance(world, COALESCE_MS);
    client.read();
    expect(client.answer?.series[0]?.points.map(({ value }) => value)).toContain(100);
    expect(world.asked.length).toBeLessThanOrEqual(5);
    const before = world.asked.length;
    world.store(60, 1);
    await advance(world, COALESCE_MS);
    expect(world.asked).toHaveLength(before);
    await world.hub.close();
  });

  it('asks again without a flush: ranges slide and buckets close', async () => {
    const world = createWorld();
    const [client] = (await connected(world)) as [TestClient];
    await advance(world, REFRESH_MS);
    client.read();
    expect(client.answer).toEqual(world.answerNow());
    await world.hub.close();
  });

  it('sends a whole answer at every interval, changed or not', async () => {
    const world = createWorld();
    const client = new TestClient(world);
    await client.connect({ intervalMs: 2_000 });
    await settle();
    for (let second = 0; second < 6; second += 1) await advance(world, 1_000);
    client.read();
    expect(client.types).toEqual([
      'subscription_data',
      'periodic_update',
      'periodic_update',
      'periodic_update',
    ]);
    await world.hub.close();
  });

  it('lets a client go on where it was, and gives it the whole answer when it cannot', async () => {
    const world = createWorld();
    const [client] = (await connected(world)) as [TestClient];
    await new TestClient(world).connect();
    client.disconnect();
    for (let flush = 0; flush < 3; flush += 1) {
      world.store(flush, 1);
      await advance(world, COALESCE_MS);
    }
    await client.connect();
    await settle();
    client.read();
    expect(client.types.slice(1)).toEqual([
      'subscription_data',
      'metric_update',
      'metric_update',
      'metric_update',
    ]);
    expect(client.answer).toEqual(world.answerNow());

    client.disconnect();
    client.resume = 'another-instance.1.4';
    await client.connect();
    await settle();
    client.read();
    expect(client.types.at(-1)).toBe('subscription_data');
    expect(client.answer).toEqual(world.answerNow());
    await world.hub.close();
  });

  it('gives nobody an answer from before anybody followed it', async () => {
    const world = createWorld();
    const [first] = (await connected(world)) as [TestClient];
    first.disconnect();
    world.store(1, 7);
    await advance(world, FOLLOWERLESS_MS / 2);
    const second = new TestClient(world);
    await second.connect();
    second.read();
    expect(second.answer).toBeNull();
    await settle();
    second.read();
    expect(second.answer).toEqual(world.answerNow());
    // Its last follower's token is known still.
    await first.connect();
    await settle();
    first.read();
    expect(first.answer).toEqual(world.answerNow());
    await world.hub.close();
  });

  it('loses nothing that is flushed while the question is being answered', async () => {
    const world = createWorld();
    const [client] = (await connected(world)) as [TestClient];
    await advance(world, COALESCE_MS);
    let finish: () => void = () => undefined;
    world.onAsk = () =>
      new Promise((resolve) => {
        finish = resolve;
      });
    world.store(1, 1);
    await settle();
    world.store(2, 1);
    world.onAsk = () => Promise.resolve();
    finish();
    await advance(world, COALESCE_MS);
    client.read();
    expect(client.answer).toEqual(world.answerNow());
    await world.hub.close();
  });

  it('tells of a failure once, goes on when it has passed, and ends what can never be answered', async () => {
    const world = createWorld();
    const [client] = (await connected(world)) as [TestClient];
    world.failure = new AppError('warehouse-unavailable', 'away');
    world.store(1, 1);
    for (let second = 0; second < 5; second += 1) await advance(world, 1_000);
    client.read();
    expect(client.types.slice(1)).toEqual(['error']);
    expect(client.problem).toMatchObject({ code: 'warehouse-unavailable', retryable: true });
    world.failure = null;
    await advance(world, 30_000);
    client.read();
    expect(client.answer).toEqual(world.answerNow());

    world.failure = new AppError('unknown-metric', 'gone');
    world.store(1, 1);
    await advance(world, COALESCE_MS);
    client.read();
    expect(client.problem).toMatchObject({ code: 'unknown-metric', retryable: false });
    expect(client.connection?.subscriptions.size).toBe(0);
    await world.hub.close();
  });

  it('serves organizations in turn, few questions of each at once', async () => {
    const world = createWorld();
    let underWay = 0;
    let peak = 0;
    world.onAsk = async () => {
      underWay += 1;
      peak = Math.max(peak, underWay);
      await new Promise((resolve) => setImmediate(resolve));
      underWay -= 1;
    };
    const busy = organization('busy');
    for (let limit = 1; limit <= 40; limit += 1) {
      await world.hub.subscribe(
        principalOf(busy),
        { metrics: ['shop.orders'], from: 'now-30m', to: 'now', limit },
        { intervalMs: null, resume: null, wake: () => undefined },
      );
    }
    await new TestClient(world).connect();
    for (let turn = 0; turn < 30; turn += 1) await settle();
    expect(world.asked).toHaveLength(41);
    expect(world.asked.findIndex((asked) => asked.organization !== busy)).toBeLessThan(8);
    expect(peak).toBeLessThanOrEqual(4);
    await world.hub.close();
  });

  it('closes who takes nothing, and holds no more for them than a buffer', async () => {
    const world = createWorld();
    const client = new TestClient(world, { weight: HEAVY });
    client.isReading = false;
    await client.connect();
    for (let second = 0; client.closed === null && second < 60; second += 1) {
      world.store(1, 1);
      await advance(world, 1_000);
      client.connection?.sweep();
    }
    expect(client.closed).toBe('slow');
    expect(world.clock.nowMs()).toBeGreaterThan(STALLED_MS_MAX);
    expect(client.bufferedPeak).toBeLessThanOrEqual(SEND_BUFFER_BYTES_MAX + FRAME_BYTES_MAX * HEAVY);
    await world.hub.close();
  });

  it('tells everybody the newest answer without a gap, whatever happens', async () => {
    const CLIENTS = 3;
    const who = fc.integer({ min: 0, max: CLIENTS - 1 });
    const store = fc.record({ kind: fc.constant('store' as const), minute: fc.integer({ min: 0, max: 40 }) });
    const step = fc.oneof(
      { weight: 2, arbitrary: store },
      { weight: 8, arbitrary: store.map((one) => ({ ...one, kind: 'storeAndWait' as const })) },
      {
        weight: 1,
        arbitrary: fc.record({
          kind: fc.constant('advance' as const),
          ms: fc.integer({ min: 1, max: 20_000 }),
        }),
      },
      {
        weight: 4,
        arbitrary: fc.record({ kind: fc.constantFrom('read', 'pause', 'drop', 'connect'), who }),
      },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 40 }), async (steps) => {
        const world = createWorld();
        const clients = Array.from({ length: CLIENTS }, () => new TestClient(world, { weight: HEAVY }));
        for (const client of clients) await client.connect();
        for (const one of steps) {
          if (one.kind === 'store' || one.kind === 'storeAndWait') world.store(one.minute, 1);
          if (one.kind === 'store') continue;
          if (one.kind === 'storeAndWait') world.clock.advance(2 * COALESCE_MS);
          else if (one.kind === 'advance') world.clock.advance(one.ms);
          else await act(one.kind, clients[one.who] as TestClient);
          await settle();
          for (const client of clients) client.read();
        }
        for (const client of clients) {
          client.isReading = true;
          client.read();
          if (client.connection === null) await client.connect();
        }
        for (let turn = 0; turn < 3; turn += 1) {
          await advance(world, REFRESH_MS);
          for (const client of clients) client.read();
        }
        for (const client of clients) {
          expect(client.answer).toEqual(world.answerNow());
          expect(client.problem).toBeNull();
          expect(client.bufferedPeak).toBeLessThanOrEqual(SEND_BUFFER_BYTES_MAX + FRAME_BYTES_MAX * HEAVY);
        }
        for (const client of clients) client.disconnect();
        await world.hub.close();
      }),
      { numRuns: 60 },
    );
  });
});

async function act(kind: 'read' | 'pause' | 'drop' | 'connect', client: TestClient): Promise<void> {
  if (kind === 'drop') client.disconnect();
  else if (kind === 'connect' && client.connection === null) await client.connect();
  else client.isReading = kind !== 'pause';
}
