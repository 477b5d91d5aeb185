import { describe, expect, it } from '@jest/globals';
import { type Clock, DAY_MS } from '@tidemark/core';
import { type DemoFeedOptions, feedHistory, feedLive, HISTORY_DAYS } from './feed.ts';
import { createDemoStream, type DemoEvent } from './stream.ts';

const NOW_MS = Date.parse('2026-03-16T09:30:15.500Z');

interface World {
  readonly options: DemoFeedOptions;
  readonly stored: Map<string, DemoEvent>;
  readonly progress: number[];
  /** Answers in turn; then everything is taken. */
  readonly refusals: number[];
  readonly stop: AbortController;
  received: number;
  nowMs: number;
  /** The first sleep from then on ends the feed. */
  stopAtMs: number;
}

function createWorld(fedThroughMs: number | null): World {
  const stop = new AbortController();
  const clock: Clock = {
    nowMs: () => world.nowMs,
    sleep: (ms) => {
      if (world.nowMs >= world.stopAtMs) world.stop.abort();
      world.nowMs += ms;
      return Promise.resolve();
    },
  };
  const world: Omit<World, 'options'> & { options: DemoFeedOptions } = {
    stored: new Map(),
    progress: [],
    refusals: [],
    stop,
    received: 0,
    nowMs: NOW_MS,
    stopAtMs: Number.POSITIVE_INFINITY,
    options: {
      stream: createDemoStream('test'),
      url: 'http://server',
      key: 'tm_test',
      clock,
      signal: stop.signal,
      fedThroughMs,
      onProgress: (throughMs) => Promise.resolve(void world.progress.push(throughMs)),
      fetch: (_url, init) => {
        const status = world.refusals.shift();
        if (status !== undefined) return Promise.resolve(new Response('{}', { status }));
        const events = JSON.parse(init?.body as string) as DemoEvent[];
        for (const event of events) world.stored.set(`${event.source} ${event.id}`, event);
        world.received += events.length;
        return Promise.resolve(
          Response.json({ received: events.length, accepted: events.length, rejected: [] }),
        );
      },
    },
  };
  return world;
}

describe('the feed of the demo', () => {
  it('fills in what is missing, goes on live, and never doubles', async () => {
    const fromMs = NOW_MS - DAY_MS / 2;
    const world = createWorld(fromMs);
    const { events, throughMs } = await feedHistory(world.options);
    expect(throughMs).toBe(NOW_MS);
    expect(world.progress.at(-1)).toBe(NOW_MS);
    expect(world.stored.size).toBe(events);

    const endMs = NOW_MS + 10 * 60_000;
    world.stopAtMs = endMs;
    await feedLive(world.options, throughMs);
    const expected = [...world.options.stream.eventsBetween(fromMs, endMs)];
    expect([...world.stored.values()].map(({ id }) => id)).toEqual(expected.map(({ id }) => id));
    expect(world.received).toBe(world.stored.size);
  });

  it('begins fourteen days ago', async () => {
    const world = createWorld(null);
    await feedHistory(world.options);
    const [first] = [...world.stored.values()].map(({ time }) => time).toSorted();
    expect(Math.abs(Date.parse(first ?? '') - (NOW_MS - HISTORY_DAYS * DAY_MS))).toBeLessThan(15 * 60_000);
  });

  it('tries again while the server is busy, and says what it refuses', async () => {
    const busy = createWorld(NOW_MS - 60_000);
    busy.refusals.push(429, 503);
    await feedHistory(busy.options);
    expect(busy.stored.size).toBeGreaterThan(0);

    const refused = createWorld(NOW_MS - 60_000);
    refused.refusals.push(401);
    await expect(feedHistory(refused.options)).rejects.toThrow('401');
  });
});
