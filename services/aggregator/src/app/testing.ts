/** A partition and the stores behind it, in memory, with a journal of calls and faults to order. */
import { Writable } from 'node:stream';
import type { AssignedPartition, Bus, BusRecord } from '@tidemark/bus';
import type { BatchAccount, DirtyBucket, Ledger, PartitionProgress, PipelineState } from '@tidemark/catalog';
import { EVENTS_TOPIC } from '@tidemark/contracts';
import { AppError } from '@tidemark/core';
import type { Clock, ErrorCode } from '@tidemark/core';
import { createLogger } from '@tidemark/runtime';
import type { Logger } from '@tidemark/runtime';
import type { EventBatch, EventRow, EventStore } from '@tidemark/warehouse';
import { NOON_MS } from '../domain/testing.ts';

/** A clock whose sleeps end at once and move it on; it notes them. */
export interface SkippingClock extends Clock {
  readonly slept: number[];
  set(ms: number): void;
}

export function createSkippingClock(startMs = NOON_MS): SkippingClock {
  let nowMs = startMs;
  const slept: number[] = [];
  return {
    slept,
    nowMs: () => nowMs,
    set: (ms) => {
      nowMs = ms;
    },
    async sleep(ms) {
      slept.push(ms);
      nowMs += ms;
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

export function createSilentLog(): Logger {
  const destination = new Writable({ write: (_chunk, _encoding, done) => done() });
  return createLogger({ service: 'test', level: 'fatal', destination });
}

/** Faults by call, one after another: a code to fail with, or something to do first. */
export type Faults = Map<string, (ErrorCode | (() => void | Promise<void>))[]>;

const unused = (): Promise<never> =>
  Promise.reject(new Error('Assertion failed: a driver does not call this'));

/** What the driver of a partition has no business with. */
const UNUSED_PIPELINE = {
  recordProgress: unused,
  claimDirty: unused,
  clearDirty: unused,
  releaseClaim: unused,
  raiseVersion: unused,
  markDirtyNow: unused,
  dirtyBuckets: unused,
  countDirty: unused,
  countDirtyWithin: unused,
  adoptMeasures: unused,
  areAdopted: unused,
  confirmMeasures: unused,
  unknownMeasures: unused,
};

export class TestWorld {
  readonly clock = createSkippingClock();
  readonly faults: Faults = new Map();
  /** Calls in order, reads and idle looks left out. */
  readonly journal: string[] = [];
  readonly log: BusRecord[] = [];
  readonly rows = new Map<number, EventRow>();
  readonly published: { readonly topic: string; readonly key: string; readonly value: Buffer }[] = [];
  readonly held: (readonly DirtyBucket[])[] = [];
  readonly marked: (readonly DirtyBucket[])[] = [];
  readonly progress: PartitionProgress[] = [];
  readonly accounts: BatchAccount[] = [];
  accountedThrough: number | null = null;
  /** Of inserts, in order; what the engine remembers. */
  readonly tokens: string[] = [];
  /** Ids that the warehouse refuses. */
  readonly unacceptable = new Set<string>();
  lookUps = 0;
  committed: number | null = null;
  metadata = '';
  startOffset = 0;
  /** Called from the second read in a row on that finds nothing: a test ends its spell here. */
  onIdle: () => void = () => undefined;

  async step(call: string, isNoted = true): Promise<void> {
    if (isNoted) this.journal.push(call);
    await new Promise((resolve) => setImmediate(resolve));
    const fault = this.faults.get(call)?.shift();
    if (typeof fault === 'function') await fault();
    else if (fault !== undefined) throw new AppError(fault, `${call} was told to fail`);
  }

  fail(call: string, ...faults: readonly (ErrorCode | (() => void | Promise<void>))[]): void {
    this.faults.set(call, [...faults]);
  }

  /** One spell of ownership; `lose` ends it. */
  assign(): { readonly partition: AssignedPartition; readonly lose: () => void } {
    const lost = new AbortController();
    const offset = this.committed;
    let position = offset ?? 0;
    let emptyReads = 0;
    const partition: AssignedPartition = {
      topic: EVENTS_TOPIC,
      partition: 0,
      lost: lost.signal,
      committed: offset === null ? null : { offset, metadata: this.metadata },
      read: async ({ maxRecords, maxWaitMs }) => {
        await this.step('read', false);
        const records = this.log.filter((record) => record.offset >= position).slice(0, maxRecords);
        position = (records.at(-1)?.offset ?? position - 1) + 1;
        emptyReads = records.length === 0 ? emptyReads + 1 : 0;
        if (emptyReads > 1) this.onIdle();
        if (records.length === 0) await this.clock.sleep(maxWaitMs);
        return records;
      },
      seek: (to) => {
        position = to;
      },
      commit: async (to) => {
        await this.step('commit');
        if (lost.signal.aborted) throw new AppError('partition-lost', 'somebody else owns it');
        this.committed = to.offset;
        this.metadata = to.metadata;
      },
      bounds: async () => {
        await this.step('bounds', false);
        const endOffset = (this.log.at(-1)?.offset ?? this.startOffset - 1) + 1;
        return { partition: 0, startOffset: this.startOffset, endOffset };
      },
    };
    return { partition, lose: () => lost.abort() };
  }

  readonly bus: Pick<Bus, 'publish'> = {
    publish: async (topic, records) => {
      await this.step(`publish ${topic}`);
      this.published.push(...records.map(({ key, value }) => ({ topic, key, value })));
      return [];
    },
  };

  readonly pipeline: PipelineState = {
    ...UNUSED_PIPELINE,
    holdDirty: async (buckets: readonly DirtyBucket[]) => {
      await this.step('hold');
      this.held.push(buckets);
    },
    markDirty: async (buckets: readonly DirtyBucket[]) => {
      await this.step('mark');
      this.marked.push(buckets);
    },
    progress: async () => {
      await this.step('progress', false);
      return this.progress;
    },
  };

  readonly ledger: Pick<Ledger, 'account' | 'accountedThrough'> = {
    account: async (account) => {
      await this.step('account');
      const through = this.accountedThrough;
      if (through !== null && account.from < through) return through;
      this.accounts.push(account);
      this.accountedThrough = account.next;
      return account.next;
    },
    accountedThrough: async () => {
      await this.step('accountedThrough', false);
      return this.accountedThrough;
    },
  };

  readonly events: EventStore = {
    insert: async (batch, token, beforeSend) => {
      await beforeSend?.();
      await this.step('insert');
      this.refuse(batch);
      const isRemembered = this.tokens.includes(token);
      this.tokens.push(token);
      if (!isRemembered) this.store(batch);
    },
    probe: async (batch) => {
      await this.step('probe');
      this.refuse(batch);
    },
    insertRunning: async () => {
      await this.step('insertRunning', false);
      return false;
    },
    highWater: async (_partition, fromOffset) => {
      await this.step('highWater', false);
      const offsets = [...this.rows.keys()].filter((offset) => offset >= fromOffset);
      const row = this.rows.get(Math.max(...offsets));
      return row === undefined ? null : { offset: row.offset, receivedAtMs: row.receivedAtMs };
    },
    countRange: async (_partition, from, to) => {
      await this.step('countRange');
      return [...this.rows.keys()].filter((offset) => offset >= from && offset <= to).length;
    },
    findStored: async (identities, sinceMs, own) => {
      await this.step('findStored', false);
      this.lookUps += 1;
      const isOwn = (row: EventRow) => row.offset >= own.from && row.offset <= own.to;
      const found = [...this.rows.values()].filter((row) => row.receivedAtMs >= sinceMs && !isOwn(row));
      return found.filter((row) => identities.includes(row.identity));
    },
    offsetsSince: async (_partition, sinceMs) => {
      await this.step('offsetsSince', false);
      const offsets = [...this.rows.values()]
        .filter((row) => row.receivedAtMs >= sinceMs)
        .map((row) => row.offset);
      return offsets.length === 0 ? null : { from: Math.min(...offsets), to: Math.max(...offsets) };
    },
    identitiesWithin: async (_partition, from, to) => {
      await this.step('identitiesWithin', false);
      return [...this.rows.values()].filter((row) => row.offset >= from && row.offset <= to);
    },
    minutesFrom: unused,
    minutesWithin: unused,
    spanOf: unused,
    storedByDay: unused,
    duplicatesWithin: unused,
    allMinutes: async function* () {
      await Promise.resolve();
      yield [];
    },
  };

  store(batch: Pick<EventBatch, 'rows'>): void {
    for (const row of batch.rows) this.rows.set(row.offset, row);
  }

  private refuse({ rows }: EventBatch): void {
    const bad = rows.find((row) => this.unacceptable.has(row.id));
    if (bad !== undefined) throw new AppError('insert-refused', `row ${bad.id}`);
  }
}
