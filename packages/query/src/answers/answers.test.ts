import { beforeEach, describe, expect, it } from '@jest/globals';
import { type Cache, createMemoryCache } from '@tidemark/cache';
import { AppError, MINUTE_MS, SECOND_MS } from '@tidemark/core';
import { HOT_ASKS_PER_MINUTE } from './hot-questions.ts';
import { CLOSED_TTL_MS, KEPT_BYTES_MAX, OPEN_TTL_MS } from './kept-answers.ts';
import {
  ACME,
  createProcess,
  organization,
  type Process,
  questionOf,
  settle,
  START_MS,
  valueOf,
  World,
} from './test-answers.ts';
import { describeKeptAnswers } from './test-kept-answers.ts';

let shared: Cache;
beforeEach(() => {
  shared = createMemoryCache({ clock: { nowMs: () => START_MS } });
});
describeKeptAnswers('memory', () => Promise.resolve({ ...shared, close: () => Promise.resolve() }));

/** A world and a process that answers at once. */
function open(options: { readonly cache?: Partial<Cache> } = {}): { world: World; process: Process } {
  const world = new World();
  const cache = { ...createMemoryCache({ clock: world.clock }), ...options.cache };
  const process = createProcess(world, cache);
  process.answerAtOnce();
  return { world, process };
}

const QUESTION = questionOf(-2, 0);

describe('asking', () => {
  it('refuses what the engine refuses, kept or not', async () => {
    const { process } = open();
    const secret = { ...QUESTION, metrics: ['shop.cost'] };
    await process.answers.ask({ ...ACME, role: 'admin' }, secret);
    await expect(process.answers.ask(ACME, secret)).rejects.toMatchObject({ code: 'forbidden' });
  });

  it('shares an answer among roles that may see it', async () => {
    const { process } = open();
    await process.answers.ask({ ...ACME, role: 'admin' }, QUESTION);
    expect((await process.answers.ask(ACME, QUESTION)).source).toBe('cache');
  });

  it('keeps the answer to what was resolved, whatever is set meanwhile', async () => {
    const { process } = open();
    const asking = process.answers.ask(ACME, QUESTION);
    process.timeZone = 'Europe/Berlin';
    await asking;
    const kept = await process.answers.ask(ACME, { ...QUESTION, timeZone: 'UTC' });
    expect([kept.source, kept.answer.timeZone]).toEqual(['cache', 'UTC']);
  });

  it('never gives one organization what is kept of another', async () => {
    const { world, process } = open();
    world.insert(START_MS - MINUTE_MS);
    await process.answers.ask(ACME, QUESTION);
    const other = await process.answers.ask({ ...ACME, organization: organization('other') }, QUESTION);
    expect([other.source, valueOf(other.answer)]).toEqual(['engine', 0]);
  });

  it('does not believe a cache that holds the answer of another organization', async () => {
    const stored = new Map<string, string>();
    const { process } = open({
      cache: {
        set: async (key, value) => void stored.set(key, value.replace('"acme"', '"evil"')),
        get: async (key) => stored.get(key) ?? null,
      },
    });
    await process.answers.ask(ACME, QUESTION);
    expect((await process.answers.ask(ACME, QUESTION)).source).toBe('engine');
    expect(process.counted.get('answer_cache_failures_total foreign')).toBe(1);
  });

  it.each(['', 'x', '\n', '[]\n', '{"a":1}\n{}', '["acme"]\n{}'])(
    'takes %j in the cache for nothing',
    async (text) => {
      const { process } = open({ cache: { get: () => Promise.resolve(text) } });
      expect((await process.answers.ask(ACME, QUESTION)).source).toBe('engine');
    },
  );

  it('neither looks up nor keeps while the flushes are not known', async () => {
    const { process } = open();
    process.isKnown = false;
    expect((await process.answers.ask(ACME, QUESTION)).source).toBe('bypass');
    process.isKnown = true;
    expect((await process.answers.ask(ACME, QUESTION)).source).toBe('engine');
    process.isKnown = false;
    expect((await process.answers.ask(ACME, QUESTION)).source).toBe('bypass');
  });

  it('computes anew when the cache is not wanted, and keeps that', async () => {
    const { world, process } = open();
    await process.answers.ask(ACME, QUESTION);
    world.insert(START_MS - MINUTE_MS);
    const anew = await process.answers.ask(ACME, QUESTION, { useCache: false });
    expect([anew.source, valueOf(anew.answer)]).toEqual(['bypass', 1]);
    const found = await process.answers.ask(ACME, QUESTION);
    expect([found.source, valueOf(found.answer)]).toEqual(['cache', 1]);
  });

  it('asks the same question until the next tick', async () => {
    const { world, process } = open();
    const relative = { ...QUESTION, from: 'now-1h', to: 'now' };
    const sourceAt = async (ms: number) => {
      world.nowMs = START_MS + ms;
      return (await process.answers.ask(ACME, relative)).source;
    };
    expect([await sourceAt(1), await sourceAt(4_999), await sourceAt(5_000), await sourceAt(5_001)]).toEqual([
      'engine',
      'cache',
      'cache',
      'engine',
    ]);
  });

  it('keeps answers of closed ranges while progress goes on, and those of open ones until it does', async () => {
    const { world, process } = open();
    const closed = questionOf(-2, 0);
    const isOpen = questionOf(-2, 30);
    await process.answers.ask(ACME, closed);
    await process.answers.ask(ACME, isOpen);
    world.arrivedThroughMs += MINUTE_MS;
    expect((await process.answers.ask(ACME, closed)).source).toBe('cache');
    const again = await process.answers.ask(ACME, isOpen);
    expect([again.source, again.answer.completeThrough]).toEqual([
      'engine',
      new Date(world.arrivedThroughMs).toISOString(),
    ]);
  });

  it('counts the instant of asking where the range goes beyond it', async () => {
    const { world, process } = open();
    const ahead = questionOf(-60, 600);
    await process.answers.ask(ACME, ahead);
    world.nowMs += MINUTE_MS;
    expect((await process.answers.ask(ACME, ahead)).source).toBe('engine');
  });

  it('keeps nothing larger than it may, and for no longer', async () => {
    const ttls: number[] = [];
    const sizes: number[] = [];
    const { process } = open({
      cache: {
        set: async (_key, value, ttlMs) => {
          ttls.push(ttlMs);
          sizes.push(value.length);
        },
      },
    });
    await process.answers.ask(ACME, QUESTION);
    await process.answers.ask(ACME, questionOf(-2, 1));
    expect(ttls).toEqual([CLOSED_TTL_MS, OPEN_TTL_MS]);
    expect(process.counted.get('answer_kept_bytes_total')).toBe(sizes.reduce((a, b) => a + b, 0));
    process.dimensionText = 'x'.repeat(KEPT_BYTES_MAX);
    expect((await process.answers.ask(ACME, questionOf(-3, 0))).source).toBe('engine');
    expect(ttls).toHaveLength(2);
    expect(process.counted.get('answers_unkept_total')).toBe(1);
  });
});

