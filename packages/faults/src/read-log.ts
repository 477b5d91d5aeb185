/** The log past the product, by a group of its own. */
import type { AssignedPartition, Bus, BusRecord, Consumer } from '@tidemark/bus';
import { DEAD_LETTERS_TOPIC, decodeEventRecord, EVENTS_TOPIC, parseDeadLetter } from '@tidemark/contracts';
import { isAppError } from '@tidemark/core';
import type { LogRecord } from './check-log.ts';
import { contentOfRecord } from './content.ts';

const AUDIT_GROUP = 'tidemark.faults';
const READ_RECORDS_MAX = 5_000;
const READ_WAIT_MS = 1_000;
const AUDIT_DEADLINE_MS = 180_000;

/**
 * Every record of the topic, of each partition in order.
 * @param from where to begin, by partition; the start of the log when 0
 * @throws Error when it takes longer than three minutes
 */
async function readTopic(
  bus: Bus,
  topic: string,
  from: (partition: number) => number,
  take: (partition: number, record: BusRecord) => void,
): Promise<void> {
  const bounds = await bus.bounds(topic);
  const left = new Set(
    bounds.flatMap(({ partition, startOffset, endOffset }) =>
      Math.max(from(partition), startOffset) < endOffset ? [partition] : [],
    ),
  );
  if (left.size === 0) return;
  const ends = new Map(bounds.map(({ partition, endOffset }) => [partition, endOffset]));
  let consumer: Consumer | undefined;
  let timer: NodeJS.Timeout | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      // What a rebalance took is read on by the next spell, from where it was left.
      const fail = (error: unknown): void => {
        if (!isAppError(error, 'partition-lost')) reject(error);
      };
      timer = setTimeout(
        () => reject(new Error(`${topic} was not read within ${AUDIT_DEADLINE_MS} ms`)),
        AUDIT_DEADLINE_MS,
      );
      const read = async (assigned: AssignedPartition): Promise<void> => {
        const { partition } = assigned;
        if (!left.has(partition)) return;
        await readPartition(assigned, from(partition), ends.get(partition) ?? 0, take);
        left.delete(partition);
        if (left.size === 0) resolve();
      };
      bus
        .consume({
          group: AUDIT_GROUP,
          topics: [topic],
          onAssigned: (assigned) => void read(assigned).catch(fail),
          onFatal: fail,
        })
        .then((joined) => (consumer = joined), fail);
    });
  } finally {
    clearTimeout(timer);
    await consumer?.close();
  }
}

async function readPartition(
  assigned: AssignedPartition,
  from: number,
  end: number,
  take: (partition: number, record: BusRecord) => void,
): Promise<void> {
  assigned.seek(from);
  for (let next = from; next < end; ) {
    const records = await assigned.read({ maxRecords: READ_RECORDS_MAX, maxWaitMs: READ_WAIT_MS });
    for (const record of records) {
      if (record.offset >= end) return;
      take(assigned.partition, record);
      next = record.offset + 1;
    }
  }
}

export async function readEventLog(
  bus: Bus,
  from: (partition: number) => number,
  take: (record: LogRecord) => void,
): Promise<void> {
  await readTopic(bus, EVENTS_TOPIC, from, (partition, record) => {
    const decoded = decodeEventRecord(record);
    const { offset } = record;
    if (!decoded.ok) return take({ partition, offset, event: null });
    const { organization, source, id } = decoded.event;
    const content = contentOfRecord(decoded.event);
    take({ partition, offset, event: { organization, source, id, content } });
  });
}

export interface LetterTopic {
  /** Of the records that became dead letters, by partition of the events. */
  readonly deadOffsets: ReadonlyMap<number, ReadonlySet<number>>;
  /** Whose each letter is, by id; '' for those that do not say so. */
  readonly owners: ReadonlyMap<string, string>;
  /** Records of the topic that are no letters. */
  readonly unreadable: number;
}

export async function readLetterTopic(bus: Bus): Promise<LetterTopic> {
  const deadOffsets = new Map<number, Set<number>>();
  const owners = new Map<string, string>();
  let unreadable = 0;
  await readTopic(
    bus,
    DEAD_LETTERS_TOPIC,
    () => 0,
    (_partition, { value }) => {
      const letter = parseDeadLetter(value);
      if (letter === null) {
        unreadable += 1;
        return;
      }
      owners.set(letter.id, letter.organization ?? '');
      // The id of a record's letter is its coordinate: topic, partition, offset.
      const [topic, partition, offset] = letter.id.split(':');
      if (topic !== EVENTS_TOPIC) return;
      const offsets = deadOffsets.get(Number(partition)) ?? new Set<number>();
      deadOffsets.set(Number(partition), offsets.add(Number(offset)));
    },
  );
  return { deadOffsets, owners, unreadable };
}
