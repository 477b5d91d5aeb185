import { describe, expect, it } from '@jest/globals';
import type { AssignedPartition, Bus, ConsumerOptions } from '@tidemark/bus';
import type { PartitionProgress } from '@tidemark/catalog';
import { AppError } from '@tidemark/core';
import type { ErrorCode } from '@tidemark/core';
import { eventRecord } from '../domain/testing.ts';
import { startAggregator } from './aggregator.ts';
import { createProgressRecorder } from './progress-recorder.ts';
import { createSilentLog, createSkippingClock, TestWorld } from './testing.ts';

const OPTIONS = {
  partitions: 1,
  allowedLatenessMs: 0,
  batchRecordsMax: 100,
  batchWaitMs: 10,
  unreadableRecordsMax: 99,
  dedupeWindowMs: 3_600_000,
  dedupeBlocksMax: 2,
};

/** An aggregator whose one partition is the world's, as a bus with one consumer gives it. */
async function start(world: TestWorld, consumeFault?: ErrorCode) {
  const fatal: Error[] = [];
  let reportFatal: () => void = () => undefined;
  const firstFatal = new Promise<void>((resolve) => {
    reportFatal = resolve;
  });
  const recorded: (readonly PartitionProgress[])[] = [];
  const spell = world.assign();
  const owned: AssignedPartition[] = [];
  const consume = async (options: ConsumerOptions) => {
    await Promise.resolve();
    if (consumeFault !== undefined) throw new AppError(consumeFault, 'no group');
    owned.push(spell.partition);
    options.onAssigned(spell.partition);
    return {
      close: async () => {
        spell.lose();
        await options.onRevoked?.(owned);
      },
    };
  };
  const unused = () => Promise.reject(new Error('Assertion failed: the aggregator does not call this'));
  const bus: Bus = {
    publish: (topic, records) => world.bus.publish(topic, records),
    ensureTopics: () => Promise.resolve(),
    consume,
    bounds: unused,
    committed: unused,
    ping: unused,
    close: unused,
  };
  const aggregator = await startAggregator(
    {
      bus,
      events: world.events,
      pipeline: {
        ...world.pipeline,
        recordProgress: async (progress) => {
          await Promise.resolve();
          world.journal.push('recorded');
          recorded.push(progress);
        },
        raiseVersion: () => Promise.resolve(),
        adoptMeasures: () => Promise.resolve([]),
        areAdopted: () => Promise.resolve(true),
        unknownMeasures: () => Promise.resolve([]),
        claimDirty: () => Promise.resolve(null),
      },
      ledger: world.ledger,
      rollups: { recompute: () => Promise.resolve(0), greatestVersion: () => Promise.resolve(0n) },
      subjects: { absorb: () => Promise.resolve() },
      measures: [],
      ownMeasures: { of: () => Promise.resolve([]), giveUp: () => Promise.resolve() },
      facts: [],
      clock: world.clock,
      log: createSilentLog(),
      random: () => 0.5,
      onBatch: () => undefined,
      onRetry: () => undefined,
      onStep: () => undefined,
      onRecomputed: () => undefined,
      onRollupFailed: () => undefined,
      onFatal: (error) => {
        fatal.push(error);
        reportFatal();
      },
    },
    OPTIONS,
  );
  return { aggregator, fatal, firstFatal, recorded };
}

describe('the aggregator', () => {
  it('lets an insert under way end when it closes, and leaves what follows to the next owner', async () => {
    const world = new TestWorld();
    world.log.push(eventRecord(0));
    let begin: () => void = () => undefined;
    const begun = new Promise<void>((resolve) => {
      begin = resolve;
    });
    let end: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    world.fail('insert', async () => {
      begin();
      await ended;
    });
    const { aggregator, fatal } = await start(world);
    await begun;
    const closed = aggregator.close();
    expect(aggregator.owned()).toEqual([0]);
    end();
    await closed;
    await aggregator.close();
    expect(world.rows.size).toBe(1);
    expect([world.marked, world.committed, fatal]).toEqual([[], 0, []]);
  });

  it('knows every partition from the start, and keeps books and records progress only behind durable marks', async () => {
    const world = new TestWorld();
    world.log.push(eventRecord(0));
    world.fail('mark', 'catalog-unavailable', 'catalog-unavailable');
    const idle = new Promise<void>((resolve) => {
      world.onIdle = resolve;
    });
    const { aggregator, recorded } = await start(world);
    await idle;
    await aggregator.close();
    expect(recorded[0]).toMatchObject([{ partition: 0, nextOffset: 0, arrivedThroughMs: 0 }]);
    expect(recorded.at(-1)).toMatchObject([{ nextOffset: 1 }]);
    const [, second = -1] = world.journal.flatMap((call, index) => (call === 'recorded' ? [index] : []));
    expect(second).toBeGreaterThan(world.journal.indexOf('account'));
    expect(world.journal.indexOf('account')).toBeGreaterThan(world.journal.lastIndexOf('mark'));
  });

  it('reports a bug as fatal', async () => {
    const world = new TestWorld();
    world.log.push(eventRecord(0));
    world.fail('insert', () => {
      throw new Error('no such column');
    });
    const { aggregator, fatal, firstFatal } = await start(world);
    await firstFatal;
    await aggregator.close();
    expect(fatal).toMatchObject([{ message: 'no such column' }]);
  });

  it('is not ready while its partition has stopped, and still answers for it', async () => {
    const world = new TestWorld();
    world.log.push(eventRecord(0));
    const idle = new Promise<void>((resolve) => {
      world.onIdle = resolve;
    });
    const first = await start(world);
    await idle;
    await first.aggregator.close();
    expect(first.aggregator.isAssigned(0)).toBe(false);
    world.log.pop();
    const { aggregator } = await start(world);
    while (
      await aggregator.assertGoing().then(
        () => true,
        () => false,
      )
    )
      await new Promise((resolve) => setImmediate(resolve));
    expect([aggregator.owned(), aggregator.isAssigned(0), aggregator.isAssigned(1)]).toEqual([
      [],
      true,
      false,
    ]);
    await aggregator.close();
    expect(aggregator.isAssigned(0)).toBe(false);
    await expect(aggregator.assertGoing()).resolves.toBeUndefined();
  });

  it('leaves nothing running when it cannot join', async () => {
    await expect(start(new TestWorld(), 'bus-unavailable')).rejects.toMatchObject({
      code: 'bus-unavailable',
    });
  });
});

describe('the progress recorder', () => {
  it('writes the newest of each partition, and keeps what could not be written', async () => {
    const clock = createSkippingClock();
    const written: (readonly PartitionProgress[])[] = [];
    let failures = 1;
    const recorder = createProgressRecorder({
      pipeline: {
        recordProgress: (progress) => {
          failures -= 1;
          if (failures >= 0) return Promise.reject(new AppError('catalog-unavailable', 'away'));
          written.push(progress);
          return Promise.resolve();
        },
      },
      clock,
      log: createSilentLog(),
    });
    const entry = { topic: 't', partition: 0, nextOffset: 1, arrivedThroughMs: 1 };
    recorder.record(entry);
    recorder.record({ ...entry, nextOffset: 2 });
    recorder.record({ ...entry, partition: 1 });
    await recorder.close();
    await recorder.close();
    expect(failures).toBeLessThan(0);
    expect(written).toEqual([
      [
        { ...entry, nextOffset: 2 },
        { ...entry, partition: 1 },
      ],
    ]);
  });
});
