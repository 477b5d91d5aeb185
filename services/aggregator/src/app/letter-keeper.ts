/** Brings dead letters from the bus into the store, where people find them: each once, and nothing of the topic is left out. */
import { AppError, isAppError } from '@tidemark/core';
import type { Clock } from '@tidemark/core';
import type { AssignedPartition, Bus } from '@tidemark/bus';
import { DEAD_LETTERS_TOPIC } from '@tidemark/contracts';
import type { Logger } from '@tidemark/runtime';
import type { DeadLetterStore } from '@tidemark/warehouse';
import { byArrivalDay, letterOfNobody, toArrivedLetter } from '../domain/letters.ts';
import type { ArrivedLetter } from '../domain/letters.ts';
import { retryUntilLost } from './retry.ts';

export const LETTERS_GROUP = 'tidemark.dead-letters';

/** Letters of one read: what is held in memory of each partition, and written in one insert when they arrived on one day. */
const LETTERS_PER_READ = 1_000;
/** Of one read, and again of what is fetched ahead. A letter carries a record of the bus, so it may weigh a megabyte. */
const LETTER_BYTES_PER_READ = 4 * 1024 * 1024;
/** How long letters are collected for: nobody waits for one, and each insert is a part of the table. */
const LETTERS_WAIT_MS = 1_000;

export interface LetterKeeperDependencies {
  readonly bus: Pick<Bus, 'consume'>;
  readonly letters: Pick<DeadLetterStore, 'add'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** [0, 1): jitter of pauses. */
  readonly random: () => number;
  readonly onKept: (letters: number) => void;
  readonly onRetry: () => void;
  readonly onFatal: (error: Error) => void;
}

/**
 * Runs until the signal aborts; resolves when the group is left and nothing is under way. An offset is committed after its letters are
 * durable, and a letter that is there already stays what it is, so whatever is read again changes nothing. While the store or the bus
 * is away, nothing is read and the topic keeps the letters (`DEAD_LETTERS_RETENTION_MS`).
 */
export async function runLetterKeeper(
  dependencies: LetterKeeperDependencies,
  stop: AbortSignal,
): Promise<void> {
  const running = new Map<AssignedPartition, Promise<void>>();
  const joined = await patiently(dependencies, stop, 'join', () =>
    dependencies.bus.consume({
      group: LETTERS_GROUP,
      topics: [DEAD_LETTERS_TOPIC],
      maxBufferedBytesPerPartition: LETTER_BYTES_PER_READ,
      onAssigned: (partition) => {
        const loop = keepPartition(partition, dependencies)
          .catch((error: unknown) => dependencies.onFatal(toError(error)))
          .finally(() => running.delete(partition));
        running.set(partition, loop);
      },
      onRevoked: async (partitions) => {
        await Promise.all(partitions.map((partition) => running.get(partition) ?? Promise.resolve()));
      },
      onFatal: dependencies.onFatal,
    }),
  );
  if (joined === null) return;
  await aborted(stop);
  await joined.value.close();
  await Promise.all(running.values());
}

async function keepPartition(
  partition: AssignedPartition,
  dependencies: LetterKeeperDependencies,
): Promise<void> {
  const { lost } = partition;
  while (!lost.aborted) {
    const read = await patiently(dependencies, lost, 'read', () =>
      partition.read({ maxRecords: LETTERS_PER_READ, maxWaitMs: LETTERS_WAIT_MS }),
    );
    if (read === null) return;
    const last = read.value.at(-1);
    if (last === undefined) continue;
    const arrived = read.value.map((record) => toArrivedLetter(partition.partition, record));
    const kept = await patiently(dependencies, lost, 'keep', async () => {
      for (const sameDay of byArrivalDay(arrived)) await add(sameDay, partition, dependencies);
    });
    if (kept === null) return;
    const committed = await patiently(dependencies, lost, 'commit', () =>
      partition.commit({ offset: last.offset + 1, metadata: '' }),
    );
    if (committed !== null) dependencies.onKept(arrived.length);
  }
}

/** A letter that the store refuses is looked for in halves: one that cannot be stored must not stop the topic. */
async function add(
  arrived: readonly ArrivedLetter[],
  partition: AssignedPartition,
  dependencies: LetterKeeperDependencies,
): Promise<void> {
  try {
    await dependencies.letters.add(arrived.map(({ letter }) => letter));
    return;
  } catch (error) {
    if (!isAppError(error, 'insert-refused')) throw error;
    const [first] = arrived;
    if (arrived.length === 1 && first !== undefined) {
      await addForNobody(first, error, partition, dependencies);
      return;
    }
  }
  const middle = Math.ceil(arrived.length / 2);
  await add(arrived.slice(0, middle), partition, dependencies);
  await add(arrived.slice(middle), partition, dependencies);
}

/** A store that refuses even this has a fault of ours: everything waits for it to be mended. */
async function addForNobody(
  { letter, record }: ArrivedLetter,
  refusal: AppError,
  { partition }: AssignedPartition,
  { letters, log }: LetterKeeperDependencies,
): Promise<void> {
  const ofNobody = letterOfNobody(partition, record, `the store refuses it: ${refusal.message}`);
  try {
    await letters.add([ofNobody.letter]);
  } catch (error) {
    if (!isAppError(error, 'insert-refused')) throw error;
    throw new AppError('warehouse-unavailable', 'the store refuses any dead letter', { cause: error });
  }
  log.error({ err: refusal, id: letter.id, keptAs: ofNobody.letter.id }, 'the store refused a dead letter');
}

/** Tries until it succeeds or is lost; an outage is logged when it begins and when it ends. */
async function patiently<T>(
  { clock, random, log, onRetry }: LetterKeeperDependencies,
  lost: AbortSignal,
  step: string,
  body: () => Promise<T>,
): Promise<{ readonly value: T } | null> {
  let failed = 0;
  const done = await retryUntilLost(body, {
    clock,
    random,
    lost,
    onRetry: (error, failures) => {
      failed = failures;
      onRetry();
      if (failures === 1)
        log.warn({ err: error, step }, 'dead letters cannot be kept now; they wait in the log');
    },
  });
  if (failed > 0 && done !== null) log.info({ step, failed }, 'dead letters are kept again');
  return done;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
