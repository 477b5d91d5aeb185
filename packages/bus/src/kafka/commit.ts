import { type Clock, isAppError, SECOND_MS } from '@tidemark/core';
import type { Consumer as KafkaJsConsumer } from 'kafkajs';
import { partitionLost } from '../bus-errors.ts';
import type { CommittedOffset } from '../port.ts';
import type { Spell } from '../spell.ts';
import { isFenced, toBusFault } from './faults.ts';

const COMMIT_TIMEOUT_MS = 10 * SECOND_MS;
const COMMIT_RETRY_MS = 200;

/**
 * Which commits the broker has confirmed, from kafkajs' COMMIT_OFFSETS events: its `commitOffsets` also resolves when it
 * sent nothing, because the consumer is not running (Runner.commitOffsets, 2.2.4).
 */
export class CommitConfirmations {
  readonly #offsets = new Map<string, number>();

  confirm(topic: string, partition: number, offset: number): void {
    this.#offsets.set(key(topic, partition), offset);
  }

  /** Whether the offset was confirmed since the last call for this partition. */
  take(topic: string, partition: number, offset: number): boolean {
    const at = key(topic, partition);
    const isConfirmed = this.#offsets.get(at) === offset;
    this.#offsets.delete(at);
    return isConfirmed;
  }
}

export interface CommitDependencies {
  readonly consumer: KafkaJsConsumer;
  readonly clock: Clock;
  readonly confirmations: CommitConfirmations;
  readonly onFenced: () => void;
}

/**
 * Commits under the spell's own epoch. kafkajs commits with the generation of the moment, whoever asks (#1046): a loop of
 * the generation before would move an offset it no longer owns. The check of the spell and the capture of the
 * generation happen in one turn of the event loop, and spells end before a join can begin; so a commit that leaves this
 * process carries the generation its spell belongs to, and the coordinator refuses it if that one is over.
 * @throws partition-lost, bus-unavailable
 */
export async function commitOffset(
  { offset, metadata }: CommittedOffset,
  spell: Spell,
  { consumer, clock, confirmations, onFenced }: CommitDependencies,
): Promise<void> {
  const { topic, partition } = spell;
  const wanted = { topic, partition, offset: String(offset), metadata };
  const deadlineMs = clock.nowMs() + COMMIT_TIMEOUT_MS;
  for (;;) {
    spell.assertHeld();
    confirmations.take(topic, partition, offset);
    try {
      await consumer.commitOffsets([wanted]);
      if (confirmations.take(topic, partition, offset)) return;
      throw partitionLost(topic, partition);
    } catch (error) {
      if (isFenced(error) || isAppError(error, 'partition-lost') || isStopped(error)) {
        onFenced();
        throw partitionLost(topic, partition, error);
      }
      if (clock.nowMs() >= deadlineMs) throw toBusFault(`commit of ${topic}/${partition}`, error);
      await clock.sleep(COMMIT_RETRY_MS, spell.lost);
      if (spell.lost.aborted) throw partitionLost(topic, partition, error);
    }
  }
}

/** kafkajs has no group any more: the consumer crashed or was closed. */
function isStopped(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('Consumer group was not initialized');
}

function key(topic: string, partition: number): string {
  return JSON.stringify([topic, partition]);
}
