/** What an auditor looks at, in memory: moved by hand between audits. */
import { Writable } from 'node:stream';
import type { AccountedDay, DirtyBucket, LedgerDay, Receipt } from '@tidemark/catalog';
import { DEAD_LETTERS_TOPIC } from '@tidemark/contracts';
import { AppError, DAY_MS, MINUTE_MS } from '@tidemark/core';
import type { Clock, ErrorCode } from '@tidemark/core';
import { createLogger } from '@tidemark/runtime';
import type { CopiedEvent, FoundEvent } from '@tidemark/warehouse';
import { NOON_MS, organization } from '../domain/testing.ts';
import { runAuditor } from './auditor.ts';
import type { AuditorDependencies } from './auditor.ts';
import type { RollupSample, Verification } from './audit-rollups.ts';

const acme = organization('acme');
/** The day on which everything arrives unless a test says otherwise. */
export const DAY = Math.floor(NOON_MS / DAY_MS) * DAY_MS;

interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly [key: string]: unknown;
}

interface Row {
  readonly partition: number;
  readonly offset: number;
  readonly dayMs: number;
}

/** A pipeline of two partitions with its log, books and raw. */
export class AuditedWorld {
  nowMs = NOON_MS;
  readonly stop = new AbortController();
  rows: Row[] = [];
  accounted: AccountedDay[] = [];
  receipts: Receipt[] = [];
  readonly through = [0, 0];
  readonly end = [0, 0];
  /** Of the store; the topic they come from has one partition. */
  letters: Row[] = [];
  readonly letterTopic = { end: 0, read: 0 };
  skipped = 0;
  copied: readonly CopiedEvent[] = [];
  /** What raw says of identities; the identity of a row is its offset. */
  stored: readonly FoundEvent[] = [];
  /** Arrivals within so long are too many to search. */
  tooLongMs = Number.POSITIVE_INFINITY;
  verification: (sample: RollupSample) => Verification = () => ({
    checkedBuckets: 1,
    differences: [],
    isTruncated: false,
  });
  isOwner = true;
  readonly faults = new Map<string, ErrorCode | Error>();
  readonly calls: string[] = [];
  readonly verified: RollupSample[] = [];
  readonly marked: DirtyBucket[] = [];
  readonly gauges = new Map<string, number>();
  readonly counters = new Map<string, number>();
  readonly lines: LogLine[] = [];

  /** Publishes, stores and accounts for events of the day; each may be left out. */
  arrive(
    count: number,
    { partition = 0, dayMs = DAY, isStored = true, isAccounted = true, isAcknowledged = true } = {},
  ): void {
    const from = this.end[partition] ?? 0;
    const offsets = Array.from({ length: count }, (_, index) => from + index);
    this.end[partition] = from + count;
    if (isStored) this.rows.push(...offsets.map((offset) => ({ partition, offset, dayMs })));
    if (isAccounted) this.account(count, { partition, dayMs });
    if (isAcknowledged) this.acknowledge(count, dayMs);
  }

  acknowledge(count: number, dayMs = DAY): void {
    this.receipts.push({ organization: acme, dayMs, acknowledged: count, rejected: 0 });
  }

  /** Buries records and accounts for them; letters may be left unread by the keeper, or out of the store. */
  bury(count: number, { partition = 0, dayMs = DAY, isKept = true, isRead = true } = {}): void {
    const from = this.end[partition] ?? 0;
    this.end[partition] = from + count;
    const outcomes = { stored: 0, duplicate: 0, conflict: 0, dead: count };
    this.accounted.push({ partition, dayMs, organization: acme, ...outcomes });
    this.through[partition] = from + count;
    this.letterTopic.end += count;
    if (isRead) this.letterTopic.read = this.letterTopic.end;
    if (!isKept) return;
    for (let index = 0; index < count; index += 1)
      this.letters.push({ partition, offset: from + index, dayMs });
  }

  account(count: number, { partition = 0, dayMs = DAY } = {}): void {
    const outcomes = { stored: count, duplicate: 0, conflict: 0, dead: 0 };
    this.accounted.push({ partition, dayMs, organization: acme, ...outcomes });
    this.through[partition] = (this.through[partition] ?? 0) + count;
  }

  /** One audit a minute; each step is done before its audit. */
  async audit(...steps: readonly (() => void)[]): Promise<void> {
    const left = [...steps];
    const clock: Clock = {
      nowMs: () => this.nowMs,
      sleep: async (ms) => {
        await new Promise((resolve) => setImmediate(resolve));
        const step = left.shift();
        if (step === undefined) return this.stop.abort();
        this.nowMs += ms;
        step();
      },
    };
    await runAuditor(
      this.dependencies(clock),
      { auditIntervalMs: MINUTE_MS, allowedLatenessMs: 0, dedupeWindowMs: DAY_MS },
      this.stop.signal,
    );
  }

  private call<T>(name: string, answer: () => T): Promise<T> {
    this.calls.push(name);
    const fault = this.faults.get(name.split(' ')[0] ?? '');
    if (fault === undefined) return Promise.resolve(answer());
    return Promise.reject(fault instanceof Error ? fault : new AppError(fault, 'told to fail'));
  }

