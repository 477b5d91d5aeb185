/**
 * What every bus does, whatever it is made of. Each adapter's tests call `describeBusConformance` with a harness; a
 * difference between adapters is a defect of one of them.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { DAY_MS, type Clock } from '@tidemark/core';
import {
  collect,
  consumeAll,
  liveSpells,
  outgoing,
  type RunningConsumer,
  uniqueName,
  waitFor,
} from './conformance-support.ts';
import type { AssignedPartition, Bus, BusRecord } from './port.ts';

export interface BusHarness {
  /** A bus over the storage of the harness; after `close` of one bus the next finds everything again. */
  open(): Promise<Bus>;
  /** The session timeout the buses are opened with. */
  readonly sessionTimeoutMs: number;
  /** A clock of real time. */
  readonly clock: Clock;
  /** Removes the storage; every bus is closed by then. */
  dispose(): Promise<void>;
}

const TEST_TIMEOUT_MS = 60_000;

/** Runs the suite that both adapters must pass. `createHarness` is called once. */
export function describeBusConformance(name: string, createHarness: () => Promise<BusHarness>): void {
  describe(`${name}: bus conformance`, () => {
    const context = new SuiteContext();
    beforeAll(async () => {
      context.harness = await createHarness();
      await context.openBus();
    }, TEST_TIMEOUT_MS);
    afterEach(() => context.closeConsumers(), TEST_TIMEOUT_MS);
    afterAll(() => context.dispose(), TEST_TIMEOUT_MS);
    describeTopics(context);
    describePublishing(context);
    describeReading(context);
    describeCommits(context);
    describeGroups(context);
    describeBackPressure(context);
    describeLifecycle(context);
  });
}

/** The bus under test and what a test has to leave behind clean. */
class SuiteContext {
  harness: BusHarness | null = null;
  #bus: Bus | null = null;
  #consumers: RunningConsumer[] = [];

