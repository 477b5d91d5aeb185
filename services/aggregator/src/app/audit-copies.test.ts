import { Writable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { AppError, DAY_MS, HOUR_MS } from '@tidemark/core';
import { createLogger } from '@tidemark/runtime';
import type { CopiedEvent, FoundEvent } from '@tidemark/warehouse';
import { NOON_MS } from '../domain/testing.ts';
import { CopiesAudit } from './audit-copies.ts';

interface Row extends FoundEvent {
  readonly partition: number;
  readonly offset: number;
}

/** Raw of some partitions, whose books cover all of it. */
class World {
  rows: Row[] = [];
  recent: CopiedEvent[] = [];
  isAway = false;
  drawn = 0;
  gauge: number | undefined;
  readonly lines: { readonly level: string; readonly count?: number }[] = [];
  readonly asked: (readonly [partition: number, from: number, to: number])[] = [];
  readonly looked: (readonly [identities: number, sinceMs: number])[] = [];
  readonly audit = new CopiesAudit(
    {
      random: () => this.drawn,
      log: createLogger({
        service: 'test',
        level: 'info',
        destination: new Writable({
          write: (chunk: Buffer, _encoding, done) => {
            this.lines.push(JSON.parse(chunk.toString()) as { level: string });
            done();
          },
        }),
      }),
      telemetry: { set: (_name, value) => void (this.gauge = value) },
      events: {
        duplicatesWithin: () => Promise.resolve(this.recent),
        identitiesWithin: ({ partition }, from, to) => {
          this.asked.push([partition, from, to]);
          return Promise.resolve(
            this.rows.filter((row) => row.partition === partition && row.offset >= from && row.offset <= to),
          );
        },
        findStored: (identities, sinceMs, own) => {
          if (this.isAway) return Promise.reject(new AppError('warehouse-unavailable', 'away'));
          this.looked.push([identities.length, sinceMs]);
          const wanted = new Set(identities);
          return Promise.resolve(
            this.rows.filter(
              ({ identity, receivedAtMs, partition, offset }) =>
                wanted.has(identity) &&
                receivedAtMs >= sinceMs &&
                !(partition === own.partition && offset >= own.from && offset <= own.to),
            ),
          );
        },
      },
    },
    DAY_MS,
  );

  arrive(count: number, receivedAtMs: number, { partition = 0, id = '' } = {}): void {
    const from = this.through(partition);
    for (let offset = from; offset < from + count; offset += 1) {
      const name = id === '' ? `${partition}-${offset}` : id;
      const texts = { identity: name, content: '1', organization: 'acme', source: 's', id: name };
      this.rows.push({ partition, offset, receivedAtMs, ...texts });
    }
  }

  check(nowMs: number): Promise<void> {
    const partitions = [...new Set(this.rows.map((row) => row.partition))];
    return this.audit.checkSample(
      partitions.map((partition) => ({ partition, since: 0, through: this.through(partition), skipped: 0 })),
      nowMs,
    );
  }

  private through(partition: number): number {
    return this.rows.reduce(
      (end, row) => (row.partition === partition ? Math.max(end, row.offset + 1) : end),
      0,
    );
  }

  errors(): number {
    return this.lines.filter(({ level }) => level === 'error').length;
  }
}

describe('the sample of what has come', () => {
  it('finds a copy that slipped through hours after its original, and holds on to it while it is there', async () => {
    const world = new World();
    world.arrive(5, NOON_MS - 5 * HOUR_MS);
    world.arrive(1, NOON_MS - 5 * HOUR_MS, { id: 'twice' });
    await world.check(NOON_MS - 5 * HOUR_MS);
    expect([world.gauge, world.errors()]).toEqual([0, 0]);
    world.arrive(3, NOON_MS);
    world.arrive(1, NOON_MS, { id: 'twice' });
    await world.check(NOON_MS);
    expect([world.gauge, world.errors()]).toEqual([1, 1]);
    expect(world.lines.at(-1)).toMatchObject({
      evidence: [{ organization: 'acme', source: 's', id: 'twice', copies: 2 }],
    });

    world.arrive(4, NOON_MS + HOUR_MS);
    await world.check(NOON_MS + HOUR_MS);
    await world.check(NOON_MS + 2 * DAY_MS);
    expect([world.gauge, world.errors()]).toEqual([1, 1]);
    expect(world.looked.at(-1)).toEqual([1, NOON_MS - 5 * HOUR_MS - DAY_MS]);
    const copy = world.rows.findIndex(({ id, receivedAtMs }) => id === 'twice' && receivedAtMs === NOON_MS);
    world.rows.splice(copy, 1);
    await world.check(NOON_MS + 2 * DAY_MS);
    expect([world.gauge, world.errors(), world.lines.length]).toEqual([0, 1, 2]);
  });

  it('takes an event that came again behind the window for what it is', async () => {
    const world = new World();
    world.arrive(1, NOON_MS, { id: 'twice' });
    world.arrive(1, NOON_MS + DAY_MS + 1, { id: 'twice' });
    await world.check(NOON_MS + DAY_MS + 1);
    expect([world.gauge, world.looked.length]).toEqual([0, 1]);
  });

  it('forgets a copy that nobody has deleted in eight days', async () => {
    const world = new World();
    world.arrive(2, NOON_MS, { id: 'twice' });
    await world.check(NOON_MS);
    await world.check(NOON_MS + 8 * DAY_MS - 1);
    expect(world.gauge).toBe(1);
    await world.check(NOON_MS + 8 * DAY_MS);
    expect(world.gauge).toBe(0);
  });

  it('takes everything that has come since the last audit while that is little, and asks nothing when nothing came', async () => {
    const world = new World();
    world.arrive(600, NOON_MS);
    world.arrive(300, NOON_MS, { partition: 1 });
    await world.check(NOON_MS);
    await world.check(NOON_MS);
    world.arrive(10, NOON_MS, { partition: 1 });
    await world.check(NOON_MS);
    expect(world.asked).toEqual([
      [0, 0, 599],
      [1, 0, 299],
      [1, 300, 309],
    ]);
    expect(world.looked.map(([identities]) => identities)).toEqual([900, 10]);
  });

  it('takes a thousand from anywhere when more has come, of each partition by what it has', async () => {
    const world = new World();
    world.arrive(1, NOON_MS);
    world.arrive(1, NOON_MS, { partition: 1 });
    await world.check(NOON_MS);
    world.asked.length = 0;
    world.arrive(3_000, NOON_MS);
    world.arrive(1_000, NOON_MS, { partition: 1 });
    world.drawn = 0.999_999;
    await world.check(NOON_MS);
    // The last of both.
    expect(world.asked).toEqual([
      [1, 751, 1_000],
      [0, 2_251, 3_000],
    ]);
    expect(world.looked.at(-1)?.[0]).toBe(1_000);
  });

  it('asks a bounded number of partitions', async () => {
    const world = new World();
    for (let partition = 0; partition < 40; partition += 1) world.arrive(1, NOON_MS, { partition });
    world.drawn = 0.9;
    await world.check(NOON_MS);
    expect(world.asked.map(([partition]) => partition)).toEqual([
      ...[36, 37, 38, 39],
      ...Array.from({ length: 12 }, (_, partition) => partition),
    ]);
  });

  it('takes its sample from the same again when raw could not be asked', async () => {
    const world = new World();
    world.arrive(2, NOON_MS, { id: 'twice' });
    world.isAway = true;
    await expect(world.check(NOON_MS)).rejects.toMatchObject({ code: 'warehouse-unavailable' });
    world.isAway = false;
    await world.check(NOON_MS);
    expect(world.gauge).toBe(1);
  });

  it('counts an event once that both searches have found', async () => {
    const world = new World();
    world.arrive(2, NOON_MS, { id: 'twice' });
    const texts = { content: '1', organization: 'acme', source: 's' };
    world.recent = [
      { identity: 'twice', id: 'twice', copies: 2, ...texts },
      { identity: 'other', id: 'other', copies: 4, ...texts },
    ];
    await world.check(NOON_MS);
    await world.audit.checkRecent(NOON_MS);
    expect([world.gauge, world.lines.at(-1)?.count]).toEqual([4, 2]);
  });
});
