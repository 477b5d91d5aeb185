import { randomUUID } from 'node:crypto';
import type { Clock } from '@tidemark/core';
import type { AssignedPartition, Bus, BusRecord, Consumer, OutgoingRecord } from './port.ts';

const CONDITION_TIMEOUT_MS = 30_000;
const CONDITION_INTERVAL_MS = 10;

/** A consumer and everything it was told, in order. */
export interface RunningConsumer {
  readonly consumer: Consumer;
  readonly spells: readonly AssignedPartition[];
  readonly fatal: readonly Error[];
}

export interface ConsumeOptions {
  readonly clock: Clock;
  readonly group: string;
  readonly topics: readonly string[];
  readonly maxBufferedBytesPerPartition?: number;
  readonly onAssigned?: (spell: AssignedPartition) => void;
  readonly onRevoked?: (spells: readonly AssignedPartition[]) => Promise<void>;
}

/** Joins and remembers every spell. */
export async function consumeAll(bus: Bus, options: ConsumeOptions): Promise<RunningConsumer> {
  const spells: AssignedPartition[] = [];
  const fatal: Error[] = [];
  const { maxBufferedBytesPerPartition, onRevoked } = options;
  const consumer = await bus.consume({
    group: options.group,
    topics: options.topics,
    onAssigned: (spell) => {
      spells.push(spell);
      options.onAssigned?.(spell);
    },
    onFatal: (error) => fatal.push(error),
    ...(onRevoked !== undefined && { onRevoked }),
    ...(maxBufferedBytesPerPartition !== undefined && { maxBufferedBytesPerPartition }),
  });
  return { consumer, spells, fatal };
}

export function liveSpells({ spells }: RunningConsumer): readonly AssignedPartition[] {
  return spells.filter(({ lost }) => !lost.aborted);
}

/** Reads `count` records over all partitions the consumer gets, keyed by `partition@offset`. */
export async function collect(
  clock: Clock,
  running: RunningConsumer,
  count: number,
): Promise<ReadonlyMap<string, BusRecord>> {
  const read = new Map<string, BusRecord>();
  await waitFor(clock, `${count} records`, async () => {
    for (const spell of liveSpells(running)) {
      for (const record of await spell.read({ maxRecords: count, maxWaitMs: 20 })) {
        read.set(`${spell.partition}@${record.offset}`, record);
      }
    }
    return read.size >= count;
  });
  return read;
}

export function outgoing(options: { readonly key: string; readonly text?: string }): OutgoingRecord {
  const { key, text = '{}' } = options;
  return { key, value: Buffer.from(text), headers: { ce_id: key }, timestampMs: 1_700_000_000_000 };
}

/** Nothing else has this name. */
export function uniqueName(prefix: string): string {
  return `${prefix}-${randomUUID()}`;
}

/** Resolves when the condition holds; rejects, saying what was missing, after 30 s. */
export async function waitFor(
  clock: Clock,
  what: string,
  condition: () => boolean | Promise<boolean>,
): Promise<void> {
  const deadlineMs = clock.nowMs() + CONDITION_TIMEOUT_MS;
  while (!(await condition())) {
    if (clock.nowMs() > deadlineMs) throw new Error(`waited ${CONDITION_TIMEOUT_MS} ms in vain for ${what}`);
    await clock.sleep(CONDITION_INTERVAL_MS);
  }
}

/** Real time, for the adapters' own tests. */
export const realClock: Clock = {
  nowMs: () => Date.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted === true) {
        resolve();
        return;
      }
      const finish = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', finish);
        resolve();
      };
      const timer = setTimeout(finish, ms);
      signal?.addEventListener('abort', finish, { once: true });
    }),
};
