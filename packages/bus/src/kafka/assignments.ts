import type { Clock } from '@tidemark/core';
import type { Consumer as KafkaJsConsumer } from 'kafkajs';
import type { BusLog, CommittedOffset, ConsumerOptions, PartitionBounds } from '../port.ts';
import { Spell } from '../spell.ts';
import type { KafkaAdmin } from './admin.ts';
import { commitOffset, type CommitConfirmations } from './commit.ts';
import { FetchBuffer } from './fetch-buffer.ts';

const LOAD_RETRY_MS = 250;

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** A spell of this consumer and what was fetched for it. */
export interface HeldPartition {
  readonly spell: Spell;
  readonly buffer: FetchBuffer;
}

export interface SpellFactoryOptions {
  readonly consumer: KafkaJsConsumer;
  readonly options: ConsumerOptions;
  readonly admin: KafkaAdmin;
  readonly clock: Clock;
  readonly log: BusLog;
  readonly confirmations: CommitConfirmations;
  readonly maxBufferedBytes: number;
  readonly fetchBytes: number;
  /** The coordinator, or kafkajs, says that we own nothing any more. */
  readonly onFenced: () => void;
}

/** Where the group stands on a topic. */
interface TopicState {
  readonly committed: ReadonlyMap<number, CommittedOffset>;
  readonly bounds: ReadonlyMap<number, PartitionBounds>;
}

/**
 * What the group had committed on each topic, and what the log holds. Tried until it succeeds or the signal aborts
 * (null): an assignment cannot begin without it.
 */
export async function loadTopics(
  topics: readonly string[],
  { admin, clock, log, options }: SpellFactoryOptions,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, TopicState> | null> {
  while (!signal.aborted) {
    try {
      const states = await Promise.all(
        topics.map(async (topic): Promise<[string, TopicState]> => {
          const [committed, bounds] = await Promise.all([
            admin.committed(options.group, topic),
            admin.bounds(topic),
          ]);
          return [topic, { committed, bounds: new Map(bounds.map((entry) => [entry.partition, entry])) }];
        }),
      );
      return new Map(states);
    } catch (error) {
      log.warn(
        { group: options.group, topics, err: error },
        'the start of an assignment cannot be loaded; trying again',
      );
      await clock.sleep(LOAD_RETRY_MS, signal);
    }
  }
  return null;
}

/** A new spell, fetching from where the group had committed (or from the oldest record). */
export function beginSpell(
  { topic, partition }: TopicPartition,
  state: TopicState,
  factory: SpellFactoryOptions,
): HeldPartition {
  const { consumer, options, admin, clock, log, maxBufferedBytes, fetchBytes } = factory;
  const committed = state.committed.get(partition) ?? null;
  const position = startOf({ topic, partition }, committed, state.bounds.get(partition), {
    log,
    group: options.group,
  });
  const target = [{ topic, partitions: [partition] }];
  // kafkajs refuses these only when it has no group any more: it crashed, and its event is still to come.
  const guarded = (call: () => void): void => {
    try {
      call();
    } catch (error) {
      log.info({ group: options.group, topic, partition, err: error }, 'the consumer has no group any more');
      factory.onFenced();
    }
  };
  const buffer = new FetchBuffer({
    position,
    maxBytes: maxBufferedBytes,
    fetchBytes,
    pause: () => guarded(() => consumer.pause(target)),
    resume: () => guarded(() => consumer.resume(target)),
    seek: (offset) => guarded(() => consumer.seek({ topic, partition, offset: String(offset) })),
  });
  const spell = new Spell({
    topic,
    partition,
    committed,
    clock,
    source: buffer,
    wakeup: buffer.arrived,
    maxReadBytes: maxBufferedBytes,
    writeCommit: (next, owner) => commitOffset(next, owner, factory),
    readBounds: async () => {
      const bounds = await admin.bounds(topic);
      return (
        bounds.find((entry) => entry.partition === partition) ?? { partition, startOffset: 0, endOffset: 0 }
      );
    },
  });
  consumer.seek({ topic, partition, offset: String(position) });
  return { spell, buffer };
}

/**
 * Never an offset outside the log: kafkajs would answer the broker's refusal by COMMITTING "the oldest" over the group's
 * offset and metadata.
 */
function startOf(
  { topic, partition }: TopicPartition,
  committed: CommittedOffset | null,
  bounds: PartitionBounds | undefined,
  { log, group }: { readonly log: BusLog; readonly group: string },
): number {
  const startOffset = bounds?.startOffset ?? 0;
  if (committed === null) return startOffset;
  const endOffset = bounds?.endOffset ?? committed.offset;
  if (committed.offset >= startOffset && committed.offset <= endOffset) return committed.offset;
  const fields = { group, topic, partition, committed: committed.offset, startOffset, endOffset };
  log.error(fields, 'the committed offset is outside the log; reading from its start');
  return startOffset;
}
