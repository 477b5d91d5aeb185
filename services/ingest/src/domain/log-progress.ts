/**
 * Telling a log that was made anew: its offsets begin again at 0 while what was stored of the former one stays on record, so the record
 * says of every new event that it is stored already. Offsets are compared in one order only, in which an unbroken log allows no doubt:
 * what was stored when the record was read lies before whatever is assigned, and before every end that is read, after that.
 */

/** The next offset to be stored, by partition. */
export type StoredOffsets = ReadonlyMap<number, number>;

/** @param storedBefore as read before the offset was assigned */
export function isOfNewLog(
  { partition, offset }: { readonly partition: number; readonly offset: number },
  storedBefore: StoredOffsets,
): boolean {
  return offset < (storedBefore.get(partition) ?? 0);
}

interface Bounds {
  readonly partition: number;
  readonly startOffset: number;
  readonly endOffset: number;
}

export interface PartitionLag {
  /** Events in the log and not stored yet. */
  readonly backlogRecords: number;
  /** The offset up to which everything is stored. */
  readonly storedRecords: number;
}

export interface Backlog {
  readonly partitions: ReadonlyMap<number, PartitionLag>;
  /** What was stored of the former log, by partition that was made anew: it says nothing until it changes. */
  readonly madeAnew: StoredOffsets;
}

/** Of all partitions together. */
export function sumLags(partitions: ReadonlyMap<number, PartitionLag>): PartitionLag {
  let backlogRecords = 0;
  let storedRecords = 0;
  for (const lag of partitions.values()) {
    backlogRecords += lag.backlogRecords;
    storedRecords += lag.storedRecords;
  }
  return { backlogRecords, storedRecords };
}

/**
 * The backlog of a log by partition, whole where a partition was made anew: how much of that is stored is not known.
 *
 * @param before of the look before this one, null at the first: stored offsets as they were read then, and the partitions known to be anew
 * @param stored read after the bounds: a record counted as received is then never missed for being stored meanwhile
 */
export function measureBacklog(
  bounds: readonly Bounds[],
  stored: StoredOffsets,
  before: { readonly stored: StoredOffsets; readonly madeAnew: StoredOffsets } | null,
): Backlog {
  const partitions = new Map<number, PartitionLag>();
  const madeAnew = new Map<number, number>();
  for (const { partition, startOffset, endOffset } of bounds) {
    const now = stored.get(partition) ?? 0;
    const isKnownAnew = before?.madeAnew.get(partition) === now;
    if (isKnownAnew || (before?.stored.get(partition) ?? 0) > endOffset) {
      madeAnew.set(partition, now);
      partitions.set(partition, { backlogRecords: endOffset - startOffset, storedRecords: startOffset });
      continue;
    }
    // What retention has dropped can no longer be stored.
    const storedRecords = Math.max(now, startOffset);
    partitions.set(partition, { backlogRecords: Math.max(0, endOffset - storedRecords), storedRecords });
  }
  return { partitions, madeAnew };
}
