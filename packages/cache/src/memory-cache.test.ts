import { describe, expect, it } from '@jest/globals';
import { describeCache } from './conformance.ts';
import { createMemoryCache, type MemoryCacheOptions } from './memory-cache.ts';
import type { Cache } from './port.ts';

function createTurnedClock() {
  let nowMs = 1_000_000;
  return { nowMs: () => nowMs, turn: (ms: number) => (nowMs += ms) };
}

describeCache('memory', {
  async createSpace() {
    const clock = createTurnedClock();
    const cache = createMemoryCache({ clock });
    return await Promise.resolve({
      connect: async () => await Promise.resolve(cache),
      advance: async (ms: number) => void (await Promise.resolve(clock.turn(ms))),
      destroy: async () => await cache.close(),
    });
  },
});

describe('memory cache bounds', () => {
  function createBounded(bounds: Omit<MemoryCacheOptions, 'clock'>): Cache {
    return createMemoryCache({ clock: createTurnedClock(), ...bounds });
  }

  it('drops what was used least recently when there are too many entries', async () => {
    const cache = createBounded({ maxEntries: 2 });
    await cache.set('a', '1', 1_000);
    await cache.set('b', '2', 1_000);
    await cache.get('a');
    await cache.set('c', '3', 1_000);
    expect(await Promise.all(['a', 'b', 'c'].map(async (key) => await cache.get(key)))).toEqual([
      '1',
      null,
      '3',
    ]);
  });

  it('drops what was used least recently when there are too many bytes', async () => {
    const cache = createBounded({ maxBytes: 50_000 });
    for (let index = 0; index < 100; index += 1) await cache.set(`key ${index}`, 'x'.repeat(10_000), 1_000);
    expect(await cache.get('key 97')).toBeNull();
    expect(await cache.get('key 98')).not.toBeNull();
    expect(await cache.get('key 99')).not.toBeNull();
  });

  it('frees the bytes of what is replaced, deleted or has vanished', async () => {
    const clock = createTurnedClock();
    const cache = createMemoryCache({ clock, maxBytes: 50_000 });
    for (let index = 0; index < 100; index += 1) {
      await cache.set('same', 'x'.repeat(10_000), 1_000);
      await cache.set('deleted', 'x'.repeat(5_000), 1_000);
      await cache.delete('deleted');
      await cache.set('gone', 'x'.repeat(5_000), 1);
      clock.turn(1);
      expect(await cache.get('gone')).toBeNull();
    }
    await cache.set('small', 'x', 1_000);
    expect(await cache.get('same')).not.toBeNull();
    expect(await cache.get('small')).toBe('x');
  });

  it('does not keep a value that is too large, nor the one it replaces', async () => {
    const cache = createBounded({ maxBytes: 1_000 });
    await cache.set('key', 'small', 1_000);
    await cache.set('key', 'x'.repeat(1_000), 1_000);
    expect(await cache.get('key')).toBeNull();
  });
});