describe('a cache that is away', () => {
  it('costs a question nothing but the time, and is left alone for a while', async () => {
    let calls = 0;
    const fail = () => {
      calls += 1;
      return Promise.reject(new AppError('cache-unavailable', 'away'));
    };
    const { world, process } = open({ cache: { get: fail, set: fail } });
    for (let asked = 0; asked < 5; asked += 1) {
      expect((await process.answers.ask(ACME, QUESTION)).source).toBe('engine');
    }
    expect(calls).toBe(1);
    world.nowMs += SECOND_MS;
    await process.answers.ask(ACME, QUESTION);
    expect(calls).toBe(2);
    expect(process.counted.get('answer_cache_failures_total get')).toBe(2);
  });
});

describe('questions asked at the same time', () => {
  function openSlow() {
    const world = new World();
    return createProcess(world, createMemoryCache({ clock: world.clock }));
  }

  it('are computed once', async () => {
    const process = openSlow();
    const asked = Array.from({ length: 50 }, () => process.answers.ask(ACME, QUESTION));
    await settle();
    expect(process.computations).toHaveLength(1);
    process.computations[0]?.finish();
    const sources = (await Promise.all(asked)).map(({ source }) => source);
    expect(sources.filter((source) => source === 'engine')).toHaveLength(1);
    expect(sources.filter((source) => source === 'joined')).toHaveLength(49);
  });

  it('leave each other alone: who gives up goes alone', async () => {
    const process = openSlow();
    const gone = new AbortController();
    const first = process.answers.ask(ACME, QUESTION, { signal: gone.signal });
    const second = process.answers.ask(ACME, QUESTION, { signal: new AbortController().signal });
    await settle();
    gone.abort(new Error('gone'));
    await expect(first).rejects.toThrow('gone');
    expect(process.computations[0]?.signal?.aborted).toBe(false);
    process.computations[0]?.finish();
    expect((await second).source).toBe('joined');
  });

  it('stop the engine when all have gone, and who comes then begins anew', async () => {
    const process = openSlow();
    const gone = new AbortController();
    const asked = [1, 2].map(() => process.answers.ask(ACME, QUESTION, { signal: gone.signal }));
    await settle();
    gone.abort(new Error('gone'));
    for (const one of asked) await expect(one).rejects.toThrow('gone');
    const [abandoned] = process.computations;
    expect(abandoned?.signal?.aborted).toBe(true);
    const late = process.answers.ask(ACME, QUESTION);
    await settle();
    expect(process.computations).toHaveLength(2);
    abandoned?.fail(new Error('aborted'));
    process.computations[0]?.finish();
    expect((await late).source).toBe('engine');
  });

  it('all hear of a failure, and the next begins anew', async () => {
    const process = openSlow();
    const asked = [1, 2].map(() => process.answers.ask(ACME, QUESTION));
    await settle();
    process.computations[0]?.fail(new Error('broken'));
    for (const one of asked) await expect(one).rejects.toThrow('broken');
    const next = process.answers.ask(ACME, QUESTION);
    await settle();
    process.computations[0]?.finish();
    expect((await next).source).toBe('engine');
  });

  it('do not join what began before a flush', async () => {
    const world = new World();
    const process = createProcess(world, createMemoryCache({ clock: world.clock }));
    const before = process.answers.ask(ACME, QUESTION);
    await settle();
    process.computations[0]?.read();
    world.insert(START_MS - MINUTE_MS);
    world.flush([START_MS - MINUTE_MS]);
    process.follow();
    const after = process.answers.ask(ACME, QUESTION);
    await settle();
    expect(process.computations).toHaveLength(2);
    process.answerAtOnce();
    expect([valueOf((await before).answer), valueOf((await after).answer)]).toEqual([0, 1]);
  });
});

