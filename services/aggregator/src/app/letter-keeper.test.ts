import { describe, expect, it } from '@jest/globals';
import type { AssignedPartition, Bus, BusRecord, ConsumerOptions } from '@tidemark/bus';
import { DEAD_LETTERS_TOPIC, encodeDeadLetter } from '@tidemark/contracts';
import type { DeadLetter } from '@tidemark/contracts';
import { AppError, DAY_MS } from '@tidemark/core';
import type { ErrorCode } from '@tidemark/core';
import type { StoredLetter } from '@tidemark/warehouse';
import { NOON_MS, organization } from '../domain/testing.ts';
import { LETTERS_GROUP, runLetterKeeper } from './letter-keeper.ts';
import { createSilentLog, createSkippingClock } from './testing.ts';

function letterOf(id: string, change: Partial<DeadLetter> = {}): DeadLetter {
  return {
    id,
    organization: organization(),
    stage: 'aggregator',
    code: 'event-not-storable',
    detail: 'why',
    attempt: 1,
    arrivedAtMs: NOON_MS,
    eventType: 'test.happened',
    eventSource: 'tests',
    eventId: 'e',
    headers: { ce_id: 'e' },
    value: Buffer.from([0, 255, 128]),
    ...change,
  };
}

function recordOf(offset: number, value: Buffer): BusRecord {
  return { key: 'k', value, headers: { from: 'somewhere' }, timestampMs: NOON_MS, offset };
}

/** One partition of the topic and a store, in memory, with faults to order. The keeper is stopped when it has nothing left to read. */
class LetterWorld {
  readonly clock = createSkippingClock();
  readonly log: BusRecord[];
  readonly kept = new Map<string, StoredLetter>();
  readonly inserts: (readonly string[])[] = [];
  readonly faults = new Map<string, (ErrorCode | Error)[]>();
  readonly journal: string[] = [];
  readonly fatal: Error[] = [];
  readonly isRefused: (letter: StoredLetter) => boolean;
  readonly stop = new AbortController();
  committed: number | null = null;
  reads = 0;
  retries = 0;
  counted = 0;

  constructor(values: readonly Buffer[], isRefused: (letter: StoredLetter) => boolean = () => false) {
    this.log = values.map((value, offset) => recordOf(offset, value));
    this.isRefused = isRefused;
  }

  fail(call: string, ...faults: readonly (ErrorCode | Error)[]): this {
    this.faults.set(call, [...faults]);
    return this;
  }

  private async step(call: string): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    const fault = this.faults.get(call)?.shift();
    if (fault instanceof Error) throw fault;
    if (fault !== undefined) throw new AppError(fault, `${call} was told to fail`);
  }

  /** Until everything is read, or until `stop` aborts. */
  async run(): Promise<void> {
    const lost = new AbortController();
    let position = this.committed ?? 0;
    const partition: AssignedPartition = {
      topic: DEAD_LETTERS_TOPIC,
      partition: 3,
      lost: lost.signal,
      committed: this.committed === null ? null : { offset: this.committed, metadata: '' },
      read: async ({ maxRecords }) => {
        await this.step('read');
        this.reads += 1;
        const records = this.log.slice(position, position + maxRecords);
        position += records.length;
        if (records.length === 0) this.stop.abort();
        return records;
      },
      seek: () => undefined,
      commit: async ({ offset }) => {
        await this.step('commit');
        this.journal.push(`commit ${offset}`);
        this.committed = offset;
      },
      bounds: () => Promise.reject(new Error('Assertion failed: the keeper does not call this')),
    };
    const bus: Pick<Bus, 'consume'> = {
      consume: async (options: ConsumerOptions) => {
        await this.step('consume');
        expect([options.group, options.topics]).toEqual([LETTERS_GROUP, [DEAD_LETTERS_TOPIC]]);
        options.onAssigned(partition);
        return {
          close: async () => {
            lost.abort();
            await options.onRevoked?.([partition]);
            this.journal.push('left');
          },
        };
      },
    };
    await runLetterKeeper(
      {
        bus,
        letters: { add: (letters) => this.add(letters) },
        clock: this.clock,
        log: createSilentLog(),
        random: () => 0.5,
        onKept: (letters) => {
          this.counted += letters;
        },
        onRetry: () => {
          this.retries += 1;
        },
        onFatal: (error) => {
          this.fatal.push(error);
          this.stop.abort();
        },
      },
      this.stop.signal,
    );
  }

  private async add(letters: readonly StoredLetter[]): Promise<void> {
    await this.step('add');
    if (letters.some((letter) => this.isRefused(letter))) throw new AppError('insert-refused', 'not these');
    this.inserts.push(letters.map(({ id }) => id));
    this.journal.push(`add ${letters.length}`);
    for (const letter of letters) this.kept.set(JSON.stringify([letter.organization, letter.id]), letter);
    await this.step('added');
  }
}

