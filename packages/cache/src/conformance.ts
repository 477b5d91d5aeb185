import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { assertThat } from '@tidemark/core';
import type { Cache } from './port.ts';

/** One empty space of its own, replaced before each test. */
export interface CacheSpace {
  /** A way in, as each replica has one; the memory cache has only one and gives it again. */
  connect(): Promise<Cache>;
  /** Lets so much time go by on the clock by which entries vanish. */
  advance(ms: number): Promise<void>;
  /** Closes every way in. */
  destroy(): Promise<void>;
}

export interface CacheHarness {
  createSpace(): Promise<CacheSpace>;
}

/** Long enough that no test outlives it. */
const LONG_MS = 60_000;
/** Short enough to be waited for. */
const SHORT_MS = 40;
const WAIT_TURNS_MAX = 1_000;

interface Fixture {
  readonly space: CacheSpace;
  readonly first: Cache;
  readonly second: Cache;
}

/** What every cache must do. Call at the top of a test file. */
export function describeCache(name: string, harness: CacheHarness): void {
  describe(`cache on ${name}`, () => {
    let fixture: Fixture;
    beforeEach(async () => {
      const space = await harness.createSpace();
      fixture = { space, first: await space.connect(), second: await space.connect() };
    });
    afterEach(async () => await fixture.space.destroy());

    describeValues(() => fixture);
    describePrefixes(() => fixture);
    describeCounters(() => fixture);
    describeLeases(() => fixture);
    describeChannels(() => fixture);

    it('answers a ping and refuses calls once closed', async () => {
      const { first } = fixture;
      await first.ping();
      await first.close();
      await first.close();
      await expect(first.ping()).rejects.toMatchObject({ code: 'cache-unavailable' });
      await expect(first.get('key')).rejects.toMatchObject({ code: 'cache-unavailable' });
      await expect(first.subscribe('channel', () => undefined)).rejects.toMatchObject({
        code: 'cache-unavailable',
      });
    });
  });
}

function describeValues(fixture: () => Fixture): void {
  describe('values', () => {
    it('are seen by everybody until they are replaced or deleted', async () => {
      const { first, second } = fixture();
      expect(await first.get('key')).toBeNull();
      await first.set('key', 'one', LONG_MS);
      expect(await second.get('key')).toBe('one');
      await second.set('key', '', LONG_MS);
      expect(await first.get('key')).toBe('');
      await first.delete('key');
      await first.delete('key');
      expect(await second.get('key')).toBeNull();
    });

    it('are any text', async () => {
      const { first } = fixture();
      const text = `\u{1f30a} "\\" \0 \r\n ${'x'.repeat(100_000)}`;
      await first.set(text, text, LONG_MS);
      expect(await first.get(text)).toBe(text);
    });

    it('vanish after their time, which a new value starts anew', async () => {
      const { first, space } = fixture();
      await first.set('gone', 'x', SHORT_MS);
      await first.set('kept', 'x', SHORT_MS);
      await first.set('kept', 'y', LONG_MS);
      await space.advance(SHORT_MS + 1);
      expect(await first.get('gone')).toBeNull();
      expect(await first.get('kept')).toBe('y');
    });

    it('refuse a time to live that is none', async () => {
      await expect(fixture().first.set('key', 'x', 0)).rejects.toThrow('positive');
    });
  });
}

function describePrefixes(fixture: () => Fixture): void {
  describe('prefixes', () => {
    it('delete what begins with them and nothing else', async () => {
      const { first, second } = fixture();
      const doomed = Array.from({ length: 2_500 }, (_, index) => `a:${index}`);
      await Promise.all(doomed.map(async (key) => await first.set(key, 'x', LONG_MS)));
      await first.set('b:a:1', 'x', LONG_MS);
      expect(await second.deleteByPrefix('a:')).toBe(doomed.length);
      expect(await second.deleteByPrefix('a:')).toBe(0);
      expect(await first.get('b:a:1')).toBe('x');
    });

    it.each(['*', '?', '[ab]', '\\', 'a\\*', '[^a]', '{a,b}'])('are taken literally: %s', async (prefix) => {
      const { first } = fixture();
      await first.set(`${prefix}1`, 'x', LONG_MS);
      await first.set('a1', 'x', LONG_MS);
      await first.set('b1', 'x', LONG_MS);
      expect(await first.deleteByPrefix(prefix)).toBe(1);
      expect(await first.get(`${prefix}1`)).toBeNull();
    });

    it('are only a first sieve where keys are looked at', async () => {
      const { first, second } = fixture();
      for (const key of ['a:1', 'a:2', 'a:3', 'b:2']) await first.set(key, 'x', LONG_MS);
      const seen: string[] = [];
      const isWanted = (key: string) => seen.push(key) > 0 && key.endsWith('2');
      expect(await second.deleteByPrefix('a:', isWanted)).toBe(1);
      expect(new Set(seen)).toEqual(new Set(['a:1', 'a:2', 'a:3']));
      expect(await Promise.all(['a:1', 'a:2', 'a:3', 'b:2'].map((key) => first.get(key)))).toEqual([
        'x',
        null,
        'x',
        'x',
      ]);
    });

    it('spare leases', async () => {
      const { first, second } = fixture();
      await first.acquireLease('lease', 'one', LONG_MS);
      await first.deleteByPrefix('');
      expect(await second.acquireLease('lease', 'two', LONG_MS)).toBe(false);
    });
  });
}