describe('hot questions', () => {
  async function heat(process: Process, asks = HOT_ASKS_PER_MINUTE): Promise<void> {
    for (let asked = 0; asked < asks; asked += 1) await process.answers.ask(ACME, QUESTION);
  }

  function touch(world: World, process: Process): void {
    world.flush([START_MS - MINUTE_MS]);
    process.follow();
  }

  it('are answered ahead after a flush', async () => {
    const { world, process } = open();
    await heat(process);
    touch(world, process);
    await settle();
    expect(process.begun).toBe(2);
    expect(process.counted.get('answer_refreshes_total done')).toBe(1);
    expect((await process.answers.ask(ACME, QUESTION)).source).toBe('cache');
  });

  it('are only those asked often, and lately', async () => {
    const { world, process } = open();
    await heat(process, HOT_ASKS_PER_MINUTE - 1);
    touch(world, process);
    await settle();
    expect(process.begun).toBe(1);
    await heat(process, HOT_ASKS_PER_MINUTE);
    world.nowMs += 2 * MINUTE_MS;
    const { begun } = process;
    touch(world, process);
    await settle();
    expect(process.begun).toBe(begun);
  });

  it('are answered ahead once a second at most', async () => {
    const { world, process } = open();
    await heat(process);
    for (let flush = 0; flush < 20; flush += 1) {
      touch(world, process);
      await settle();
    }
    expect(process.begun).toBe(2);
    world.nowMs += SECOND_MS;
    touch(world, process);
    await settle();
    expect(process.begun).toBe(3);
  });

  it('wait for nobody: they are dropped while the engine works for somebody', async () => {
    const world = new World();
    const process = createProcess(world, createMemoryCache({ clock: world.clock }));
    const asked = Array.from({ length: HOT_ASKS_PER_MINUTE }, () => process.answers.ask(ACME, QUESTION));
    await settle();
    touch(world, process);
    await settle();
    expect(process.counted.get('answer_refreshes_total dropped')).toBe(1);
    process.answerAtOnce();
    await Promise.all(asked);
    expect(process.begun).toBe(1);
  });

  it('are computed anew when that is wanted', async () => {
    const { process } = open();
    expect(process.answers.refresh(ACME.organization)).toBe(0);
    await heat(process);
    expect(process.answers.refresh(ACME.organization)).toBe(1);
    expect(process.answers.refresh(organization('other'))).toBe(0);
    await settle();
    expect(process.begun).toBe(2);
  });

  it('are left when all is closed', async () => {
    const { world, process } = open();
    await heat(process);
    await process.answers.close();
    touch(world, process);
    await settle();
    expect(process.begun).toBe(1);
  });
});
