/** What the feed does over every bus; the tests of each adapter call it. */
import { randomUUID } from 'node:crypto';
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Bus } from '@tidemark/bus';
import { encodeFlush } from '@tidemark/contracts';
import { DAY_MS, MINUTE_MS, type OrganizationId, SECOND_MS } from '@tidemark/core';
import { systemClock } from '@tidemark/runtime';
import { createFlushFeed, type FlushFeedOptions } from './flush-feed.ts';
import type { Flush, FlushFeed } from './port.ts';
import { organization } from './test-answers.ts';

const TEST_TIMEOUT_MS = 60_000;
const PARTITIONS = 3;
const ACME = organization('acme');
const OTHERS = ['other', 'third', 'fourth', 'fifth'].map(organization);

export function describeFlushFeed(name: string, openBus: () => Promise<Bus>): void {
  describe(`the flush feed on ${name}`, () => {
    let bus: Bus;
    let topic: string;
    const opened: FlushFeed[] = [];
    beforeAll(async () => {
      bus = await openBus();
    }, TEST_TIMEOUT_MS);
    afterEach(async () => {
      await Promise.all(opened.splice(0).map((feed) => feed.close()));
    }, TEST_TIMEOUT_MS);

    async function createTopic(): Promise<void> {
      topic = `flushes-${randomUUID()}`;
      await bus.ensureTopics([{ name: topic, partitions: PARTITIONS, retentionMs: DAY_MS }]);
    }

    function open(overrides: Partial<FlushFeedOptions> = {}): FlushFeed {
      const feed = createFlushFeed({
        bus,
        topic,
        instance: randomUUID(),
        clock: systemClock,
        log: { warn: () => undefined },
        telemetry: { increment: () => undefined, set: () => undefined },
        catchUpMs: TEST_TIMEOUT_MS,
        ...overrides,
      });
      opened.push(feed);
      return feed;
    }

    async function publish(value: Buffer, whose: OrganizationId): Promise<void> {
      await bus.publish(topic, [{ key: whose, value, headers: {}, timestampMs: Date.now() }]);
    }

    async function flush(minute: number, whose = ACME): Promise<void> {
      const where = { partition: 0, nextOffset: 1, arrivedThroughMs: 0 };
      await publish(encodeFlush({ organization: whose, buckets: [minute * MINUTE_MS], ...where }), whose);
    }

    const versionOf = (feed: FlushFeed, minute: number, whose = ACME) =>
      feed.version(whose, minute * MINUTE_MS, (minute + 1) * MINUTE_MS);

    async function known(feed: FlushFeed): Promise<void> {
      await waitFor('versions', () => [ACME, ...OTHERS].every((whose) => versionOf(feed, 0, whose) !== null));
    }

    /** Resolves when the feed has taken in everything published before. */
    async function marker(feed: FlushFeed): Promise<void> {
      let isHeard = false;
      const stop = feed.onFlush(({ minutesMs }) => {
        isHeard ||= minutesMs.includes(99 * MINUTE_MS);
      });
      await flush(99);
      await waitFor('the marker', () => isHeard);
      stop();
    }

    it(
      'knows nothing before it has caught up, and all that the log held then',
      async () => {
        await createTopic();
        for (let minute = 0; minute < 20; minute += 1) await flush(minute);
        const feed = open();
        expect(versionOf(feed, 0)).toBeNull();
        await known(feed);
        expect(Array.from({ length: 21 }, (_, minute) => versionOf(feed, minute))).toEqual([
          ...Array.from({ length: 20 }, (_, minute) => String(minute + 1)),
          '0',
        ]);
      },
      TEST_TIMEOUT_MS,
    );

    it(
      'tells each flush, and changes the version of its minutes alone, alike in every process',
      async () => {
        await createTopic();
        const [first, second] = [open(), open()];
        await Promise.all([known(first), known(second)]);
        const before = [0, 1, 2].map((minute) => versionOf(first, minute));
        const heard: Flush[] = [];
        const stop = first.onFlush((one) => {
          heard.push(one);
          expect(versionOf(first, 1)).not.toBe(before[1]);
        });
        await flush(1);
        await waitFor('the flush', () => heard.length === 1);
        stop();
        await Promise.all([marker(first), marker(second)]);
        expect(heard).toEqual([{ organization: ACME, minutesMs: [MINUTE_MS] }]);
        expect([versionOf(first, 0), versionOf(first, 2)]).toEqual([before[0], before[2]]);
        expect([0, 1, 2].map((minute) => versionOf(second, minute))).toEqual(
          [0, 1, 2].map((minute) => versionOf(first, minute)),
        );
      },
      TEST_TIMEOUT_MS,
    );

    it(
      'has caught up with everything that was announced before it was asked',
      async () => {
        await createTopic();
        const feed = open();
        expect(await feed.caughtUp(ACME)).toBe(false);
        await known(feed);
        for (let minute = 0; minute < 50; minute += 1) {
          await flush(minute);
          const caughtUp = await Promise.all([feed.caughtUp(ACME), feed.caughtUp(ACME)]);
          expect([...caughtUp, versionOf(feed, minute)]).toEqual([true, true, String(minute + 1)]);
        }
      },
      TEST_TIMEOUT_MS,
    );

    it(
      'takes what it cannot read for a flush of everything',
      async () => {
        await createTopic();
        const feed = open();
        await known(feed);
        await publish(Buffer.from('not a flush'), ACME);
        await marker(feed);
        expect([versionOf(feed, 0), versionOf(feed, 50)]).toEqual(['1', '1']);
      },
      TEST_TIMEOUT_MS,
    );

    it(
      'knows nothing while the bus does not say where the log ends, and again when it does',
      async () => {
        await createTopic();
        let isCut = false;
        let aheadMs = 0;
        const feed = open({
          bus: {
            consume: (options) => bus.consume(options),
            bounds: (of) => (isCut ? Promise.reject(new Error('cut off')) : bus.bounds(of)),
          },
          clock: { ...systemClock, nowMs: () => systemClock.nowMs() + aheadMs },
        });
        await known(feed);
        isCut = true;
        expect(await feed.caughtUp(ACME)).toBe(false);
        aheadMs += 6 * SECOND_MS;
        expect(versionOf(feed, 0)).toBeNull();
        isCut = false;
        await known(feed);
        aheadMs += 2 * SECOND_MS;
        expect(await feed.caughtUp(ACME)).toBe(true);
      },
      TEST_TIMEOUT_MS,
    );

    it(
      'goes on with another consumer when one fails, without a gap',
      async () => {
        await createTopic();
        const fatal: ((error: Error) => void)[] = [];
        const feed = open({
          bus: {
            bounds: (of) => bus.bounds(of),
            consume: (options) => {
              fatal.push(options.onFatal);
              return bus.consume(options);
            },
          },
          // The pause before it starts again takes no time.
          clock: { ...systemClock, sleep: (ms, signal) => systemClock.sleep(ms / 100, signal) },
        });
        await known(feed);
        await flush(1);
        await waitFor('the first flush', () => versionOf(feed, 1) === '1');
        fatal[0]?.(new Error('stuck'));
        await flush(2);
        await waitFor('the second flush', () => versionOf(feed, 2) === '2');
        expect([versionOf(feed, 1), versionOf(feed, 3)]).toEqual(['1', '0']);
        expect(fatal).toHaveLength(2);
      },
      TEST_TIMEOUT_MS,
    );
  });
}

async function waitFor(what: string, condition: () => boolean): Promise<void> {
  const untilMs = Date.now() + TEST_TIMEOUT_MS / 2;
  while (!condition()) {
    if (Date.now() > untilMs) throw new Error(`waited in vain for ${what}`);
    await systemClock.sleep(5);
  }
}