function describeCounters(fixture: () => Fixture): void {
  describe('counters', () => {
    it('lose no addition', async () => {
      const { first, second } = fixture();
      const totals = await Promise.all(
        Array.from({ length: 100 }, async (_, index) => {
          return await (index % 2 === 0 ? first : second).increment('count', 3, LONG_MS);
        }),
      );
      expect(Math.max(...totals)).toBe(300);
      expect(new Set(totals).size).toBe(100);
      expect(await first.increment('count', -300, LONG_MS)).toBe(0);
      expect(await first.get('count')).toBe('0');
    });

    it('vanish a time after their first addition, whatever the later ones say', async () => {
      const { first, space } = fixture();
      await first.increment('count', 1, SHORT_MS);
      await first.increment('count', 1, LONG_MS);
      await space.advance(SHORT_MS + 1);
      expect(await first.increment('count', 1, LONG_MS)).toBe(1);
    });

    it('refuse what is no counter', async () => {
      const { first } = fixture();
      await first.set('text', 'x', LONG_MS);
      await expect(first.increment('text', 1, LONG_MS)).rejects.toThrow(/counter|integer/);
      await expect(first.increment('count', 0.5, LONG_MS)).rejects.toThrow('integer');
    });
  });
}

function describeLeases(fixture: () => Fixture): void {
  describe('leases', () => {
    it('have one holder, who may prolong and free them', async () => {
      const { first, second } = fixture();
      expect(await first.acquireLease('lease', 'one', LONG_MS)).toBe(true);
      expect(await second.acquireLease('lease', 'two', LONG_MS)).toBe(false);
      expect(await first.acquireLease('lease', 'one', LONG_MS)).toBe(true);
      await second.releaseLease('lease', 'two');
      expect(await second.acquireLease('lease', 'two', LONG_MS)).toBe(false);
      await first.releaseLease('lease', 'one');
      expect(await second.acquireLease('lease', 'two', LONG_MS)).toBe(true);
    });

    it('go to exactly one of many', async () => {
      const { first, second } = fixture();
      const won = await Promise.all(
        Array.from({ length: 20 }, async (_, index) => {
          return await (index % 2 === 0 ? first : second).acquireLease('lease', `owner ${index}`, LONG_MS);
        }),
      );
      expect(won.filter(Boolean)).toHaveLength(1);
    });

    it('end by themselves unless prolonged', async () => {
      const { first, second, space } = fixture();
      await first.acquireLease('ended', 'one', SHORT_MS);
      await first.acquireLease('prolonged', 'one', SHORT_MS);
      await first.acquireLease('prolonged', 'one', LONG_MS);
      await space.advance(SHORT_MS + 1);
      expect(await second.acquireLease('ended', 'two', LONG_MS)).toBe(true);
      expect(await second.acquireLease('prolonged', 'two', LONG_MS)).toBe(false);
    });

    it('share no names with values', async () => {
      const { first } = fixture();
      await first.set('name', 'value', LONG_MS);
      expect(await first.acquireLease('name', 'one', LONG_MS)).toBe(true);
      expect(await first.get('name')).toBe('value');
    });
  });
}

function describeChannels(fixture: () => Fixture): void {
  describe('channels', () => {
    it('carry messages to every listener of the channel, in order', async () => {
      const { first, second } = fixture();
      const heard: string[] = [];
      await first.subscribe('news', (message) => heard.push(`first ${message}`));
      await second.subscribe('news', (message) => heard.push(`second ${message}`));
      await second.subscribe('other', (message) => heard.push(`other ${message}`));
      await first.publish('news', 'a');
      await first.publish('news', 'b');
      await waitUntil(() => heard.length === 4);
      expect(heard.filter((text) => text.startsWith('first'))).toEqual(['first a', 'first b']);
      expect(heard.filter((text) => text.startsWith('second'))).toEqual(['second a', 'second b']);
    });

    it('fall silent for who has unsubscribed, and for nobody else', async () => {
      const { first, second } = fixture();
      const heard: string[] = [];
      const leave = await first.subscribe('news', () => heard.push('left'));
      await first.subscribe('news', (message) => heard.push(message));
      await leave();
      await leave();
      await second.publish('news', 'a');
      await waitUntil(() => heard.length === 1);
      expect(heard).toEqual(['a']);
    });

    it('can be joined again, with any text on them', async () => {
      const { first, second } = fixture();
      const heard: string[] = [];
      const leave = await first.subscribe('n*ws', (message) => heard.push(message));
      await leave();
      await first.subscribe('n*ws', (message) => heard.push(message));
      await second.publish('n*ws', '\u{1f30a}\0\r\n');
      await second.publish('news', 'no');
      await second.publish('n*ws', '');
      await waitUntil(() => heard.length === 2);
      expect(heard).toEqual(['\u{1f30a}\0\r\n', '']);
    });

    it('take messages nobody hears', async () => {
      await expect(fixture().first.publish('silence', 'x')).resolves.toBeUndefined();
    });
  });
}

/** Each turn gives the sockets theirs. */
async function waitUntil(condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < WAIT_TURNS_MAX && !condition(); turn += 1) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assertThat(condition(), 'the condition came true in time');
}
