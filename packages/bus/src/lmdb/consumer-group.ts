import type { Clock } from '@tidemark/core';
import type { BusLog, ConsumerOptions } from '../port.ts';
import { announce, letGo } from '../revocation.ts';
import { Spell } from '../spell.ts';
import { LogSource } from './log-source.ts';
import type { LogPartition, LogStore } from './log-store.ts';

export interface GroupOptions {
  readonly group: string;
  readonly store: LogStore;
  readonly clock: Clock;
  readonly log: BusLog;
  /** How long a revocation may take at most. */
  readonly sessionTimeoutMs: number;
}

/** One consumer of the group. */
export interface Member {
  readonly options: ConsumerOptions;
  readonly maxReadBytes: number;
  spells: readonly Spell[];
}

/**
 * A consumer group within this process, eager like Kafka's: every join and leave ends all spells, waits until their
 * owners have let go, and deals the partitions anew, round robin.
 */
export class ConsumerGroup {
  readonly #options: GroupOptions;
  readonly #members = new Set<Member>();
  #rebalances: Promise<void> = Promise.resolve();

  constructor(options: GroupOptions) {
    this.#options = options;
  }

  /** Resolves when the member has its partitions. */
  join(member: Member): Promise<void> {
    this.#members.add(member);
    return this.#rebalance();
  }

  /** Resolves when the member has let go of its partitions and the others have them. Idempotent. */
  async leave(member: Member): Promise<void> {
    if (this.#members.delete(member)) await this.#rebalance(member);
    else await this.#rebalances;
  }

  #rebalance(leaving?: Member): Promise<void> {
    const turn = this.#rebalances.then(async () => {
      const affected = leaving === undefined ? [...this.#members] : [...this.#members, leaving];
      await this.#revokeAll(affected);
      this.#dealPartitions();
    });
    // A failed turn is the joiner's to report; the next turn starts from the members as they are.
    this.#rebalances = turn.then(
      () => undefined,
      () => undefined,
    );
    return turn;
  }

  async #revokeAll(members: readonly Member[]): Promise<void> {
    for (const { spells } of members) for (const spell of spells) spell.end();
    await Promise.all(members.map((member) => this.#revoke(member)));
  }

  async #revoke(member: Member): Promise<void> {
    const { spells, options } = member;
    member.spells = [];
    if (spells.length === 0) return;
    const { clock, log, sessionTimeoutMs } = this.#options;
    await letGo(spells, { consumer: options, clock, log, timeoutMs: sessionTimeoutMs });
  }

  #dealPartitions(): void {
    const topics = new Set([...this.#members].flatMap(({ options }) => options.topics));
    const hands = new Map<Member, LogPartition[]>();
    for (const topic of [...topics].sort()) {
      const takers = [...this.#members].filter(({ options }) => options.topics.includes(topic));
      for (const [index, partition] of this.#options.store.topic(topic).partitions.entries()) {
        const taker = takers[index % takers.length] as Member;
        hands.set(taker, [...(hands.get(taker) ?? []), partition]);
      }
    }
    for (const [member, partitions] of hands) {
      member.spells = partitions.map((partition) => this.#createSpell(member, partition));
    }
    for (const { spells, options } of hands.keys()) announce(spells, options, this.#options.log);
  }

  #createSpell(member: Member, partition: LogPartition): Spell {
    const { store, clock, group, log } = this.#options;
    const { topic } = partition;
    const committed = store.committed(group, topic, partition.partition);
    const { startOffset, endOffset } = store.bounds(partition);
    const wanted = committed?.offset ?? startOffset;
    const isHeld = wanted >= startOffset && wanted <= endOffset;
    if (!isHeld) {
      const fields = {
        group,
        topic,
        partition: partition.partition,
        committed: wanted,
        startOffset,
        endOffset,
      };
      log.error(fields, 'the committed offset is outside the log; reading from its start');
    }
    return new Spell({
      topic,
      partition: partition.partition,
      committed,
      clock,
      source: new LogSource(store, partition, isHeld ? wanted : startOffset),
      wakeup: partition.appended,
      maxReadBytes: member.maxReadBytes,
      writeCommit: (next) => store.commit(group, topic, partition.partition, next),
      readBounds: async () => store.bounds(partition),
    });
  }
}
