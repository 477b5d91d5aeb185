import { describe, expect, it } from '@jest/globals';
import { DEAD_LETTERS_TOPIC, EVENTS_TOPIC, FLUSHES_TOPIC, parseDeadLetter } from '@tidemark/contracts';
import { AppError, DAY_MS, HOUR_MS, MINUTE_MS } from '@tidemark/core';
import type { PartitionProgress } from '@tidemark/catalog';
import type { EventBatch } from '@tidemark/warehouse';
import { formBatch } from '../domain/batch.ts';
import { eventRecord, NOON_MS, poisonRecord } from '../domain/testing.ts';
import { drivePartition } from './partition-driver.ts';
import type { Tally } from './partition-driver.ts';
import { toEventBatch } from './partition-records.ts';
import { createSilentLog, TestWorld } from './testing.ts';

const OPTIONS = {
  batchRecordsMax: 100,
  batchWaitMs: 10,
  unreadableRecordsMax: 99,
  dedupeWindowMs: DAY_MS,
  dedupeBlocksMax: 2,
};
const AFTER_INSERT = ['mark', `publish ${FLUSHES_TOPIC}`, 'account', 'commit'];
const BATCH = ['commit', 'insert', ...AFTER_INSERT];

/** One spell, until everything is stored or the spell is lost otherwise. */
async function drive(
  world: TestWorld,
  onIdle: (lose: () => void) => void = (lose) => lose(),
): Promise<{ progress: PartitionProgress[]; tallies: Tally[]; retries: string[]; steps: string[] }> {
  const { partition, lose } = world.assign();
  const progress: PartitionProgress[] = [];
  const tallies: Tally[] = [];
  const retries: string[] = [];
  const steps: string[] = [];
  world.onIdle = () => onIdle(lose);
  await drivePartition(
    partition,
    {
      bus: world.bus,
      events: world.events,
      pipeline: world.pipeline,
      ledger: world.ledger,
      progress: {
        record: (entry) => {
          world.journal.push('progress');
          progress.push(entry);
        },
        close: () => Promise.resolve(),
      },
      clock: world.clock,
      log: createSilentLog(),
      random: () => 0.5,
      onBatch: (tally) => tallies.push(tally),
      onRetry: (step) => retries.push(step),
      onStep: (step) => steps.push(step),
    },
    OPTIONS,
  );
  return { progress, tallies, retries, steps };
}

/** The rows of the log as an insert carries them. */
function toLand({ log }: TestWorld): EventBatch {
  const { candidates } = formBatch(log);
  return toEventBatch({ topic: EVENTS_TOPIC, partition: 0 }, candidates);
}

function worldOf(...records: TestWorld['log']): TestWorld {
  const world = new TestWorld();
  world.log.push(...records);
  return world;
}