  get bus(): Bus {
    if (this.#bus === null) throw new Error('the bus is not open');
    return this.#bus;
  }

  get live(): BusHarness {
    if (this.harness === null) throw new Error('there is no harness');
    return this.harness;
  }

  async openBus(): Promise<void> {
    this.#bus = await this.live.open();
  }

  async reopenBus(): Promise<void> {
    await this.closeConsumers();
    await this.bus.close();
    await this.openBus();
  }

  async topic(partitions: number): Promise<string> {
    const name = uniqueName('topic');
    await this.bus.ensureTopics([{ name, partitions, retentionMs: DAY_MS }]);
    return name;
  }

  async consume(options: Omit<Parameters<typeof consumeAll>[1], 'clock'>): Promise<RunningConsumer> {
    const running = await consumeAll(this.bus, { ...options, clock: this.live.clock });
    this.#consumers.push(running);
    return running;
  }

  /** The only spell of a consumer that is alone on a topic of one partition. */
  async ownOnly(topic: string, group = uniqueName('group')): Promise<AssignedPartition> {
    const running = await this.consume({ group, topics: [topic] });
    await waitFor(this.live.clock, 'an assignment', () => liveSpells(running).length === 1);
    return liveSpells(running)[0] as AssignedPartition;
  }

  async closeConsumers(): Promise<void> {
    await Promise.all(this.#consumers.splice(0).map(({ consumer }) => consumer.close()));
  }

  async dispose(): Promise<void> {
    await this.closeConsumers();
    await this.#bus?.close();
    await this.harness?.dispose();
  }
}

function describeTopics(context: SuiteContext): void {
  it('creates a topic once and keeps it', async () => {
    const name = await context.topic(3);
    await context.bus.ensureTopics([{ name, partitions: 3, retentionMs: DAY_MS }]);
    const bounds = await context.bus.bounds(name);
    expect(new Set(bounds.map(({ partition }) => partition))).toEqual(new Set([0, 1, 2]));
    expect(bounds).toHaveLength(3);
  });

  it('refuses another number of partitions with conflict', async () => {
    const name = await context.topic(3);
    const ensured = context.bus.ensureTopics([{ name, partitions: 4, retentionMs: DAY_MS }]);
    await expect(ensured).rejects.toMatchObject({ code: 'conflict' });
  });

  it('answers not-found for a topic that does not exist', async () => {
    await expect(context.bus.bounds(uniqueName('absent'))).rejects.toMatchObject({ code: 'not-found' });
  });

  it('refuses to consume a topic that does not exist', async () => {
    const consumed = context.consume({ group: uniqueName('group'), topics: [uniqueName('absent')] });
    await expect(consumed).rejects.toMatchObject({ code: 'not-found' });
  });

  it('answers ping', async () => {
    await expect(context.bus.ping()).resolves.toBeUndefined();
  });
}

function describePublishing(context: SuiteContext): void {
  it('returns coordinates in the order of the records and keeps the order within a partition', async () => {
    const topic = await context.topic(4);
    const records = Array.from({ length: 200 }, (_, index) =>
      outgoing({ key: `key-${index % 17}`, text: `${index}` }),
    );
    const coordinates = await context.bus.publish(topic, records);
    expect(coordinates).toHaveLength(records.length);
    const running = await context.consume({ group: uniqueName('group'), topics: [topic] });
    const read = await collect(context.live.clock, running, records.length);
    for (const [index, { partition, offset }] of coordinates.entries()) {
      expect(read.get(`${partition}@${offset}`)?.value.toString()).toBe(`${index}`);
    }
  });

  it('keeps the order of one key over many publishes, concurrent ones included', async () => {
    const topic = await context.topic(4);
    const publishes = Array.from({ length: 50 }, (_, index) =>
      context.bus.publish(topic, [outgoing({ key: 'same', text: `${index}` })]),
    );
    const coordinates = (await Promise.all(publishes)).flat();
    expect(new Set(coordinates.map(({ partition }) => partition)).size).toBe(1);
    expect(coordinates.map(({ offset }) => offset)).toEqual(Array.from({ length: 50 }, (_, index) => index));
  });

  it('accepts an empty list', async () => {
    await expect(context.bus.publish(await context.topic(1), [])).resolves.toEqual([]);
  });

  it('moves the bounds', async () => {
    const topic = await context.topic(1);
    expect(await context.bus.bounds(topic)).toEqual([{ partition: 0, startOffset: 0, endOffset: 0 }]);
    await context.bus.publish(topic, [outgoing({ key: 'a' }), outgoing({ key: 'b' })]);
    expect(await context.bus.bounds(topic)).toEqual([{ partition: 0, startOffset: 0, endOffset: 2 }]);
  });

  it(
    'takes a large batch',
    async () => {
      const topic = await context.topic(3);
      // More than one produce request holds, and little enough for the bounded time of one publish.
      const filler = 'x'.repeat(300);
      const records = Array.from({ length: 10_000 }, (_, index) =>
        outgoing({ key: `${index}`, text: `${filler}${index}` }),
      );
      const coordinates = await context.bus.publish(topic, records);
      expect(new Set(coordinates.map(({ partition, offset }) => `${partition}@${offset}`)).size).toBe(
        records.length,
      );
      const running = await context.consume({ group: uniqueName('group'), topics: [topic] });
      const read = await collect(context.live.clock, running, records.length);
      const last = coordinates[9_999];
      expect(read.get(`${last?.partition}@${last?.offset}`)?.value.toString()).toBe(`${filler}9999`);
    },
    TEST_TIMEOUT_MS,
  );
}

function describeReading(context: SuiteContext): void {
  it('gives back keys, binary values, headers and timestamps exactly', async () => {
    const topic = await context.topic(1);
    const sent = [
      {
        key: 'plain',
        value: Buffer.from('{}'),
        headers: { ce_id: '1', ce_type: 'a.b' },
        timestampMs: 1_700_000_000_001,
      },
      {
        key: 'bytes',
        value: Buffer.from([0, 255, 10, 13, 128]),
        headers: {},
        timestampMs: 1_700_000_000_000,
      },
      {
        key: 'ключ-🙂',
        value: Buffer.alloc(0),
        headers: { ce_subject: 'zażółć 🙂', empty: '' },
        timestampMs: 5,
      },
      {
        key: 'large',
        value: Buffer.alloc(300_000, 7),
        headers: { ce_id: '4', ce_type: 'c' },
        timestampMs: 1_700_000_000_002,
      },
    ];
    await context.bus.publish(topic, sent);
    const spell = await context.ownOnly(topic);
    const read = await readExactly(spell, sent.length);
    expect(read).toEqual(sent.map((record, offset) => ({ ...record, offset })));
  });

  it('resolves as soon as maxRecords are at hand and never gives more', async () => {
    const topic = await context.topic(1);
    await context.bus.publish(
      topic,
      Array.from({ length: 10 }, () => outgoing({ key: 'k' })),
    );
    const spell = await context.ownOnly(topic);
    expect((await readExactly(spell, 4)).map(({ offset }) => offset)).toEqual([0, 1, 2, 3]);
    expect((await readExactly(spell, 6)).map(({ offset }) => offset)).toEqual([4, 5, 6, 7, 8, 9]);
  });

  it('gives what there is, perhaps nothing, when the wait is over', async () => {
    const spell = await context.ownOnly(await context.topic(1));
    await expect(spell.read({ maxRecords: 5, maxWaitMs: 50 })).resolves.toEqual([]);
  });

  it('wakes a waiting read when a record comes', async () => {
    const topic = await context.topic(1);
    const spell = await context.ownOnly(topic);
    const waiting = spell.read({ maxRecords: 1, maxWaitMs: 20_000 });
    await context.bus.publish(topic, [outgoing({ key: 'k', text: 'late' })]);
    expect((await waiting).map(({ value }) => value.toString())).toEqual(['late']);
  });

  it('seeks back and forth', async () => {
    const topic = await context.topic(1);
    await context.bus.publish(
      topic,
      Array.from({ length: 20 }, () => outgoing({ key: 'k' })),
    );
    const spell = await context.ownOnly(topic);
    await readExactly(spell, 10);
    spell.seek(3);
    expect((await readExactly(spell, 2)).map(({ offset }) => offset)).toEqual([3, 4]);
    spell.seek(18);
    expect((await readExactly(spell, 2)).map(({ offset }) => offset)).toEqual([18, 19]);
    expect(await spell.bounds()).toEqual({ partition: 0, startOffset: 0, endOffset: 20 });
  });
}

function describeCommits(context: SuiteContext): void {
  it('starts a new group at the oldest record, with nothing committed', async () => {
    const topic = await context.topic(1);
    await context.bus.publish(topic, [outgoing({ key: 'k', text: 'first' })]);
    const group = uniqueName('group');
    const spell = await context.ownOnly(topic, group);
    expect(spell.committed).toBeNull();
    expect((await readExactly(spell, 1))[0]?.value.toString()).toBe('first');
    expect(await context.bus.committed(group, topic)).toEqual(new Map());
  });

  it('keeps offset and metadata together, and the next spell starts there', async () => {
    const topic = await context.topic(1);
    await context.bus.publish(
      topic,
      Array.from({ length: 5 }, () => outgoing({ key: 'k' })),
    );
    const group = uniqueName('group');
    const spell = await context.ownOnly(topic, group);
    const metadata = JSON.stringify({ v: 1, a: 2, b: 4, h: 'x'.repeat(3_900) });
    await spell.commit({ offset: 2, metadata });
    expect(await context.bus.committed(group, topic)).toEqual(new Map([[0, { offset: 2, metadata }]]));
    await context.closeConsumers();
    const next = await context.ownOnly(topic, group);
    expect(next.committed).toEqual({ offset: 2, metadata });
    expect((await readExactly(next, 1))[0]?.offset).toBe(2);
    await next.commit({ offset: 5, metadata: '' });
    expect(await context.bus.committed(group, topic)).toEqual(new Map([[0, { offset: 5, metadata: '' }]]));
  });

  it('keeps two groups apart', async () => {
    const topic = await context.topic(1);
    await context.bus.publish(
      topic,
      Array.from({ length: 3 }, () => outgoing({ key: 'k' })),
    );
    const [one, two] = [uniqueName('group'), uniqueName('group')];
    const spellOne = await context.ownOnly(topic, one);
    const spellTwo = await context.ownOnly(topic, two);
    await readExactly(spellOne, 3);
    await spellOne.commit({ offset: 3, metadata: 'one' });
    expect((await readExactly(spellTwo, 3)).map(({ offset }) => offset)).toEqual([0, 1, 2]);
    expect(await context.bus.committed(two, topic)).toEqual(new Map());
  });
}

function describeGroups(context: SuiteContext): void {
  it(
    'shares partitions, and gives none away before its owner has let go',
    async () => {
      const { clock } = context.live;
      const topic = await context.topic(4);
      const group = uniqueName('group');
      const order: string[] = [];
      const first = await context.consume({
        group,
        topics: [topic],
        onRevoked: async (spells) => {
          order.push(spells.every(({ lost }) => lost.aborted) ? 'revoked after lost' : 'revoked before lost');
          // The time a loop may take to finish what is under way; nobody else may own the partitions meanwhile.
          await clock.sleep(1_500);
          order.push('let go');
        },
      });
      await waitFor(clock, 'all partitions', () => liveSpells(first).length === 4);
      const [stale] = liveSpells(first);
      const second = await context.consume({
        group,
        topics: [topic],
        onAssigned: () => order.push('assigned'),
      });
      await waitFor(
        clock,
        'a fair share',
        () => liveSpells(first).length === 2 && liveSpells(second).length === 2,
      );
      expect(order.slice(0, 3)).toEqual(['revoked after lost', 'let go', 'assigned']);
      const owned = [...liveSpells(first), ...liveSpells(second)].map(({ partition }) => partition);
      expect(owned.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3]);
      await expect(stale?.commit({ offset: 1, metadata: '' })).rejects.toMatchObject({
        code: 'partition-lost',
      });
      await expect(stale?.read({ maxRecords: 1, maxWaitMs: 0 })).rejects.toMatchObject({
        code: 'partition-lost',
      });
      await expect(stale?.bounds()).rejects.toMatchObject({ code: 'partition-lost' });
      expect(await context.bus.committed(group, topic)).toEqual(new Map());
      await second.consumer.close();
      await waitFor(clock, 'all partitions again', () => liveSpells(first).length === 4);
    },
    TEST_TIMEOUT_MS,
  );

  it('ends a read that waits when the partition is lost', async () => {
    const topic = await context.topic(1);
    const spell = await context.ownOnly(topic);
    const waiting = spell.read({ maxRecords: 1, maxWaitMs: 30_000 });
    const refused = expect(waiting).rejects.toMatchObject({ code: 'partition-lost' });
    await context.closeConsumers();
    await refused;
  });

  it(
    'loses and repeats nothing that is committed while consumers come and go',
    async () => {
      const { clock } = context.live;
      const topic = await context.topic(4);
      const group = uniqueName('group');
      const total = 400;
      const seen = new Map<string, number>();
      const join = (): Promise<RunningConsumer> =>
        context.consume({ group, topics: [topic], onAssigned: (spell) => void readAndCommit(spell, seen) });
      const first = await join();
      for (let index = 0; index < total; index++) {
        await context.bus.publish(topic, [outgoing({ key: `${index}` })]);
        if (index === 100) await join();
        if (index === 250) await first.consumer.close();
      }
      await waitFor(clock, 'every record', () => seen.size === total);
      const committed = await context.bus.committed(group, topic);
      const bounds = await context.bus.bounds(topic);
      for (const { partition, endOffset } of bounds) {
        expect(committed.get(partition)?.offset ?? 0).toBeLessThanOrEqual(endOffset);
      }
      await waitFor(clock, 'every commit', async () => {
        const offsets = await context.bus.committed(group, topic);
        return [...offsets.values()].reduce((sum, { offset }) => sum + offset, 0) === total;
      });
    },
    TEST_TIMEOUT_MS,
  );
}

function describeBackPressure(context: SuiteContext): void {
  it(
    'keeps the membership of a reader that does not read, and loses nothing',
    async () => {
      const { clock, sessionTimeoutMs } = context.live;
      const topic = await context.topic(1);
      const boundBytes = 256 * 1024;
      const valueBytes = 4_096;
      const total = 1_000;
      const records = Array.from({ length: total }, (_, index) =>
        outgoing({ key: `${index}`, text: 'y'.repeat(valueBytes) }),
      );
      await context.bus.publish(topic, records);
      const running = await context.consume({
        group: uniqueName('group'),
        topics: [topic],
        maxBufferedBytesPerPartition: boundBytes,
      });
      await waitFor(clock, 'an assignment', () => liveSpells(running).length === 1);
      const [spell] = liveSpells(running) as [AssignedPartition];
      // Longer than a member that stopped its heartbeats would live.
      await clock.sleep(sessionTimeoutMs * 1.3);
      expect(spell.lost.aborted).toBe(false);
      const first = await spell.read({ maxRecords: total, maxWaitMs: 0 });
      expect(first.length * valueBytes).toBeLessThanOrEqual(boundBytes + valueBytes);
      const rest = await readExactly(spell, total - first.length);
      expect([...first, ...rest].map(({ offset }) => offset)).toEqual(
        Array.from({ length: total }, (_, index) => index),
      );
      await spell.commit({ offset: total, metadata: '' });
      expect(running.spells).toHaveLength(1);
      expect(running.fatal).toEqual([]);
    },
    TEST_TIMEOUT_MS,
  );
}

function describeLifecycle(context: SuiteContext): void {
  it(
    'keeps records, topics and commits over close and reopen; close is idempotent',
    async () => {
      const topic = await context.topic(2);
      const group = uniqueName('group');
      const [coordinate] = await context.bus.publish(topic, [outgoing({ key: 'kept', text: 'kept' })]);
      const running = await context.consume({ group, topics: [topic] });
      await collect(context.live.clock, running, 1);
      const owner = liveSpells(running).find(({ partition }) => partition === coordinate?.partition);
      await owner?.commit({ offset: 1, metadata: 'm' });
      const closing = context.bus;
      await context.reopenBus();
      await expect(closing.close()).resolves.toBeUndefined();
      await expect(closing.publish(topic, [outgoing({ key: 'k' })])).rejects.toMatchObject({
        code: 'bus-unavailable',
      });
      const committed = await context.bus.committed(group, topic);
      expect(committed).toEqual(new Map([[coordinate?.partition, { offset: 1, metadata: 'm' }]]));
      const again = await context.consume({ group: uniqueName('group'), topics: [topic] });
      const read = await collect(context.live.clock, again, 1);
      expect(read.get(`${coordinate?.partition}@${coordinate?.offset}`)?.value.toString()).toBe('kept');
    },
    TEST_TIMEOUT_MS,
  );

  it('closes a consumer twice without harm, after onRevoked has finished', async () => {
    const topic = await context.topic(1);
    let revocations = 0;
    const running = await context.consume({
      group: uniqueName('group'),
      topics: [topic],
      onRevoked: async () => {
        await context.live.clock.sleep(50);
        revocations++;
      },
    });
    await waitFor(context.live.clock, 'an assignment', () => liveSpells(running).length === 1);
    await running.consumer.close();
    expect(revocations).toBe(1);
    await running.consumer.close();
    expect(revocations).toBe(1);
    expect(liveSpells(running)).toEqual([]);
  });
}

/** Reads until `count` records are there; a read may give fewer, because it is bounded in bytes. */
async function readExactly(spell: AssignedPartition, count: number): Promise<readonly BusRecord[]> {
  const read: BusRecord[] = [];
  while (read.length < count) {
    read.push(...(await spell.read({ maxRecords: count - read.length, maxWaitMs: 5_000 })));
  }
  return read;
}

/** The loop of a service: read, do, commit, until the partition is lost. */
async function readAndCommit(spell: AssignedPartition, seen: Map<string, number>): Promise<void> {
  try {
    while (!spell.lost.aborted) {
      const records = await spell.read({ maxRecords: 50, maxWaitMs: 200 });
      const last = records.at(-1);
      if (last === undefined) continue;
      await spell.commit({ offset: last.offset + 1, metadata: '' });
      for (const { offset } of records) {
        const at = `${spell.partition}@${offset}`;
        seen.set(at, (seen.get(at) ?? 0) + 1);
      }
    }
  } catch (error) {
    if (!spell.lost.aborted) throw error;
  }
}
