import type { Clock } from '@tidemark/core';
import type { BusLog, ConsumerOptions } from './port.ts';
import type { Spell } from './spell.ts';
import { settledWithin } from './waiting.ts';

export interface RevocationOptions {
  readonly consumer: ConsumerOptions;
  readonly clock: Clock;
  readonly log: BusLog;
  /** The next owner waits this long at most. */
  readonly timeoutMs: number;
}

/**
 * Lets the owner of ended spells finish: `onRevoked`, then the commits under way, so that what was committed in time is
 * what the next owner finds. Never rejects; a failing `onRevoked` is fatal to its consumer.
 */
export async function letGo(
  spells: readonly Spell[],
  { consumer, clock, log, timeoutMs }: RevocationOptions,
): Promise<void> {
  const { group } = consumer;
  const finish = async (): Promise<void> => {
    await consumer.onRevoked?.(spells);
    await Promise.all(spells.map((spell) => spell.commitsSettled()));
  };
  try {
    const isDone = await settledWithin(clock, timeoutMs, finish());
    if (!isDone) log.warn({ group, timeoutMs }, 'a consumer did not let go of its partitions in time');
  } catch (error) {
    reportFatal(consumer, log, 'onRevoked failed', error);
  }
}

/** Tells the consumer of each new spell; a failing `onAssigned` is fatal to it. */
export function announce(spells: readonly Spell[], consumer: ConsumerOptions, log: BusLog): void {
  for (const spell of spells) {
    try {
      consumer.onAssigned(spell);
    } catch (error) {
      reportFatal(consumer, log, 'onAssigned failed', error);
    }
  }
}

function reportFatal(consumer: ConsumerOptions, log: BusLog, message: string, error: unknown): void {
  log.error({ group: consumer.group, err: error }, message);
  consumer.onFatal(error instanceof Error ? error : new Error(String(error)));
}