describe('a partition', () => {
  it('is written down, stored, marked, announced, accounted for and committed, in this order', async () => {
    const world = worldOf(eventRecord(0), eventRecord(1));
    const { tallies, steps } = await drive(world);
    expect(world.journal.slice(0, BATCH.length)).toEqual(BATCH);
    expect(steps.slice(0, 10)).toEqual([
      ...['recover', 'read', 'find-stored', 'intend', 'insert', 'mark', 'announce', 'account', 'commit'],
      'read',
    ]);
    const outcomes = [{ organization: 'acme', stored: 2, duplicate: 0, conflict: 0, dead: 0 }];
    expect(world.accounts).toMatchObject([{ from: 0, next: 2, arrivedThroughMs: NOON_MS, outcomes }]);
    expect(tallies).toEqual([{ stored: 2, duplicate: 0, conflict: 0, dead: 0 }]);
    expect([world.committed, world.rows.size]).toEqual([2, 2]);
  });

  it.each([
    ['insert', 'warehouse-unavailable'],
    ['mark', 'catalog-unavailable'],
    [`publish ${FLUSHES_TOPIC}`, 'bus-unavailable'],
    ['account', 'catalog-unavailable'],
    ['accountedThrough', 'catalog-unavailable'],
    ['commit', 'bus-unavailable'],
    ['read', 'bus-unavailable'],
    ['highWater', 'warehouse-unavailable'],
    ['bounds', 'bus-unavailable'],
  ] as const)('tries %s again after growing pauses, and says nothing meanwhile', async (call, code) => {
    const world = worldOf(eventRecord(0));
    world.fail(call, code, code, code);
    const { retries } = await drive(world);
    expect(retries).toHaveLength(3);
    expect(world.clock.slept.slice(0, 3)).toEqual([75, 150, 300]);
    expect(world.journal.indexOf('progress')).toBeGreaterThan(world.journal.lastIndexOf('commit'));
    expect(world.accounts).toMatchObject([{ from: 0, next: 1 }]);
    expect(world.rows.size).toBe(1);
  });

  it('pauses no longer than the longest pause, and less for jitter', async () => {
    const world = worldOf(eventRecord(0));
    world.fail('insert', ...Array.from({ length: 12 }, () => 'warehouse-unavailable' as const));
    await drive(world);
    expect(Math.max(...world.clock.slept)).toBe(3_750);
  });

  it.each(['read', 'insert', 'mark', `publish ${FLUSHES_TOPIC}`, 'account', 'commit', 'highWater', 'bounds'])(
    'that is lost in %s is left as it is, and stored once by its next owner',
    async (call) => {
      const world = worldOf(eventRecord(0), eventRecord(1));
      world.fail(call, 'partition-lost');
      const lost = await drive(world);
      expect([lost.progress, lost.tallies, lost.retries]).toEqual([[], [], []]);
      await drive(world);
      expect([...world.rows.keys()]).toEqual([0, 1]);
      expect(world.committed).toBe(2);
      expect(world.marked.length).toBeGreaterThan(0);
    },
  );

  it('whose owner dies between storing and marking is marked by the next one', async () => {
    const world = worldOf(eventRecord(0));
    world.fail('mark', 'partition-lost');
    await drive(world);
    expect([world.rows.size, world.marked, world.committed]).toEqual([1, [], 0]);
    await drive(world);
    expect(world.journal.filter((call) => call === 'insert')).toHaveLength(1);
    expect(world.marked[0]?.map(({ tier }) => tier)).toEqual(['1m', '15m', '1d']);
    expect(world.committed).toBe(1);
  });

  it('waits for an insert that an earlier owner left running', async () => {
    const world = worldOf(eventRecord(0));
    const landing = worldOf(eventRecord(0));
    await drive(landing);
    world.events.insertRunning = async () => {
      const isRunning = world.rows.size === 0;
      // It lands while we wait.
      world.store({ rows: [...landing.rows.values()] });
      return Promise.resolve(isRunning);
    };
    const { retries } = await drive(world);
    expect(retries).toEqual(['recover']);
    expect(world.journal).not.toContain('insert');
  });
});

