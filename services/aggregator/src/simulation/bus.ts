/** The bus, simulated: logs that grow, a group's committed offsets, spells of ownership that know their generation. */
import { AppError } from '@tidemark/core';
import type {
  AssignedPartition,
  Bus,
  BusRecord,
  CommittedOffset,
  OutgoingRecord,
  PartitionBounds,
} from '@tidemark/bus';
import { DEAD_LETTERS_TOPIC, EVENTS_TOPIC, parseDeadLetter } from '@tidemark/contracts';
import type { Machine, SimulatedProcess } from './process.ts';

const BUS_CALL = { lost: 'bus-unavailable', refused: 'bus-unavailable' } as const;

export interface BusObserver {
  onCommit(partition: number, from: CommittedOffset | null, to: CommittedOffset): void;
}

/** A log that was made anew has another list. */
interface Log {
  records: BusRecord[];
}

export class SimulatedBus {
  /** Of the group: commits of an older one are refused. */
  generation = 0;
  readonly deadLetters = new Set<string>();
  private readonly machine: Machine;
  private readonly observer: BusObserver;
  private readonly logs: readonly Log[];
  private readonly committedOffsets: (CommittedOffset | null)[];

  constructor(machine: Machine, partitions: number, observer: BusObserver) {
    this.machine = machine;
    this.observer = observer;
    this.logs = Array.from({ length: partitions }, () => ({ records: [] }));
    this.committedOffsets = this.logs.map(() => null);
  }

  get partitions(): number {
    return this.logs.length;
  }

  endOffset(partition: number): number {
    return this.log(partition).records.length;
  }

  committed(partition: number): CommittedOffset | null {
    return this.committedOffsets[partition] ?? null;
  }

  append(partition: number, record: OutgoingRecord): BusRecord {
    const { records } = this.log(partition);
    const appended = { ...record, offset: records.length };
    records.push(appended);
    return appended;
  }

  /** The topic made anew: the same offsets hold other records. */
  replaceLog(partition: number, records: readonly OutgoingRecord[]): void {
    this.log(partition).records = records.map((record, offset) => ({ ...record, offset }));
  }

  /** What a process publishes; only dead letters are kept. */
  publisherOf(process: SimulatedProcess): Pick<Bus, 'publish'> {
    return {
      publish: (topic, records) =>
        process.request(`publish ${topic}`, BUS_CALL, (reply) => {
          if (topic === DEAD_LETTERS_TOPIC) for (const { value } of records) this.keepDeadLetter(value);
          reply(records.map((_, offset) => ({ topic, partition: 0, offset })));
        }),
    };
  }

  private keepDeadLetter(value: Buffer): void {
    const letter = parseDeadLetter(value);
    if (letter === null) throw new Error('Assertion failed: a dead letter that cannot be read');
    this.deadLetters.add(letter.id);
  }

  /** One spell, with what is committed at this moment. */
  assign(
    process: SimulatedProcess,
    partition: number,
  ): { readonly spell: AssignedPartition; readonly end: () => void } {
    const lost = new AbortController();
    const { generation } = this;
    const committed = this.committed(partition);
    let position = committed?.offset ?? 0;
    const assertHeld = (): void => {
      if (lost.signal.aborted) throw partitionLost();
    };
    const call = async <T>(
      label: string,
      serve: (reply: (answer: T | AppError) => void) => void,
    ): Promise<T> => {
      assertHeld();
      const answer = await process.request<T>(label, BUS_CALL, serve);
      assertHeld();
      return answer;
    };
    const spell: AssignedPartition = {
      topic: EVENTS_TOPIC,
      partition,
      lost: lost.signal,
      committed,
      read: async (options) => {
        const records = await call<readonly BusRecord[]>('read', (reply) =>
          this.serveRead(partition, process, () => position, options, reply),
        );
        position = (records.at(-1)?.offset ?? position - 1) + 1;
        return records;
      },
      seek: (offset) => {
        assertHeld();
        position = offset;
      },
      commit: (to) => call<void>('commit', (reply) => reply(this.commit(partition, generation, to))),
      bounds: () =>
        call<PartitionBounds>('bounds', (reply) =>
          reply({ partition, startOffset: 0, endOffset: this.endOffset(partition) }),
        ),
    };
    return { spell, end: () => lost.abort('lost') };
  }

  private serveRead(
    partition: number,
    process: SimulatedProcess,
    position: () => number,
    options: { readonly maxRecords: number; readonly maxWaitMs: number },
    reply: (records: readonly BusRecord[]) => void,
  ): void {
    const { random, scheduler } = this.machine;
    const take = (): readonly BusRecord[] => {
      // At times fewer than there are, as when a fetch ends at a size.
      const most = random.chance(0.7) ? options.maxRecords : random.between(1, options.maxRecords);
      return this.log(partition).records.slice(position(), position() + most);
    };
    const records = take();
    if (records.length > 0) reply(records);
    else scheduler.in(options.maxWaitMs, process.number, 'read waited', () => reply(take()));
  }

  private commit(partition: number, generation: number, to: CommittedOffset): AppError | undefined {
    if (generation !== this.generation) return partitionLost();
    this.machine.scheduler.explain(() => `committed: ${partition} at ${to.offset} with ${to.metadata}`);
    this.observer.onCommit(partition, this.committed(partition), to);
    this.committedOffsets[partition] = to;
    return undefined;
  }

  private log(partition: number): Log {
    const log = this.logs[partition];
    if (log === undefined) throw new Error(`Assertion failed: there is no partition ${partition}`);
    return log;
  }
}

function partitionLost(): AppError {
  return new AppError('partition-lost', 'somebody else owns the partition');
}