describe('the keeper of dead letters', () => {
  it('keeps letters as they are, open, and commits after they are durable', async () => {
    const letters = [letterOf('a'), letterOf('b', { organization: null, code: 'record-unreadable' })];
    const world = new LetterWorld(letters.map(encodeDeadLetter));
    await world.run();
    expect([...world.kept.values()]).toEqual(
      letters.map((letter) => ({ ...letter, state: 'open', replay: null, changedAtMs: NOON_MS })),
    );
    expect(world.journal).toEqual(['add 2', 'commit 2', 'left']);
    expect([world.counted, world.fatal]).toEqual([2, []]);
  });

  it('goes on behind what is committed', async () => {
    const world = new LetterWorld([letterOf('a'), letterOf('b')].map(encodeDeadLetter));
    world.committed = 1;
    await world.run();
    expect(world.inserts).toEqual([['b']]);
  });

  it('writes letters of each day of arrival together, however they are mixed', async () => {
    const days = [0, 1, 0, 1, 0].map((day, index) =>
      letterOf(`${day}-${index}`, { arrivedAtMs: NOON_MS + day * DAY_MS }),
    );
    const world = new LetterWorld(days.map(encodeDeadLetter));
    await world.run();
    expect(world.inserts).toEqual([
      ['0-0', '0-2', '0-4'],
      ['1-1', '1-3'],
    ]);
    expect(world.committed).toBe(5);
  });

  it.each([
    ['is no letter', Buffer.from('hello')],
    ['says an impossible arrival', encodeDeadLetter(letterOf('x', { arrivedAtMs: 2 ** 52 }))],
    ['says an impossible attempt', encodeDeadLetter(letterOf('x', { attempt: 2 ** 32 }))],
  ])('keeps what %s, as a letter of nobody under its coordinate', async (_name, value) => {
    const world = new LetterWorld([value, encodeDeadLetter(letterOf('good'))]);
    await world.run();
    const id = `${DEAD_LETTERS_TOPIC}:3:0`;
    expect([...world.kept.values()]).toMatchObject([
      { id, organization: null, code: 'record-unreadable', value, headers: { from: 'somewhere' } },
      { id: 'good', organization: 'acme' },
    ]);
    expect(world.committed).toBe(2);
  });

  it('finds the one letter that the store refuses, and keeps its record for operators', async () => {
    const values = ['a', 'b', 'c', 'd', 'e'].map((id) => encodeDeadLetter(letterOf(id)));
    const world = new LetterWorld(values, ({ id }) => id === 'd');
    await world.run();
    expect(new Set([...world.kept.values()].map(({ id }) => id))).toEqual(
      new Set(['a', 'b', 'c', 'e', `${DEAD_LETTERS_TOPIC}:3:3`]),
    );
    expect(world.kept.get(JSON.stringify([null, `${DEAD_LETTERS_TOPIC}:3:3`]))?.value).toEqual(values[3]);
    expect([world.committed, world.fatal]).toEqual([5, []]);
  });

  it('waits, and asks little, while the store refuses everything', async () => {
    let refusals = 0;
    const values = Array.from({ length: 1_000 }, (_, index) => encodeDeadLetter(letterOf(`l${index}`)));
    const world = new LetterWorld(values, () => {
      refusals += 1;
      return refusals <= 60;
    });
    await world.run();
    expect(world.retries).toBeGreaterThan(0);
    expect(world.retries).toBeLessThan(10);
    expect([world.kept.size, world.committed, world.fatal]).toEqual([1_000, 1_000, []]);
  });

  it('reads nothing more while the store is away, however long, and loses nothing', async () => {
    const away = Array.from({ length: 500 }, (): ErrorCode => 'warehouse-unavailable');
    const world = new LetterWorld([encodeDeadLetter(letterOf('a'))]).fail('add', ...away);
    await world.run();
    expect([world.reads, world.retries]).toEqual([2, 500]);
    expect([world.kept.size, world.committed]).toEqual([1, 1]);
    expect(Math.max(...world.clock.slept)).toBeLessThanOrEqual(5_000);
  });

  it('writes again what may have been written, and commits again', async () => {
    const world = new LetterWorld([letterOf('a'), letterOf('b')].map(encodeDeadLetter))
      .fail('added', 'insert-in-doubt')
      .fail('read', 'bus-unavailable')
      .fail('commit', 'bus-unavailable')
      .fail('consume', 'bus-unavailable');
    await world.run();
    expect(world.inserts).toEqual([
      ['a', 'b'],
      ['a', 'b'],
    ]);
    expect([world.kept.size, world.committed, world.retries]).toEqual([2, 2, 4]);
  });

  it('leaves what it could not keep to the next owner', async () => {
    const away = Array.from({ length: 100 }, (): ErrorCode => 'warehouse-unavailable');
    const world = new LetterWorld([encodeDeadLetter(letterOf('a'))]).fail('add', ...away);
    const sleep = world.clock.sleep.bind(world.clock);
    Object.assign(world.clock, {
      sleep: async (ms: number) => {
        await sleep(ms);
        if (world.retries === 3) world.stop.abort();
      },
    });
    await world.run();
    expect([world.committed, world.counted, world.journal]).toEqual([null, 0, ['left']]);
  });

  it('never joins when it is stopped while the bus is away', async () => {
    const world = new LetterWorld([]).fail('consume', 'bus-unavailable');
    world.stop.abort();
    await world.run();
    expect([world.reads, world.journal]).toEqual([0, []]);
  });

  it('reports a bug as fatal', async () => {
    const world = new LetterWorld([encodeDeadLetter(letterOf('a'))]).fail('add', new Error('no such column'));
    await world.run();
    expect(world.fatal).toMatchObject([{ message: 'no such column' }]);
    expect(world.committed).toBeNull();
  });
});