describe('recovery', () => {
  it('whose owner dies between the books and the commit is committed by the next one, though nothing new comes', async () => {
    const world = worldOf(eventRecord(0));
    world.fail('commit', () => undefined, 'partition-lost');
    await drive(world);
    expect([world.accountedThrough, world.committed]).toEqual([1, 0]);
    await drive(world);
    expect(world.committed).toBe(1);
    expect(world.accounts).toHaveLength(1);
    const { length } = world.journal;
    await drive(world);
    expect(world.journal.slice(length)).not.toContain('commit');
  });

  it('does not read copies and dead letters again', async () => {
    const world = worldOf(eventRecord(0), eventRecord(1, { id: 'event-0' }), poisonRecord(2));
    await drive(world);
    expect(world.committed).toBe(3);
    const buried = world.published.length;
    const { tallies } = await drive(world);
    expect(tallies).toEqual([]);
    expect(world.published).toHaveLength(buried);
  });

  it('reads again what raw has lost, and never moves the committed offset back', async () => {
    const world = worldOf(eventRecord(0));
    await drive(world);
    world.log.push(eventRecord(1), eventRecord(2));
    await drive(world);
    expect([world.committed, world.rows.size]).toEqual([3, 3]);
    world.rows.delete(1);
    world.rows.delete(2);
    const { tallies } = await drive(world);
    expect(tallies).toEqual([{ stored: 2, duplicate: 0, conflict: 0, dead: 0 }]);
    expect([world.committed, world.rows.size]).toEqual([3, 3]);
  });

  it('reads again what raw has lost while it was driven on, before a row behind the hole can vouch for it', async () => {
    const world = worldOf(eventRecord(0));
    const more = [eventRecord(1), eventRecord(2)];
    await drive(world, (lose) => {
      const next = more.shift();
      if (next === undefined) return lose();
      world.log.push(next);
      if (more.length > 0) return;
      // A backup is brought back: the engine has been away, and without its newest row it returns.
      world.rows.delete(1);
      world.tokens.length = 0;
      world.fail('insert', 'warehouse-unavailable');
    });
    expect(new Set(world.rows.keys())).toEqual(new Set([0, 1, 2]));
    expect(world.committed).toBe(3);
  });

  it('lets an insert die that is written down, before batches in front of it are written down', async () => {
    const world = worldOf(eventRecord(0), eventRecord(1));
    await drive(world);
    world.log.push(eventRecord(2));
    world.fail('insert', 'partition-lost');
    await drive(world);
    world.rows.delete(1);
    world.rows.delete(0);
    world.clock.slept.length = 0;
    await drive(world);
    expect(world.clock.slept).toContain(MINUTE_MS);
    expect(new Set(world.rows.keys())).toEqual(new Set([0, 1, 2]));
  });

  it('stops when the log is another than the one raw was made from, however far it has grown', async () => {
    const world = worldOf(eventRecord(0), eventRecord(1));
    await drive(world);
    world.log.splice(
      0,
      2,
      ...[0, 1, 2, 3].map((offset) => eventRecord(offset, { id: `new-${offset}`, arrivedAtMs: NOON_MS + 1 })),
    );
    await expect(drive(world)).rejects.toThrow('the topic was made anew');
    expect(world.rows.size).toBe(2);
  });

  it('stops when raw holds more than the log', async () => {
    const world = worldOf(eventRecord(0), eventRecord(1));
    await drive(world);
    world.log.pop();
    await expect(drive(world)).rejects.toThrow('raw holds rows up to offset 1, but the log ends at 1');
  });
});

describe('the books', () => {
  it('are kept by the next owner, of what the first has stored but not accounted for', async () => {
    const world = worldOf(eventRecord(0, { id: 'a' }), eventRecord(1, { id: 'a' }), eventRecord(2));
    world.fail('account', 'partition-lost');
    await drive(world);
    expect([world.rows.size, world.accounts]).toEqual([2, []]);
    await drive(world);
    expect(world.journal.filter((call) => call === 'insert')).toHaveLength(1);
    const outcomes = [{ organization: 'acme', stored: 2, duplicate: 1, conflict: 0, dead: 0 }];
    expect(world.accounts).toMatchObject([{ from: 0, next: 3, outcomes }]);
  });

  it('that a stale owner has kept in another cut are taken up where they end', async () => {
    const world = worldOf(eventRecord(0), eventRecord(1), eventRecord(2));
    world.fail('account', () => {
      world.accountedThrough = 2;
    });
    await drive(world);
    expect(world.accounts.map(({ from, next }) => [from, next])).toEqual([[2, 3]]);
    expect([world.rows.size, world.committed]).toEqual([3, 3]);
  });
});