  private dependencies(clock: Clock): AuditorDependencies {
    const destination = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        this.lines.push(JSON.parse(chunk.toString()) as LogLine);
        done();
      },
    });
    return {
      clock,
      random: () => 0.5,
      isOwner: () => this.isOwner,
      log: createLogger({ service: 'test', level: 'info', destination }),
      telemetry: {
        set: (name, value) => void this.gauges.set(name, value),
        increment: (name, by = 1, labels = {}) => {
          const key = [name, ...Object.values(labels)].join(' ');
          this.counters.set(key, (this.counters.get(key) ?? 0) + by);
        },
      },
      bus: {
        bounds: (topic) =>
          topic === DEAD_LETTERS_TOPIC
            ? this.call('letter-ends', () => [
                { partition: 0, startOffset: 0, endOffset: this.letterTopic.end },
              ])
            : this.call('bounds', () =>
                this.end.map((endOffset, partition) => ({ partition, startOffset: 0, endOffset })),
              ),
        committed: () =>
          this.call('committed', () =>
            // A group that has never committed has no entry.
            this.letterTopic.read === 0
              ? new Map()
              : new Map([[0, { offset: this.letterTopic.read, metadata: '' }]]),
          ),
      },
      ledger: {
        snapshot: (_topic, sinceDayMs) =>
          this.call(`snapshot ${(DAY - sinceDayMs) / DAY_MS}`, () => ({
            partitions: this.through.map((through, partition) => ({
              partition,
              since: 0,
              through,
              skipped: partition === 0 ? this.skipped : 0,
            })),
            days: this.accountedSince(sinceDayMs),
          })),
        days: (_topic, _organization, fromDayMs, toDayMs) =>
          this.call('days', () => this.balancedDays(fromDayMs, toDayMs)),
        forgetBefore: (dayMs) => this.call(`forget ${(DAY - dayMs) / DAY_MS}`, () => 0),
      },
      events: {
        storedByDay: (_topic, sinceDayMs, partitions) =>
          this.call(`stored ${partitions.length}`, () => countByDay(this.rows, sinceDayMs, partitions)),
        identitiesWithin: ({ partition }, from, to) =>
          this.call(`identities ${partition} ${from} ${to}`, () =>
            this.rows
              .filter((row) => row.partition === partition && row.offset >= from && row.offset <= to)
              .map(({ offset }) => ({ identity: String(offset), receivedAtMs: this.nowMs })),
          ),
        findStored: (identities, sinceMs) =>
          this.call('find', () =>
            this.stored.filter((row) => identities.includes(row.identity) && row.receivedAtMs >= sinceMs),
          ),
        duplicatesWithin: (_everybody, fromMs, toMs) => {
          if (toMs - fromMs >= this.tooLongMs)
            return Promise.reject(new AppError('query-too-expensive', 'too many events'));
          return this.call(`copies ${(toMs - fromMs) / MINUTE_MS}`, () => this.copied);
        },
      },
      letters: {
        buriedByDay: (_topic, sinceDayMs, partitions) =>
          this.call('letters', () =>
            countByDay(this.letters, sinceDayMs, partitions).map(({ rows, ...day }) => ({
              ...day,
              letters: rows,
            })),
          ),
      },
      pipeline: {
        progress: () =>
          this.call('progress', () => [
            { topic: '', partition: 0, nextOffset: 0, arrivedThroughMs: this.nowMs },
          ]),
        markDirty: (buckets) => this.call('mark', () => void this.marked.push(...buckets)),
      },
      verify: (sample) =>
        this.call('verify', () => {
          this.verified.push(sample);
          return this.verification(sample);
        }),
    };
  }

  /** The sums of the books, as its statement gives them. */
  private accountedSince(sinceDayMs: number): AccountedDay[] {
    const sums = new Map<string, AccountedDay>();
    for (const day of this.accounted.filter(({ dayMs }) => dayMs >= sinceDayMs)) {
      const key = `${day.partition} ${day.dayMs}`;
      const { stored = 0, dead = 0 } = sums.get(key) ?? {};
      sums.set(key, { ...day, stored: day.stored + stored, dead: day.dead + dead });
    }
    return [...sums.values()];
  }

  private balancedDays(fromDayMs: number, toDayMs: number): LedgerDay[] {
    const sums = new Map<number, LedgerDay>();
    const unsettled = { acknowledged: 0, rejected: 0, stored: 0, duplicate: 0, conflict: 0, dead: 0 };
    const within = ({ dayMs }: { readonly dayMs: number }) => dayMs >= fromDayMs && dayMs < toDayMs;
    for (const { dayMs, acknowledged } of this.receipts.filter(within)) {
      const day = sums.get(dayMs) ?? { organization: acme, dayMs, ...unsettled };
      sums.set(dayMs, { ...day, acknowledged: day.acknowledged + acknowledged });
    }
    for (const { dayMs, stored } of this.accounted.filter(within)) {
      const day = sums.get(dayMs) ?? { organization: acme, dayMs, ...unsettled };
      sums.set(dayMs, { ...day, stored: day.stored + stored });
    }
    return [...sums.values()];
  }

  messages(level: string): string[] {
    return this.lines.filter((line) => line.level === level).map(({ message }) => message);
  }
}

function countByDay(
  rows: readonly Row[],
  sinceDayMs: number,
  ranges: readonly { readonly partition: number; readonly from: number; readonly to: number }[],
) {
  const counts = new Map<string, { partition: number; dayMs: number; rows: number }>();
  for (const { partition, offset, dayMs } of rows) {
    const range = ranges.find((one) => one.partition === partition);
    if (range === undefined || offset < range.from || offset >= range.to || dayMs < sinceDayMs) continue;
    const key = `${partition} ${dayMs}`;
    const count = counts.get(key) ?? { partition, dayMs, rows: 0 };
    count.rows += 1;
    counts.set(key, count);
  }
  return [...counts.values()].map((count) => ({ ...count, organization: acme }));
}
