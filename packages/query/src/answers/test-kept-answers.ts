/** What must hold over every cache; the tests of each adapter call it. */
import { afterEach, describe, expect, it } from '@jest/globals';
import type { Cache } from '@tidemark/cache';
import { MINUTE_MS } from '@tidemark/core';
import {
  ACME,
  createProcess,
  organization,
  type Process,
  questionOf,
  START_MS,
  valueOf,
  World,
} from './test-answers.ts';

/** @param createCache a new view of one and the same cache, empty at the beginning of each test */
export function describeKeptAnswers(name: string, createCache: () => Promise<Cache>): void {
  describe(`answers kept in ${name}`, () => {
    const opened: (() => Promise<void>)[] = [];
    afterEach(async () => {
      for (const close of opened.splice(0).toReversed()) await close();
    });

    async function open(world: World): Promise<Process> {
      const cache = await createCache();
      opened.push(() => cache.close());
      const process = createProcess(world, cache);
      process.answerAtOnce();
      opened.push(() => process.answers.close());
      return process;
    }

    it('are found by other processes, word by word', async () => {
      const world = new World();
      world.insert(START_MS - MINUTE_MS);
      const [first, second] = [await open(world), await open(world)];
      const computed = await first.answers.ask(ACME, questionOf(-2, 0));
      const found = await second.answers.ask(ACME, questionOf(-2, 0));
      expect([computed.source, found.source]).toEqual(['engine', 'cache']);
      expect([found.json, found.etag]).toEqual([computed.json, computed.etag]);
      expect(valueOf(found.answer)).toBe(1);
      expect(second.begun).toBe(0);
    });

    it('are left behind by a flush of their buckets, and by no other', async () => {
      const world = new World();
      const process = await open(world);
      const sourceOf = async (from: number, to: number) =>
        (await process.answers.ask(ACME, questionOf(from, to))).source;
      expect([await sourceOf(-9, -5), await sourceOf(-4, 0)]).toEqual(['engine', 'engine']);
      world.insert(START_MS - 7 * MINUTE_MS);
      world.flush([START_MS - 7 * MINUTE_MS]);
      process.follow();
      expect([await sourceOf(-9, -5), await sourceOf(-4, 0)]).toEqual(['engine', 'cache']);
      expect(await sourceOf(-9, -5)).toBe('cache');
    });

    it('depend on the compared range too', async () => {
      const world = new World();
      const process = await open(world);
      const query = { ...questionOf(-2, 0), compare: 'previous_period' } as const;
      await process.answers.ask(ACME, query);
      expect((await process.answers.ask(ACME, query)).source).toBe('cache');
      world.flush([START_MS - 3 * MINUTE_MS]);
      process.follow();
      expect((await process.answers.ask(ACME, query)).source).toBe('engine');
    });

    it('are forgotten by the metrics they hold, of one organization alone', async () => {
      const world = new World();
      const process = await open(world);
      const other = { ...ACME, organization: organization('other') };
      const metrics = [['shop.orders'], ['shop.orders', 'shop.revenue'], ['shop.revenue_per_buyer']];
      for (const asker of [ACME, other]) {
        for (const keys of metrics) await process.answers.ask(asker, { ...questionOf(-2, 0), metrics: keys });
      }
      const forget = (pattern: string) => process.answers.forget(ACME.organization, pattern);
      expect(await forget('shop.b*w')).toBe(0);
      expect(await forget('orders')).toBe(0);
      expect(await forget('shop.*orders')).toBe(2);
      // The one left is computed from revenue.
      expect(await forget('*.revenue')).toBe(1);
      expect(await forget('*')).toBe(0);
      expect(await process.answers.forget(other.organization, '*')).toBe(3);
    });
  });
}