describe('copies', () => {
  it('that say something else are conflicts; the first is kept', async () => {
    const world = worldOf(
      eventRecord(0, { id: 'a' }),
      eventRecord(1, { id: 'a', data: '{"amount":2}' }),
      eventRecord(2, { id: 'a' }),
    );
    await drive(world);
    world.log.push(eventRecord(3, { id: 'a', data: '{"amount":3}' }), eventRecord(4, { id: 'a' }));
    const { tallies } = await drive(world);
    expect(tallies).toEqual([{ stored: 0, duplicate: 2, conflict: 1, dead: 0 }]);
    expect(world.accounts[0]?.outcomes).toMatchObject([{ stored: 1, duplicate: 2, conflict: 1 }]);
    expect([...world.rows.values()].map((row) => row.dataText)).toEqual(['{"amount":1}']);
  });

  it('are found after a restart, by looking up nothing but them', async () => {
    const world = worldOf(eventRecord(0, { id: 'a' }));
    await drive(world);
    world.log.push(eventRecord(1, { id: 'a' }), eventRecord(2, { id: 'b' }));
    const { tallies } = await drive(world);
    expect(tallies.at(-1)).toEqual({ stored: 1, duplicate: 1, conflict: 0, dead: 0 });
    expect(world.lookUps).toBe(1);
    world.log.push(eventRecord(3, { id: 'c' }));
    await drive(world);
    expect(world.lookUps).toBe(1);
  });

  it('are found in a backlog that is older than the window when it is read', async () => {
    const world = worldOf(eventRecord(0, { id: 'a', arrivedAtMs: NOON_MS }));
    await drive(world);
    // Arrived within the window, read long after it.
    world.progress.push({ topic: '', partition: 0, nextOffset: 1, arrivedThroughMs: NOON_MS });
    world.log.push(eventRecord(1, { id: 'a', arrivedAtMs: NOON_MS + DAY_MS - HOUR_MS }));
    world.clock.set(NOON_MS + 3 * DAY_MS);
    const { tallies } = await drive(world);
    expect(tallies.at(-1)).toEqual({ stored: 0, duplicate: 1, conflict: 0, dead: 0 });
  });
});

describe('an insert in doubt', () => {
  it('that landed is not repeated, and its copies are known', async () => {
    const world = worldOf(eventRecord(0, { id: 'a' }));
    const { events } = world;
    const insert = events.insert.bind(events);
    events.insert = async (batch, token) => {
      await insert(batch, token);
      throw new AppError('insert-in-doubt', 'the connection broke after the last byte');
    };
    await drive(world);
    expect(world.journal.slice(0, 7)).toEqual(['commit', 'insert', 'countRange', ...AFTER_INSERT]);
    expect(world.rows.size).toBe(1);
  });

  it('that did not land is repeated, after what still runs has ended', async () => {
    const world = worldOf(eventRecord(0));
    world.fail('insert', 'insert-in-doubt');
    let polls = 0;
    world.events.insertRunning = () => {
      polls += 1;
      return Promise.resolve(polls === 2);
    };
    const { retries } = await drive(world);
    expect(retries).toEqual(['verify']);
    const calls = world.journal.filter((call) => call === 'insert' || call === 'countRange');
    expect(calls).toEqual(['insert', 'countRange', 'insert', 'countRange']);
    expect([world.rows.size, new Set(world.tokens).size]).toEqual([1, 1]);
  });

  it('of a dead owner that lands late has its copies known', async () => {
    const world = worldOf(eventRecord(0, { id: 'a' }));
    world.fail('insert', 'partition-lost');
    await drive(world);
    const { rows } = toLand(world);
    // It lands after the window has been read back, and before the batch is made again.
    world.fail('identitiesWithin', () => world.store({ rows }));
    world.log.push(eventRecord(1, { id: 'a' }));
    const { tallies } = await drive(world);
    expect(tallies).toEqual([
      { stored: 1, duplicate: 0, conflict: 0, dead: 0 },
      { stored: 0, duplicate: 1, conflict: 0, dead: 0 },
    ]);
  });

  it('of which a part landed stops the partition', async () => {
    const world = worldOf(eventRecord(0), eventRecord(1));
    world.fail('insert', 'insert-in-doubt');
    world.events.countRange = () => Promise.resolve(1);
    await expect(drive(world)).rejects.toThrow(/should hold 0 or 2 rows, but hold 1/);
    expect(world.committed).toBe(0);
    // Whoever owns it next stops too.
    await expect(drive(world)).rejects.toThrow(/should hold 0 or 2 rows, but hold 1/);
  });

  it('that a successor has made in another cut does not stop a stale owner', async () => {
    const world = worldOf(eventRecord(0), eventRecord(1));
    world.fail('insert', 'insert-in-doubt');
    world.fail('commit', () => undefined, 'partition-lost');
    world.events.countRange = () => Promise.resolve(1);
    await drive(world);
    expect(world.journal.filter((call) => call === 'commit')).toHaveLength(2);
  });

  it('of which the engine remembers the token but has no rows is made under another one', async () => {
    const world = worldOf(eventRecord(0));
    const { events } = world;
    const insert = events.insert.bind(events);
    // The engine dies with the token on the disk and the rows not.
    events.insert = async (_batch, token) => {
      world.tokens.push(token);
      events.insert = insert;
      await world.step('insert');
      throw new AppError('insert-in-doubt', 'the connection broke');
    };
    await drive(world);
    expect(world.rows.size).toBe(1);
    expect(world.tokens).toHaveLength(3);
    expect(new Set(world.tokens).size).toBe(2);
  });

  it('of a dead owner is made again as it was written down, under the same token', async () => {
    const world = worldOf(eventRecord(0), eventRecord(1));
    world.fail('insert', 'partition-lost');
    await drive(world);
    expect([world.committed, world.rows.size]).toEqual([0, 0]);
    // Meanwhile the log has grown: a batch of its own would be longer.
    world.log.push(eventRecord(2));
    const landing: { readonly token: string; readonly rows: number }[] = [];
    const { events } = world;
    const insert = events.insert.bind(events);
    events.insert = (batch, token) => {
      landing.push({ token, rows: batch.rows.length });
      return insert(batch, token);
    };
    await drive(world);
    expect(landing).toEqual([
      { token: expect.stringContaining(':0:0-1:2:0'), rows: 2 },
      { token: expect.stringContaining(':0:2-2:1:0'), rows: 1 },
    ]);
    expect(world.accounts.map(({ from, next }) => [from, next])).toEqual([
      [0, 2],
      [2, 3],
    ]);
  });

  it('that was written down long ago is written down again before it is sent', async () => {
    const world = worldOf(eventRecord(0));
    world.fail('insert', 'warehouse-unavailable');
    const sleep = world.clock.sleep.bind(world.clock);
    world.clock.sleep = async (ms, signal) => {
      // The process is stopped in the pause.
      world.clock.set(world.clock.nowMs() + MINUTE_MS);
      await sleep(ms, signal);
    };
    await drive(world);
    expect(world.journal.slice(0, 5)).toEqual(['commit', 'insert', 'hold', 'commit', 'insert']);
    expect([...world.rows.keys()]).toEqual([0]);
  });

  it('counts as written down when it was asked for, not when the answer was read', async () => {
    const world = worldOf(eventRecord(0));
    // The process is stopped while the answer is on its way.
    world.fail('commit', () => world.clock.set(world.clock.nowMs() + MINUTE_MS));
    await drive(world);
    expect(world.journal.slice(0, 4)).toEqual(['commit', 'hold', 'commit', 'insert']);
    expect([...world.rows.keys()]).toEqual([0]);
  });

  it('is not sent when its hold was answered long ago', async () => {
    const world = worldOf(eventRecord(0, { timeMs: NOON_MS - 3 * HOUR_MS }));
    world.fail('hold', () => world.clock.set(world.clock.nowMs() + MINUTE_MS));
    const { retries } = await drive(world);
    expect(retries).toEqual(['insert']);
    expect(world.journal.slice(0, 5)).toEqual(['commit', 'hold', 'commit', 'hold', 'insert']);
    expect(world.held).toHaveLength(2);
    expect([...world.rows.keys()]).toEqual([0]);
  });
});

describe('poison', () => {
  const buried = (world: TestWorld) =>
    world.published
      .filter(({ topic }) => topic === DEAD_LETTERS_TOPIC)
      .map(({ value }) => parseDeadLetter(value));

  it('is buried with its coordinate before the rest is stored', async () => {
    const world = worldOf(eventRecord(0), poisonRecord(1), eventRecord(2));
    world.fail(`publish ${DEAD_LETTERS_TOPIC}`, 'bus-unavailable');
    const { tallies } = await drive(world);
    expect(world.journal.slice(0, 4)).toEqual([
      `publish ${DEAD_LETTERS_TOPIC}`,
      `publish ${DEAD_LETTERS_TOPIC}`,
      'commit',
      'insert',
    ]);
    expect(buried(world)).toMatchObject([
      { code: 'record-unreadable', id: 'tidemark.events:0:1', attempt: 1 },
    ]);
    expect(tallies).toEqual([{ stored: 2, duplicate: 0, conflict: 0, dead: 1 }]);
  });

  it('that only the warehouse refuses is found by halves and buried', async () => {
    const world = worldOf(...Array.from({ length: 9 }, (_, offset) => eventRecord(offset)));
    for (const id of ['event-2', 'event-7']) world.unacceptable.add(id);
    const { tallies } = await drive(world);
    expect(buried(world).map((letter) => [letter?.id, letter?.code])).toEqual([
      ['tidemark.events:0:2', 'event-not-storable'],
      ['tidemark.events:0:7', 'event-not-storable'],
    ]);
    expect(world.accounts[0]?.deadOffsets).toEqual([2, 7]);
    expect(tallies).toEqual([{ stored: 7, duplicate: 0, conflict: 0, dead: 2 }]);
    expect(world.rows.size).toBe(7);
  });
});

describe('an idle partition', () => {
  it('moves the watermark with the clock', async () => {
    const world = worldOf();
    world.clock.set(NOON_MS + HOUR_MS);
    const { progress } = await drive(world);
    expect(progress.at(-1)).toMatchObject({ nextOffset: 0 });
    expect(progress.at(-1)?.arrivedThroughMs).toBeGreaterThanOrEqual(NOON_MS + HOUR_MS);
  });

  it('moves it also when retention has dropped all it held', async () => {
    const world = worldOf();
    world.startOffset = 40;
    const { progress } = await drive(world);
    expect(progress.at(-1)).toMatchObject({ nextOffset: 40 });
  });
});

describe('marks', () => {
  const late = (offset: number) => eventRecord(offset, { timeMs: NOON_MS - 3 * HOUR_MS });

  it('of an open bucket are written once, of a closed one for every late batch', async () => {
    const world = worldOf(eventRecord(0));
    const more = [eventRecord(1), late(2), late(3)];
    const { partition, lose } = world.assign();
    world.onIdle = () => {
      const next = more.shift();
      if (next === undefined) return lose();
      world.log.push(next);
    };
    world.clock.set(NOON_MS - MINUTE_MS);
    await drivePartition(
      partition,
      {
        bus: world.bus,
        events: world.events,
        pipeline: world.pipeline,
        ledger: world.ledger,
        progress: { record: () => undefined, close: () => Promise.resolve() },
        clock: world.clock,
        log: createSilentLog(),
        random: () => 0,
        onBatch: () => undefined,
        onRetry: () => undefined,
        onStep: () => undefined,
      },
      OPTIONS,
    );
    expect(world.rows.size).toBe(4);
    const lateMinutes = world.marked.map((buckets) =>
      buckets.filter(({ tier, bucketStartMs }) => tier === '1m' && bucketStartMs === NOON_MS - 3 * HOUR_MS),
    );
    expect(lateMinutes.filter((buckets) => buckets.length === 1)).toHaveLength(2);
    // Before each late row is sent, and the open day is not held.
    expect(world.held.map((buckets) => buckets.map(({ tier }) => tier))).toEqual([
      ['1m', '15m'],
      ['1m', '15m'],
    ]);
    expect(world.journal.filter((call) => call === 'hold' || call === 'mark').slice(-4)).toEqual([
      'hold',
      'mark',
      'hold',
      'mark',
    ]);
    expect(world.marked).toHaveLength(3);
  });
});
